"""The main job, end to end, on the sandbox."""

from __future__ import annotations

import json

from multicart_async import PollPolicy
from multicart_async.sandbox import Sandbox

QUICK = PollPolicy(poll_interval=0.01, max_poll_interval=0.05, wait_timeout=20)


async def test_a_collection_is_run_waited_for_downloaded_and_read(tmp_path) -> None:
    """Create, add, run, wait for that run, download pages and ZIP, read the records: all of it agrees."""
    async with Sandbox(scrape_seconds_per_item=0.001) as sandbox, sandbox.client() as client:
        made = await client.collections.create("AU Laptops", notification_email="ops@example.com")
        asins = [f"B0{number:08d}" for number in range(250)]
        added = await client.asins.create_many(made.id, asins, domain="amazon.com.au", postcode="4500")
        run = await client.runs.start_and_wait(made.id, policy=QUICK)
        files = await client.runs.download(run, tmp_path, files="both")
        records = [record async for record in client.runs.records(run)]

    assert added.success_count == 250
    assert asins == sorted(record["asin"] for record in records)
    pages = [json.loads(file.path.read_bytes()) for file in files.files if file.name.startswith("page")]
    assert records == [record for page in pages for record in page]
    assert sandbox.ignored_fields == []
