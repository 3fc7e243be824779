"""Records of a large page, streamed."""

from __future__ import annotations

from harness import products
from harness.account import Plan
from harness.bench import Bench
from harness.figures import Figures, Target, growth_at_most, stall_at_most
from harness.race import python

OURS = "runs.records"


def small_records(bench: Bench) -> None:
    """A page of 1 GiB with records of 2 KB, over http."""
    speed = Target("speed ≥ 0.8 × json.load", _speed, least=0.8)
    targets = [speed, growth_at_most(40, OURS), stall_at_most(20, OURS)]
    _records(bench, Plan(records=bench.scaled(5_000) * 105, record_bytes=2_048), targets)


def product_records(bench: Bench) -> None:
    """A page of 160 MB with realistic records of 5 KB, over http."""
    plan = Plan(records=bench.scaled(32_000), record_bytes=products.BYTES)
    speed = Target("CPU ≤ 0.35 × json.load", lambda figures: figures.ratio(OURS, "json.load", "cpu"), most=0.35)
    _records(bench, plan, [speed, growth_at_most(16, OURS), stall_at_most(10, OURS)], realistic=True)


def large_records(bench: Bench) -> None:
    """A page of 1 GiB with records of 1 MB, over http."""
    plan = Plan(records=bench.scaled(1_024), record_bytes=2**20)
    _records(bench, plan, [growth_at_most(40, OURS)])


def _speed(figures: Figures) -> float | None:
    return figures.ratio("json.load", OURS, "wall")


def _records(bench: Bench, plan: Plan, targets: list[Target], *, realistic: bool = False) -> None:
    (https,) = bench.schemes(False)
    with bench.site(plan, https=https) as site:
        if realistic:
            site.replace_page(lambda place: products.write_page(place, plan.records))
        options = {**site.options, "source": site.source()}
        alone = [
            python("json.load", "parsing.with_json", options, brings=False),
            python("orjson.loads", "parsing.with_orjson", options, needs=["orjson"], brings=False, slow=True),
            python("ijson.items", "parsing.with_ijson", options, brings=False, slow=True),
        ]
        ours = python(OURS, "ours.records", {**site.options, "at_once": 8}, brings=False)
        title = (
            f"{plan.records:,} {'realistic ' if realistic else ''}records of a page of {site.size / 2**20:,.0f} MiB; "
            f"ours over {'https' if https else 'http'}, the others from a file"
        )
        bench.race(title, [ours, *alone], base="json.load", targets=targets)
