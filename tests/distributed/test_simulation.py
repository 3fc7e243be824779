"""The driver of `mirror` over a modelled cluster, in virtual time: with stragglers and losses, all is done once."""

from __future__ import annotations

import asyncio
import importlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from multicart_async.distributed import _lease_pool, _semaphore

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
FAULTS = {
    "none": {},
    "stragglers": {"slow": 0.2},
    "losses": {"losses": 60.0},
    "both": {"slow": 0.2, "losses": 60.0},
}


@pytest.fixture
def simulation(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The script of the benchmarks, as it imports itself."""
    monkeypatch.syspath_prepend(os.fspath(BENCHMARKS))
    yield importlib.import_module("cluster_simulation")
    for name in ("cluster_simulation", "cluster_model", "cluster_settings", "virtual_time"):
        sys.modules.pop(name, None)


def settings(simulation: Any, **changes: Any) -> Any:
    """A small cluster whose lost workers are missed, and are there again, within the minute that a mirror takes."""
    small = {"collections": 2_000, "workers": 10, "limit": 16, "noticed": 15.0, "restarted": 3.0, "replaced": 20.0}
    return simulation.Settings(**(small | changes))


def check(result: Any) -> None:
    """All is reported once, the limit was kept, and what was done twice is at most what lost tasks had begun."""
    counts, number = result.counts, result.settings.collections
    assert set(result.reported[1:]) == {1}
    assert (result.report.ok, result.report.collections, result.report.runs) == (True, number, number)
    assert result.report.skipped == counts.present
    assert 1 < counts.most_at_once <= result.settings.limit
    assert counts.fetched_twice + counts.cut <= counts.lost_tasks * result.settings.per_task
    assert 0 <= result.requests - 2 * number <= 2 * counts.lost_tasks * result.settings.per_task
    assert (counts.present > 0) == (counts.lost_tasks > 0)
    assert result.ideal <= result.wall * 1.05  # a mean of draws


@pytest.mark.parametrize("faults", FAULTS)
def test_all_collections_are_reported_once(simulation: Any, faults: str) -> None:
    """Whatever happens to the workers: the report has each collection once, and the limit of the cluster is kept."""
    result = simulation.simulate(faults, settings(simulation, **FAULTS[faults]))

    check(result)
    assert (result.counts.lost_workers > 0) == ("losses" in FAULTS[faults])
    assert (result.counts.lost_tasks > 0) == ("losses" in FAULTS[faults])


def test_the_same_seed_gives_the_same_figures(simulation: Any) -> None:
    """All figures of a simulation follow from its settings."""
    both = settings(simulation, **FAULTS["both"])

    first, second, other = (simulation.simulate("", one) for one in (both, both, attrs.evolve(both, seed=2)))

    assert (first.wall, first.counts) == (second.wall, second.counts)
    assert first.wall != other.wall


def test_a_task_that_is_lost_too_often_fails(simulation: Any) -> None:
    """Each of its collections is a failure of the report, and is not reported as done."""
    deadly = settings(simulation, losses=120.0, allowed_failures=0)

    result = simulation.simulate("", deadly, retries=0)

    failed = {failure.collection for failure in result.report.failures}
    assert failed
    assert failed == {number for number in range(1, 2_001) if not result.reported[number]}
    assert max(result.reported) == 1
    assert result.report.collections == 2_000


def test_leases_of_lost_workers_come_back_late(simulation: Any) -> None:
    """After 24 to 40 seconds: the timeout, less the age of the last renewal, up to the next look of the scheduler."""
    counts = simulation.simulate("", settings(simulation, losses=60.0)).counts

    assert 24 <= counts.idle_leases / (counts.cut + counts.dead_grants) <= 40


def test_more_requests_than_the_limit_end_the_simulation(simulation: Any) -> None:
    """A lost worker's lease times out while the service is still busy with its request: then there is one too many."""
    endless = settings(simulation, losses=60.0, transfer=100.0, longest=200.0, noticed=1.0)

    with pytest.raises(AssertionError, match="17 requests at once, and the limit is 16"):
        simulation.simulate("", endless)


def test_a_cancelled_call_withdraws_its_tasks(simulation: Any) -> None:
    """Tasks that no worker has begun are taken back from the cluster."""
    model = simulation.ClusterModel(settings(simulation, tasks_at_once=0))
    cluster = simulation.SimulatedCluster(model)

    async def call() -> None:
        part = simulation.MirrorPart(
            call=simulation.CALL, runs="latest", files="pages", check="all", ids=(1,), listed=()
        )
        await asyncio.wait_for(cluster.run(None, part), 5)

    with pytest.raises(TimeoutError):
        simulation.run_virtually(call(), model)

    assert model.advance(None) is None
    assert set(cluster.reported) == {0}


def test_timers_of_the_driver_are_on_time(simulation: Any) -> None:
    """The world beside the loop does not run ahead of its timers."""
    model = simulation.ClusterModel(settings(simulation, collections=100, workers=1))
    ended: list[float] = []
    model.submit(range(1, 101), lambda _task, _well: ended.append(model.now))

    async def sleeps() -> tuple[float, list[float]]:
        await asyncio.sleep(3)
        return asyncio.get_running_loop().time(), list(ended)

    assert simulation.run_virtually(sleeps(), model) == (3, [])
    assert model.advance(None) == ended[0]


def test_the_model_has_the_settings_of_the_code(simulation: Any) -> None:
    """How long a lease is passed on within a task, and how long a task waits before it asks again."""
    usual = simulation.Settings()

    assert (usual.kept, usual.asked) == (_lease_pool._KEPT, _semaphore._WAIT)


@pytest.mark.heavy
def test_a_large_mirror(simulation: Any) -> None:
    """100,000 collections over 100 workers, of which ten are slow and many are lost."""
    large = simulation.Settings(collections=100_000, slow=0.1, losses=10.0)

    result = simulation.simulate("both", large)

    check(result)
    assert result.counts.lost_tasks > 20
    sys.stdout.write(f"{simulation.HEAD}\n{result}\n")  # shown with -s
