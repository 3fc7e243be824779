"""The example of a listener, with the reader of OpenTelemetry that keeps metrics in memory."""

from __future__ import annotations

import importlib
import os
from typing import Any

import pytest
from support.documents import EXAMPLES
from support.leaks import Haul

from multicart_async import PollPolicy, RetryPolicy, events
from multicart_async.sandbox import Sandbox
from multicart_async.sandbox.faults import Cut, RetryLater, Status

pytestmark = pytest.mark.heavy
sdk = pytest.importorskip("opentelemetry.sdk.metrics", reason="in the dependency group recipes")


@pytest.fixture
def reader(monkeypatch) -> Any:
    """A reader, and the listener that feeds it."""
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader  # noqa: PLC0415 -- of the group recipes

    monkeypatch.syspath_prepend(os.fspath(EXAMPLES))
    reader = InMemoryMetricReader()
    provider = sdk.MeterProvider([reader])
    reader.listener = importlib.import_module("metrics_listener").MetricsListener(provider.get_meter("shop"))
    yield reader
    provider.shutdown()


def points(reader: Any) -> dict[tuple[str, str], Any]:
    """The sum, or the count, of each metric and outcome."""
    data = reader.get_metrics_data()
    return {
        (metric.name.removeprefix("multicart."), str(point.attributes.get("outcome", ""))): (
            point.count if hasattr(point, "count") else point.value
        )
        for metric in data.resource_metrics[0].scope_metrics[0].metrics
        for point in metric.data.data_points
    }


async def test_what_a_client_does_is_counted(reader, tmp_path) -> None:
    """A retry, a pause, a run that was waited for, files that came and one that did not, and a mirror; without the key."""
    quick = PollPolicy(poll_interval=0.01, wait_timeout=20)
    async with Sandbox(instant=True) as sandbox:
        good, broken = sandbox.add_collections(2, runs=1, items=2)
        sandbox.faults.add("/schedules/get_schedules/", Status(503))
        sandbox.faults.add("/schedules/collections/results/download/", RetryLater())
        sandbox.faults.add(f"/results/{broken}/*", Cut(10), times=None)
        retry = RetryPolicy(attempts=3, wait_initial=0.001, wait_jitter=0)
        async with sandbox.client(on_event=reader.listener, retry=retry) as client:
            report = await client.sync(tmp_path / "mirror")
            run = await client.runs.start_and_wait(good, policy=quick)
            download = await client.runs.download(run, tmp_path / "results")
        haul = Haul()
        haul.add("metrics", reader.get_metrics_data().to_json())
        reader.listener(events.RecordsSkipped(collection_id=good, run_id=run.id, page="page-0001.json", count=3))
        found = points(reader)

        assert haul.where(sandbox.api_key) == []
    assert report.failed == 1
    assert found["retries", ""] > 0
    assert found["pauses", ""] > 0
    assert (found["files", "complete"], found["files", "failed"]) == (2, 1)
    assert found["bytes", ""] == report.bytes + download.bytes
    assert (found["runs", ""], found["run.wait", ""], found["records.skipped", ""]) == (2, 1, 3)
    assert (found["sync.passes", "incomplete"], found["sync.failures", ""]) == (1, 1)


def test_an_event_that_it_does_not_know_is_ignored(reader) -> None:
    """More may be added."""
    reader.listener(events.FileStarted(name="page-0001.json", expected=None))

    assert reader.get_metrics_data() is None
