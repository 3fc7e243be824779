"""A cluster whose workers mirror into a bucket: the usual destination of several machines."""

from __future__ import annotations

import pytest
from support.local_cluster import local_cluster
from support.object_stores import StoreBucket

from multicart_async import ObjectStoreSink
from multicart_async.distributed import mirror
from multicart_async.sandbox import Sandbox


@pytest.mark.heavy
@pytest.mark.timeout(120)
async def test_workers_mirror_into_a_bucket(bucket: StoreBucket, monkeypatch: pytest.MonkeyPatch) -> None:
    """Driver and workers find the store by their environment; nothing of the call itself is left in the bucket."""
    for name, value in bucket.options().items():
        monkeypatch.setenv(f"AWS_{name.upper()}", value)
    async with Sandbox(instant=True, record_bytes=200) as sandbox:
        sandbox.add_collections(30, items=2)
        monkeypatch.setenv("MULTICART_BASE_URL", sandbox.url)
        monkeypatch.setenv("MULTICART_API_KEY", sandbox.api_key)
        async with local_cluster() as cluster, sandbox.client() as client:
            first = await mirror(cluster, f"{bucket.location}/mirror")
            second = await mirror(cluster, f"{bucket.location}/mirror")
            verified = await client.verify(ObjectStoreSink(bucket.store(), "mirror"))

    assert (first.files, first.failures, second.files, second.skipped) == (30, (), 0, 30)
    assert (verified.ok, verified.files) == (True, 30)
    assert {name.rpartition("/")[2] for name in bucket.keys()} == {  # noqa: SIM118 -- no dictionary
        "page-0001.json",
        "SHA256SUMS",
        "manifest.json",
        "collection.json",
    }
