"""The FastAPI example, served by uvicorn as a process of its own, on a sandbox whose time stands still."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest
import pytest_asyncio
from support.served_app import ServedApp, served

from multicart_async.sandbox import Sandbox

pytestmark = pytest.mark.heavy
pytest.importorskip("fastapi", reason="in the dependency group recipes")
pytest.importorskip("uvicorn", reason="in the dependency group recipes")

STARTS = "/schedules/run/result/"


@pytest_asyncio.fixture
async def sandbox(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Sandbox]:
    """A sandbox that the environment names."""
    async with Sandbox(clock="manual") as running:
        monkeypatch.setenv("MULTICART_BASE_URL", running.url)
        monkeypatch.setenv("MULTICART_API_KEY", running.api_key)
        yield running


async def stop_cleanly(app: ServedApp) -> None:
    """It ends by the signal, after a proper shutdown; nothing is left open, and no handler has to be cancelled."""
    status = await app.stop()
    told = "".join(app.lines)

    assert status == -signal.SIGTERM, told
    assert "Application shutdown complete" in told
    assert not [word for word in ("Traceback", "Warning", "ERROR", "Exception ignored") if word in told], told


async def end_of(app: ServedApp, job: str) -> dict[str, object]:
    """The last state of a job that its events tell."""
    return [state async for state in app.states(job)][-1]


async def test_a_killed_application_goes_on_too(sandbox, tmp_path) -> None:
    """SIGKILL: what was started stands in the journal, and nothing is started again."""
    (collection_id,) = sandbox.add_collections(1, runs=1, items=3)
    async with served(tmp_path) as app:
        _, job = await app.post(f"/collections/{collection_id}/runs")
        app.process.kill()
        await app.read()

    sandbox.advance(60)
    async with served(tmp_path) as app:
        last = await end_of(app, job["id"])
        await stop_cleanly(app)

    assert last["state"] == "finished"
    assert sandbox.counts[STARTS] == 1


async def test_two_requests_are_one_run_whose_end_is_streamed(sandbox, tmp_path) -> None:
    """Both get the same job; its events lead from running to finished, and its files are there."""
    (collection_id,) = sandbox.add_collections(1, runs=1, items=3)
    seen = []
    async with served(tmp_path) as app:
        path = f"/collections/{collection_id}/runs"
        (status, job), (_, other) = await asyncio.gather(app.post(path), app.post(path))
        async for state in app.states(job["id"]):
            seen.append(state["state"])
            if len(seen) == 1:
                sandbox.advance(60)
        shown = await app.get(f"/jobs/{job['id']}")
        await stop_cleanly(app)

    assert (status, job["state"], other["id"]) == (202, "running", job["id"])
    assert sandbox.counts[STARTS] == 1
    assert (seen[0], seen[-1], set(seen)) == ("running", "finished", {"running", "finished"})
    run_id = shown[1]["run_id"]
    assert shown == (200, {**job, "state": "finished", "run_id": run_id, "status": shown[1]["status"]})
    assert (tmp_path / f"results/{collection_id}/{run_id}/manifest.json").is_file()


async def test_a_stopped_application_goes_on_at_its_next_start(sandbox, tmp_path) -> None:
    """SIGTERM while a run is under way and listeners come and go; the next process sees its end, without another start."""
    (collection_id,) = sandbox.add_collections(1, runs=1, items=3)
    async with served(tmp_path) as app:
        _, job = await app.post(f"/collections/{collection_id}/runs")
        for _ in range(20):
            async with aclosing(app.states(job["id"])) as states:
                assert (await anext(states))["state"] == "running"
        await stop_cleanly(app)

    sandbox.advance(60)
    async with served(tmp_path) as app:
        last = await end_of(app, job["id"])
        again = await app.post(f"/collections/{collection_id}/runs")
        await stop_cleanly(app)

    assert (last["state"], again[0]) == ("finished", 202)
    assert again[1]["id"] != job["id"]
    assert sandbox.counts[STARTS] == 2


async def test_open_listeners_do_not_hold_up_the_end(sandbox, tmp_path) -> None:
    """Their streams end by themselves, before uvicorn would cancel them."""
    (collection_id,) = sandbox.add_collections(1, runs=1, items=3)
    async with served(tmp_path) as app:
        _, job = await app.post(f"/collections/{collection_id}/runs")
        async with aclosing(app.states(job["id"])) as states:
            await anext(states)
            await stop_cleanly(app)


async def test_errors_are_statuses_and_a_refused_start_can_be_tried_again(sandbox, tmp_path) -> None:
    """No such collection, no credits, a key that is refused; no job goes on by itself after that."""
    (collection_id,) = sandbox.add_collections(1, runs=0, items=3)
    path = f"/collections/{collection_id}/runs"
    async with served(tmp_path) as app:
        statuses = [(await app.post(f"/collections/{number}/runs"))[0] for number in (999, 0)]
        statuses += [(await app.get("/jobs/none"))[0]]
        sandbox.set_credits(0)
        status, told = await app.post(path)
        await stop_cleanly(app)

    sandbox.set_credits(10)
    async with served(tmp_path) as app:
        (file,) = tmp_path.glob("*.json")
        kept = await app.get(f"/jobs/{file.stem}")
        started = await app.post(path)
        await stop_cleanly(app)

    assert statuses == [404, 422, 404]
    assert (status, "Not enough credits" in told["detail"]) == (402, True)
    assert (kept[1]["state"], started[0], started[1]["id"]) == ("interrupted", 202, file.stem)
    assert sandbox.credits().frozen + sandbox.credits().used == 3
    assert json.loads(file.read_text() if file.exists() else "null") is None


async def test_a_run_that_fails_is_a_failed_job(sandbox, tmp_path) -> None:
    """With the reason of the service; the next request starts another run."""
    (collection_id,) = sandbox.add_collections(1, runs=0, items=3)
    sandbox.fail_next_run(collection_id)
    async with served(tmp_path) as app:
        _, job = await app.post(f"/collections/{collection_id}/runs")
        sandbox.advance(60)
        last = await end_of(app, job["id"])
        _, next_job = await app.post(f"/collections/{collection_id}/runs")
        await stop_cleanly(app)

    assert (last["state"], str(last["problem"]).partition(":")[0]) == ("failed", "RunFailedError")
    assert next_job["id"] != job["id"]
    assert sandbox.counts[STARTS] == 2
