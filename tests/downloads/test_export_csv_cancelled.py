"""``client.asins.export_csv`` cancelled at each suspension point: the old file or the whole new one, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.cancel_kit import How, cancelled_at
from support.download_kit import check_nothing_left
from support.fakes import FakeTransport, ok
from support.groups import groups_over

HOWS: list[How] = ["native", "twice", "scope"]
JOINED = {"domain": {"id": 1, "domain": "amazon.com.au"}, "customer_postcode": {"id": 15, "zipcode": "0800"}}
ROWS = [{"id": number, "asin": f"B{number}", **JOINED, "include_raw_html": True} for number in range(1, 151)]
LINES = ["domain,customer_postcode,asin,include_raw_html", *(f"amazon.com.au,0800,{row['asin']},true" for row in ROWS)]
WHOLE = ("\n".join(LINES) + "\n").encode()


@pytest.mark.parametrize("how", HOWS)
async def test_an_export_cancelled_everywhere(tmp_path: Path, how: How) -> None:
    """Between pages, while a thread writes, and while it is put in place."""
    at, ends, reached = 0, set(), True
    while reached:
        at += 1
        dest = tmp_path / str(at)
        dest.mkdir()
        (dest / "asins.csv").write_bytes(b"old")
        groups = groups_over(FakeTransport(ok(ROWS[:100]), ok(ROWS[99:]), ok([])))

        end, reached = await cancelled_at(at, groups.asins.export_csv(101, dest / "asins.csv"), how)

        check_nothing_left(dest, {"asins.csv": [b"old", WHOLE]})
        assert end == "cancelled" or (dest / "asins.csv").read_bytes() == WHOLE
        ends.add(end)
    assert at > 5
    assert ends == {"done", "cancelled"}
