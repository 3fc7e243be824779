"""The end of a soak test: everything is done once more, undisturbed, and all that is left is checked."""

from __future__ import annotations

import asyncio
import random
from typing import Any, Final

import attrs

from multicart_async import AsyncMultiCart
from multicart_async.tables import export
from soak.checks import finished, read_table, wrong_rows
from soak.findings import Findings
from soak.given import lost_runs
from soak.loads import FORMATS, Loads
from soak.mirror_check import Served, rows_of, wrong_files
from soak.plan import Plan, open_client
from soak.service import Control, Runs
from soak.world import World

__all__ = ["Verdict", "last_checks"]

_DRAIN: Final = 30.0  # seconds for what is not given out yet


@attrs.define
class Verdict:
    """How much was checked, and what was wrong with it."""

    checked: dict[str, int] = attrs.field(factory=dict[str, int])
    wrong: dict[str, list[str]] = attrs.field(factory=dict[str, list[str]])

    def add(self, what: str, count: int, wrong: list[str]) -> None:
        """Add the result of a check."""
        self.checked[what] = self.checked.get(what, 0) + count
        self.wrong.setdefault(what, []).extend(wrong)

    @property
    def ok(self) -> bool:
        """Whether nothing was wrong."""
        return not any(self.wrong.values())


async def last_checks(plan: Plan, control: Control, world: World, findings: Findings) -> Verdict:
    """Settle the service, do the last work, and check. No other process of the test works any more."""
    await control.faults(on=False)
    done = finished(await world.settle())
    verdict = Verdict()
    async with open_client(plan) as client:
        for who in ("1", "2"):
            with findings.watching("the last checks"):
                await _mirror(plan, control, client, who, done, verdict)
                await _tables(plan, who, verdict)
                await _follow(plan, client, who, world, done, findings, verdict)
    return verdict


async def _mirror(plan: Plan, control: Control, client: AsyncMultiCart, who: str, done: Runs, verdict: Verdict) -> None:
    mirror = plan.place(f"mirror-{who}")
    reports = [await client.sync(mirror, runs="all", files="both", prune=True) for _ in range(2)]
    failures = [f"mirror {who}: {failure}" for report in reports for failure in report.failures]
    if reports[1].files:
        failures.append(f"mirror {who}: a second sync has fetched {reports[1].files} files again")
    verdict.add("last sync", 2, failures)
    verified = await client.verify(mirror)
    verdict.add("verify", verified.files, [f"mirror {who}: {failure}" for failure in verified.failures])
    served = Served(control.plain_url, control.key)
    compared, wrong = await asyncio.to_thread(wrong_files, mirror, served, done)
    verdict.add("wrong files", compared, [f"mirror {who}: {each}" for each in wrong])


async def _tables(plan: Plan, who: str, verdict: Verdict) -> None:
    mirror = plan.place(f"mirror-{who}")
    expected = rows_of(mirror)
    for suffix in FORMATS:
        place = plan.place(f"table-{who}{suffix}")
        grows = suffix in {"", ".sqlite"}
        await export(mirror, place, amounts=["price"])
        if suffix != ".csv":
            rows = read_table(place)
            wrong = wrong_rows(rows, expected, grows=grows)
            verdict.add("tables", rows.total(), [f"{place.name}: {each}" for each in wrong])
    names = [path.name for path in plan.place(f"table-{who}").glob(".*")]
    left = sorted({*names} - {".lock"})  # which stays in a folder of Parquet files
    verdict.add("tables", 0, [f"{name} was left over in table-{who}" for name in left])


async def _follow(
    plan: Plan,
    client: AsyncMultiCart,
    who: str,
    world: World,
    done: Runs,
    findings: Findings,
    verdict: Verdict,
) -> None:
    loads = Loads(plan, client, findings, random.Random(plan.seed), who)
    wanted = {run for runs in done.values() for run in runs}
    task = asyncio.ensure_future(loads.follow())
    given: Any = world.given[who]
    for _ in range(int(_DRAIN / 0.2)):
        given.refresh()
        if wanted <= given.runs.keys() or task.done():
            break
        await asyncio.sleep(0.2)
    await asyncio.sleep(2)  # nothing may come a second time
    task.cancel()
    await asyncio.wait([task])
    if not task.cancelled():
        task.result()
    given.refresh()
    verdict.add("lost runs", len(wanted), [f"state {who}: {each}" for each in lost_runs(given, wanted, world.gone)])
