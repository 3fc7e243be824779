"""Each example does what it says, on a sandbox."""

from __future__ import annotations

import ast
import asyncio
import importlib
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import ModuleType

import pytest
import pytest_asyncio
from support.documents import EXAMPLES, ROOT, scripts

from multicart_async import PollPolicy, errors
from multicart_async.models import AddResult, ErrorRow, Shard
from multicart_async.sandbox import Sandbox
from multicart_async.sandbox.faults import Cut

QUICK = PollPolicy(poll_interval=0.01, max_poll_interval=0.05, wait_timeout=20)


@pytest.fixture(autouse=True)
def examples(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """They can be imported, as scripts in one folder can import each other."""
    names = [path.stem for path in EXAMPLES.glob("*.py")]
    monkeypatch.syspath_prepend(os.fspath(EXAMPLES))
    yield
    for name in names:
        sys.modules.pop(name, None)


@pytest_asyncio.fixture
async def sandbox(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Sandbox]:
    """A sandbox that the environment names."""
    async with Sandbox(instant=True) as running:
        monkeypatch.setenv("MULTICART_BASE_URL", running.url)
        monkeypatch.setenv("MULTICART_API_KEY", running.api_key)
        yield running


def example(name: str) -> ModuleType:
    """One of the examples."""
    return importlib.import_module(name)


ASINS = ["B0DJQQ38TG", "B0ABC12345"]


@pytest.mark.parametrize("delete", [False, True])
async def test_quickstart_downloads_and_reads_a_run(delete, sandbox, tmp_path, capsys) -> None:
    """Its files are there, each of its ASINs is printed, and the collection is deleted only on request."""
    questions: list[str] = []

    def confirm(question: str) -> bool:
        questions.append(question)
        return True

    run = await example("quickstart").main(ASINS, tmp_path, delete=delete, confirm=confirm, policy=QUICK)

    assert (tmp_path / f"{run.collection}/{run.id}/manifest.json").is_file()
    told, progress = capsys.readouterr()
    assert [line.split()[0] for line in told.splitlines()] == ASINS
    assert "run: finished\n" in progress
    assert f"{run.collection}/{run.id}/page-0001.json: " in progress
    assert questions == ["Spend 2 of 100000 credits?"]
    assert sandbox.counts["/schedules/delete_schedule/"] == delete
    assert sandbox.ignored_fields == []


async def test_quickstart_spends_nothing_without_a_yes(sandbox, tmp_path) -> None:
    """No run is started, and the new collection is removed again."""
    run = await example("quickstart").main(ASINS, tmp_path, confirm=lambda _: False, policy=QUICK)

    assert run is None
    assert sandbox.counts["/schedules/run/result/"] == 0
    assert sandbox.counts["/schedules/delete_schedule/"] == 1
    assert list(tmp_path.iterdir()) == []


async def test_quickstart_brings_its_own_sandbox(tmp_path, capsys) -> None:
    """Without a key, and without a second process."""
    run = await example("quickstart").main(ASINS[:1], tmp_path, sandbox=True, policy=QUICK)

    assert (tmp_path / f"{run.collection}/{run.id}/page-0001.json").is_file()
    assert "1 credits spent" in capsys.readouterr().err


async def test_node_guide_takes_the_steps_of_the_guide(sandbox, capsys) -> None:
    """Created, inserted, complete, first record, count; and what the guide sends is sent."""
    run = await example("node_guide").main(policy=QUICK)

    told = capsys.readouterr().out
    assert f"Created collection {run.collection}\nInserted 3 ASINs; 0 skipped\n" in told
    assert f'Run {run.id} complete: 3 results\nFirst record: {{\n  "asin": "B0DJQQ38TG"' in told
    assert told.endswith("Downloaded 3 product records\n")
    assert sandbox.counts["/schedules/run/result/"] == 1
    assert sandbox.ignored_fields == []


def test_node_guide_is_shorter_than_the_guide() -> None:
    """The original script has 101 lines, without blank ones."""
    lines = (EXAMPLES / "node_guide.py").read_text("utf-8").splitlines()

    assert len(lines) < 101


async def test_category_downloads_json_and_csv(sandbox, tmp_path, capsys) -> None:
    """Both files are there, and the last stage is told."""
    download = await example("category").main(folder=tmp_path, policy=QUICK)

    assert [file.name for file in download.files] == ["category_asins.json", "category_asins.csv"]
    assert all(file.path.stat().st_size == file.size for file in download.files)
    assert "done:" in capsys.readouterr().out
    assert sandbox.ignored_fields == []


async def test_bulk_download_brings_every_collection(sandbox, tmp_path, capsys) -> None:
    """One run of each, however many there are and however often one is named."""
    ids = sandbox.add_collections(120, runs=1, items=2)

    outcomes = await example("bulk_download").main([*ids, ids[0]], tmp_path, policy=QUICK)

    assert set(ids) == {outcome.key for outcome in outcomes}
    assert all((outcome.unwrap().directory / "manifest.json").is_file() for outcome in outcomes)
    assert len(ids) == sandbox.counts["/schedules/run/result/"]
    lines = capsys.readouterr().out.splitlines()
    assert {f"collection {number}" for number in ids} == {line.partition(":")[0] for line in lines}
    assert all(line.endswith(": 2 records of 2 ASINs") for line in lines)


async def test_bulk_download_goes_on_after_failures(sandbox, tmp_path, capsys) -> None:
    """A start that is refused, a run that fails and a file that is never whole end their own collection alone."""
    failing, good, broken = sandbox.add_collections(3, runs=0, items=2)
    sandbox.fail_next_run(failing)
    sandbox.faults.add(f"/results/{broken}/*", Cut(10), times=None)

    outcomes = await example("bulk_download").main([999, failing, good, broken], tmp_path, policy=QUICK)

    found = {outcome.key: type(outcome.error) for outcome in outcomes}
    assert found == {
        999: errors.NotFoundError,
        failing: errors.RunFailedError,
        good: type(None),
        broken: errors.IncompleteDownloadError,
    }
    assert len(capsys.readouterr().err.splitlines()) == 3


async def test_nightly_mirror_reads_what_is_new(sandbox, tmp_path, capsys) -> None:
    """Each run that was fetched is read once; a failure is in the report, and the rest is read."""
    first, broken, third = sandbox.add_collections(3, runs=1, items=2)
    sandbox.faults.add(f"/results/{broken}/*", Cut(10), times=None)
    nightly_mirror = example("nightly_mirror")

    report = await nightly_mirror.main(tmp_path)
    lines = capsys.readouterr().out.splitlines()
    sandbox.faults.clear()
    again = await nightly_mirror.main(tmp_path)

    assert (len(report.failures), again.ok) == (1, True)
    assert {line.partition(":")[0].split("/")[-2] for line in lines} == {str(first), str(third)}
    assert all(line.endswith(": 2 records, 0 without a price") for line in lines)
    (line,) = capsys.readouterr().out.splitlines()
    assert f"{tmp_path}/{broken}/" in line


async def test_sharded_import_spreads_a_csv_and_moves_nothing_later(sandbox, tmp_path) -> None:
    """12,000 ASINs are in three collections; with 500 more, wherever they stand, each is where it was."""
    file, journal = tmp_path / "laptops.csv", tmp_path / "laptops.csv.journal"
    asins = [f"B0{number:08}" for number in range(12_500)]
    sharded_import = example("sharded_import")
    file.write_text("\n".join(["title,asin", *(f"a laptop,{asin}" for asin in asins[:12_000])]))
    before = await sharded_import.main("Laptops", sharded_import.read(file), journal)

    file.write_text("\n".join(["asin", *reversed(asins)]))
    after = await sharded_import.main("Laptops", sharded_import.read(file), journal)

    assert [shard.name for shard in after] == ["Laptops 1", "Laptops 2", "Laptops 3"]
    assert [shard.added.success_count for shard in after] == [5_000, 5_000, 2_500]
    assert all(new.asins[: len(old.asins)] == old.asins for old, new in zip(before, after, strict=True))
    assert sandbox.counts["/schedules/add_schedule/"] == 3
    assert sandbox.ignored_fields == []


def test_sharded_import_tells_ids_and_what_was_not_taken(capsys) -> None:
    """Ids for the next program, the rest for a person, and an exit status for both."""
    rejected = ErrorRow(asin="B0DJQQ38TG", error="Duplicate entry")
    shards = [
        Shard(collection_id=101, name="A 1", asins=("B0ABC12345",), added=AddResult(success_count=1)),
        Shard(collection_id=102, name="A 2", asins=(), added=AddResult(success_count=0, error_rows=(rejected,))),
    ]

    assert example("sharded_import").tell(shards) == 1
    assert capsys.readouterr() == ("101\n102\n", "B0DJQQ38TG: Duplicate entry\n")


@pytest.mark.parametrize("name", ["category", "quickstart", "sharded_import"])
def test_examples_escape_what_a_terminal_would_act_upon(name) -> None:
    """Control characters are escaped, and everything else is printed unchanged."""
    assert example(name).plain("é 日本 $5 \x1b]52;c;\x07\n\u202e") == r"é 日本 $5 \x1b]52;c;\x07\n\u202e"


def test_sharded_import_is_a_success_when_all_was_taken(capsys) -> None:
    """Ids, and nothing on standard error."""
    shard = Shard(collection_id=101, name="A 1", asins=("B0ABC12345",), added=AddResult(success_count=1))

    assert example("sharded_import").tell([shard]) == 0
    assert capsys.readouterr() == ("101\n", "")


def test_an_example_that_is_no_script_has_tests_of_its_own() -> None:
    """An application, a notebook and a module: each is named by a page, and by a file of tests."""
    others = {path.stem for path in EXAMPLES.glob("*.py")} - {path.stem for path in scripts()}

    assert others == {"fastapi_app", "metrics_listener", "price_history"}
    assert {path.stem.removeprefix("test_") for path in (ROOT / "tests/recipes").glob("test_*.py")} >= others


@pytest.mark.parametrize("path", scripts(), ids=lambda path: path.stem)
def test_an_example_says_how_to_run_it(path: Path) -> None:
    """In its docstring, by its own name or the command of the Makefile."""
    text = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""

    assert f"python examples/{path.name}" in text


@pytest.mark.skipif(shutil.which("make") is None, reason="there is no make")
@pytest.mark.parametrize("key", ["", "a.key"])
def test_make_demo_is_always_on_the_sandbox(key: str) -> None:
    """A key in the environment changes nothing; and it is not printed."""
    command = ["make", "--dry-run", "--no-print-directory", "demo"]
    environment = {**os.environ, "MULTICART_API_KEY": key}
    told = subprocess.run(
        command, cwd=EXAMPLES.parent, env=environment, capture_output=True, text=True, check=True
    ).stdout

    assert told.splitlines()[-1].endswith("python examples/demo.py demo-results")
    assert "a.key" not in told


@pytest.mark.heavy
async def test_cluster_mirrors_a_sandbox_of_its_own(tmp_path) -> None:
    """By three worker processes, with warnings as errors; the report is printed."""
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-W", "error", EXAMPLES / "cluster.py", tmp_path / "mirror"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout) == (0, "50 runs: 50 files fetched, 0 runs were in place\n"), done.stderr
    assert len(list((tmp_path / "mirror").glob("*/*/manifest.json"))) == 50
