"""JSON calls: a poll, and the list of a large account."""

from __future__ import annotations

import json

from harness.account import Plan
from harness.bench import Bench
from harness.figures import at_most, stall_at_most
from harness.race import python

LIST = "collections.list"
POLL = "runs.list"
RAW = "aiohttp and json.loads"


def poll(bench: Bench) -> None:
    """3,000 polls of one run over https, 16 at once."""
    calls = bench.scaled(3_000, 100)
    (https,) = bench.schemes(True)
    with bench.site(Plan(), https=https, answer_runs=True) as site:
        options = {**site.options, "at_once": 16, "calls": calls}
        everybody = [
            python(RAW, "calls.with_aiohttp", options, brings=False),
            python(POLL, "calls.ours", options, brings=False),
            python("httpx", "calls.with_httpx", options, needs=["httpx"], slow=True, brings=False),
        ]
        title = f"{calls:,} polls of one run over {'https' if https else 'http'}, 16 at once"
        bench.race("poll", title, everybody, base=RAW, targets=[at_most("CPU", 1.25, POLL, RAW, "cpu")])


def long_list(bench: Bench) -> None:
    """A list of 10,000 collections, decoded to models, 10 times; no network."""
    rows, times = bench.scaled(10_000, 100), 10
    answer = bench.folder / "answer"
    answer.write_text(json.dumps({"code": 200, "data": [_row(number) for number in range(rows)], "status": 1}), "utf-8")
    options = {"answer": str(answer), "rows": rows, "times": times}
    everybody = [
        python("json.loads", "calls.list_to_dicts", options, brings=False),
        python(LIST, "calls.list_to_models", options, brings=False),
    ]
    targets = [at_most("CPU", 2.5, LIST, "json.loads", "cpu"), stall_at_most(20, LIST)]
    title = f"a list of {rows:,} collections, {times} times"
    bench.race("list", title, everybody, base="json.loads", targets=targets)


def _row(number: int) -> dict[str, object]:
    return {
        "id": number + 1,
        "name": f"Collection {number + 1}",
        "status": "enable",
        "schedule_status": "Completed",
        "failed_message": None,
        "request_type": "amazon",
        "schedule": "Manual",
        "schedule_time": None,
        "priority": "Normal",
        "fetch_mode": "full",
        "notification_email": "ops@example.com",
        "asin_count": 250,
        "created_at": "2026-06-20T12:00:00.000000Z",
        "updated_at": "2026-06-20T12:05:00.000000Z",
    }
