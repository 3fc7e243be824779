"""Records of a large page, streamed."""

from __future__ import annotations

from collections.abc import Sequence

from harness.account import Plan
from harness.bench import Bench
from harness.figures import Target, at_most, growth_at_most, stall_at_most
from harness.race import Contender, python

OURS, INTO, BASE = "runs.records", "runs.records(into=…)", "json.load"


def small_records(bench: Bench) -> None:
    """A page of 32 MB with realistic records of 200 B, over http."""
    plan = Plan(records=bench.scaled(160) * 1_000, record_bytes=200)
    _race(bench, "small-records", plan, [growth_at_most(16, OURS)])


def product_records(bench: Bench) -> None:
    """A page of 160 MB with realistic records of 5 KB, as dictionaries and as objects, over http."""
    targets = [
        at_most("CPU", 0.35, OURS, BASE, "cpu"),
        at_most(f"CPU of {INTO}", 2, INTO, OURS, "cpu"),
        growth_at_most(16, OURS),
        stall_at_most(10, OURS),
    ]
    _race(bench, "product-records", Plan(records=bench.scaled(32_000)), targets, typed=True)


def large_records(bench: Bench) -> None:
    """A page of 160 MB with realistic records of 1 MB, over http."""
    plan = Plan(records=bench.scaled(160), record_bytes=2**20)
    _race(bench, "large-records", plan, [growth_at_most(40, OURS)])


def text_records(bench: Bench) -> None:
    """A page of 1 GiB with records of 2 KB that are mostly one long text, over http."""
    plan = Plan(records=bench.scaled(5_000) * 105, record_bytes=2_048, content="text")
    targets = [at_most("CPU", 0.35, OURS, BASE, "cpu"), growth_at_most(40, OURS), stall_at_most(20, OURS)]
    _race(bench, "text-records", plan, targets)


def _race(bench: Bench, key: str, plan: Plan, targets: Sequence[Target], *, typed: bool = False) -> None:
    (https,) = bench.schemes(False)
    with bench.site(plan, https=https) as site:
        options = {**site.options, "at_once": 8}
        ours = [python(OURS, "ours.records", options, brings=False)]
        if typed:
            ours.append(python(INTO, "ours.typed_records", options, brings=False))
        title = (
            f"{plan.records:,} {'realistic records' if plan.content == 'products' else 'records with a long text'} "
            f"of {plan.record_bytes:,} B, {site.size / 2**20:,.0f} MiB; "
            f"ours over {'https' if https else 'http'}, the others from a file"
        )
        bench.race(key, title, [*ours, *_readers(site.source())], base=BASE, targets=targets)


def _readers(source: str) -> list[Contender]:
    options = {"source": source}
    return [
        python(BASE, "parsing.with_json", options, brings=False),
        python("orjson.loads", "parsing.with_orjson", options, needs=["orjson"], brings=False, slow=True),
        python("ijson.items", "parsing.with_ijson", options, needs=["ijson"], brings=False, slow=True),
        python("json.load and pandas", "parsing.with_pandas", options, needs=["pandas"], brings=False, slow=True),
    ]
