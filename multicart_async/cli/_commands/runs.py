"""``multicart runs``."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any

import attrs
import click

from multicart_async.cli._call import Call
from multicart_async.cli._command import command, group
from multicart_async.cli._errors import NoSuchRunError
from multicart_async.cli._flag_option import option
from multicart_async.cli._numbers import ID
from multicart_async.cli._parameters import (
    COLLECTION_ID,
    DEST,
    FILES,
    collection_ids,
    find_ids,
    policy_of,
    poll_options,
)
from multicart_async.cli._spending import confirm_run_spending, describe_estimate
from multicart_async.cli._started import read_started
from multicart_async.cli._view import View
from multicart_async.config import PollPolicy
from multicart_async.models import Run, RunDownload
from multicart_async.models.outcome import Outcome
from multicart_async.resources._pagination import find_first

if TYPE_CHECKING:
    from multicart_async.models import Estimate

__all__ = ["runs"]

_RUN = View(
    ("id", "collection", "finished=is_download_generated", "results=total_exacted_result", "created_at", "updated_at"),
    "id",
    "runs",
)
_FOLLOWED = attrs.evolve(_RUN, streamed=True)
_STARTED = View(("collection_id", "after_run_id"), "collection_id", "runs", streamed=True)
_OUTCOME = View(
    ("collection_id", "ok", "run=run.id", "results=run.total_exacted_result", "error"), "run.id", "runs", streamed=True
)
_DOWNLOAD = View(("collection=run.collection", "run=run.id", "bytes", "skipped", "directory"), "run.id", "runs")
_ESTIMATE = View(("collections", "items", "spendable", "unknown"), None, "")
_SPENDING = "spending credits"

runs = group("runs", "Start runs, wait for them, and get their results. A run costs one credit per item.")


@command(runs, "start", example="multicart runs start 101 102 --jsonl | multicart runs wait -", view=_STARTED)
@collection_ids()
async def start(call: Call, *, ids: tuple[str, ...], everything: bool) -> AsyncGenerator[Any, None] | None:
    """Start runs of collections, and print for each what `runs wait` needs to recognise the new run."""
    call.require_answer(_SPENDING)
    wanted = await find_ids(call, ids, everything=everything)
    if not await confirm_run_spending(call, wanted):
        return None
    return call.client.runs.start_many(wanted)


@command(runs, "wait", example="multicart runs wait 101:88", view=_OUTCOME, progress=True)
@click.argument("started", nargs=-1, required=True, metavar="COLLECTION:AFTER_RUN...")
@poll_options
async def wait(
    call: Call, *, started: tuple[str, ...], wait_timeout: float | None, poll_interval: float
) -> AsyncGenerator[Outcome[Any, Run], None]:
    """Wait for runs that were started, and print each as it is finished.

    Each is named as COLLECTION:AFTER_RUN, or - reads the lines that `runs start --jsonl` prints.
    """
    policy = policy_of(wait_timeout, poll_interval)
    return call.client.runs.wait_many(read_started(call, started), policy=policy)


@command(
    runs, "run", example="multicart runs run 101 102 --dest results --journal today.jsonl", view=_OUTCOME, progress=True
)
@collection_ids()
@DEST
@FILES
@option("--journal", type=click.Path(dir_okay=False), help="A file with which the same call can be repeated.")
@poll_options
async def run(
    call: Call,
    *,
    ids: tuple[str, ...],
    everything: bool,
    dest: str | None,
    files: Any,
    journal: str | None,
    wait_timeout: float | None,
    poll_interval: float,
) -> AsyncGenerator[Outcome[int, Any], None] | None:
    """Start runs, wait for them, and with --dest download the files of each as soon as it is finished.

    With --journal, the same command can be repeated after a crash: nothing is started twice.
    """
    call.require_answer(_SPENDING)
    wanted = await find_ids(call, ids, everything=everything)
    if not await confirm_run_spending(call, wanted, journal):
        return None
    call.expect(len(wanted))
    policy = policy_of(wait_timeout, poll_interval)
    if dest is None:
        return call.client.runs.run_many(wanted, policy=policy, journal=journal)
    return call.client.runs.run_many(wanted, dest, files=files, policy=policy, journal=journal)


@command(runs, "list", example="multicart runs list 101", view=_RUN)
@COLLECTION_ID
async def list_runs(call: Call, *, collection_id: int) -> AsyncGenerator[Run, None]:
    """List the runs of a collection, all of them, usually the newest first."""
    return call.client.runs.iterate(collection_id)


@command(runs, "download", example="multicart runs download 101 89 --dest results", view=_DOWNLOAD, progress=True)
@COLLECTION_ID
@click.argument("run_id", type=ID, required=False)
@DEST
@FILES
@option("--overwrite", is_flag=True, help="Fetch files again that are present.")
@option("--strict", is_flag=True, help="Fail if the records do not add up to the totals of the run.")
async def download(
    call: Call,
    *,
    collection_id: int,
    run_id: int | None,
    dest: str | None,
    files: Any,
    overwrite: bool,
    strict: bool,
) -> RunDownload[Run] | None:
    """Download the files of a finished run, without RUN_ID of the newest one, to DEST/COLLECTION/RUN."""
    folder = dest or "."
    found = await _find_run(call, collection_id, run_id)
    if call.planned(f"run {found.id} of collection {collection_id} would be downloaded to {folder}", found):
        return None
    async with call.progress_shown():
        return await call.client.runs.download(found, folder, files=files, overwrite=overwrite, strict=strict)


@command(
    runs,
    "records",
    example="multicart runs records 101 > records.jsonl",
    view=View(noun="records", records=True),
    offline="mirror",
)
@click.argument("collection_id", type=ID, required=False)
@click.argument("run_id", type=ID, required=False)
@option("--from", "mirror", metavar="MIRROR", help="Read them from a mirror that sync has made; nothing is sent.")
@option("--skip-invalid", is_flag=True, help="Leave out values that are no records, instead of failing.")
async def records(
    call: Call, *, collection_id: int | None, run_id: int | None, mirror: str | None, skip_invalid: bool
) -> AsyncGenerator[dict[str, Any], None]:
    """Print each record of a finished run as a line of JSON, without RUN_ID of the newest one.

    With --from, the newest one is that of the mirror, and no credential is needed. Without COLLECTION_ID, that is the
    newest run of each collection of the mirror.
    """
    if mirror is not None:
        from multicart_async.cli._mirror_records import mirror_records  # noqa: PLC0415

        return await mirror_records(call, mirror, collection_id, run_id, skip_invalid=skip_invalid)
    if collection_id is None:
        raise click.UsageError("missing argument 'COLLECTION_ID'; only a mirror, with --from, can be read without it")
    found = await _find_run(call, collection_id, run_id)
    return call.client.runs.records(found, on_invalid="skip" if skip_invalid else "raise")


async def _find_run(call: Call, collection_id: int, run_id: int | None) -> Run:
    if run_id is None:
        found = await call.client.runs.latest(collection_id)
    else:
        found = await find_first(call.client.runs.iterate(collection_id), lambda run: run.id == run_id)
    if found is None:
        raise NoSuchRunError(collection_id, run_id)
    return found


@command(runs, "estimate", example="multicart runs estimate --all", view=_ESTIMATE)
@collection_ids()
@option("--journal", type=click.Path(dir_okay=False), help="Count what this journal has not started yet.")
async def estimate(call: Call, *, ids: tuple[str, ...], everything: bool, journal: str | None) -> Estimate:
    """Say how many credits runs of collections would cost, and how many there are. Nothing is started."""
    wanted = await find_ids(call, ids, everything=everything)
    found = await call.client.runs.estimate(wanted, journal=journal)
    call.messages.note(describe_estimate(found))
    return found


@command(runs, "follow", example="multicart runs follow --state seen.jsonl --jsonl", view=_FOLLOWED)
@collection_ids(everything=False)
@option("--state", type=click.Path(dir_okay=False), help="A file that remembers which runs were printed.")
@option(
    "--since",
    type=click.Choice(["now", "all"]),
    default="now",
    show_default=True,
    help="Which runs: those that finish from now on, or all.",
)
@option(
    "--poll-interval",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    default=PollPolicy().poll_interval,
    show_default=True,
    help="The shortest pause between two polls.",
)
async def follow(
    call: Call, *, ids: tuple[str, ...], state: str | None, since: Any, poll_interval: float
) -> AsyncGenerator[Run, None]:
    """Print each run of the account that finishes, until ^C, also those that a schedule has started.

    With --state, runs that finish while the command does not run are printed when it runs again; a run whose line was
    printed just before a crash may be printed once more.
    """
    if state is not None and call.options.dry_run:
        raise click.UsageError("--state and --dry-run exclude each other: the file remembers what was printed")
    wanted = await find_ids(call, ids, everything=False) if ids else None
    policy = policy_of(None, poll_interval)
    return call.client.runs.follow(collections=wanted, state=state, since=since, policy=policy)
