"""Start runs from a web application, wait for them in the background, and show how they get on: docs/applications.md.

    MULTICART_API_KEY=... uvicorn --app-dir examples fastapi_app:app --timeout-graceful-shutdown 15

``POST /collections/101/runs`` starts a run, for a credit for each item, unless one is under way: then it gives the same job.
``GET /jobs/{id}`` shows a job, ``GET /jobs/{id}/events`` each change of it (Server-Sent Events). Jobs and results are in the
folder MULTICART_JOBS, or ``jobs``, and go on at the next start. It has one process and no authentication: put yours before it.
"""

import json
import os
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import anyio.abc
from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse, StreamingResponse

from multicart_async import AsyncMultiCart, MultiCartError, PollPolicy, errors, events

FOLDER = Path(os.environ.get("MULTICART_JOBS", "jobs"))
POLICY, LISTEN = PollPolicy(wait_timeout=6 * 3600), 10  # seconds
STATUSES = {errors.ArgumentError: 422, errors.InsufficientCreditsError: 402, errors.NotFoundError: 404}  # else 502


@dataclass
class Job:
    """One run: it is "starting", "running", and then "finished", "failed", or "interrupted" by another error."""

    shown: dict[str, Any]
    error: Exception | None = field(default=None, repr=False)
    changed: anyio.Event = field(default_factory=anyio.Event, repr=False)

    def update(self, error: Exception | None = None, **news: Any) -> None:
        """Change it, and wake up those that watch it."""
        self.shown, self.error = {**self.shown, **news}, error
        self.changed.set()
        self.changed = anyio.Event()


class Jobs:
    """All jobs, by name, and the newest of each collection. They run in the task group of the application."""

    def __init__(self) -> None:
        self.all: dict[str, Job] = {}
        self.newest: dict[int, Job] = {}

    def open(self, client: AsyncMultiCart, group: anyio.abc.TaskGroup) -> None:
        """Read the jobs of earlier processes, and go on with those that have not ended: what was started is not lost."""
        self.client, self.group = client, group
        FOLDER.mkdir(parents=True, exist_ok=True)
        for journal in sorted(FOLDER.glob("*.jsonl"), key=lambda path: int(path.stem.partition("-")[2])):
            job = self.add(journal.stem)
            if journal.with_suffix(".json").exists():
                job.update(**json.loads(journal.with_suffix(".json").read_bytes()))
            else:
                self.group.start_soon(self.run, job)

    def add(self, name: str) -> Job:
        """Return a new job; its name begins with the collection."""
        collection_id = int(name.partition("-")[0])
        self.newest[collection_id] = Job({"id": name, "collection_id": collection_id, "state": "starting"})
        return self.all.setdefault(name, self.newest[collection_id])

    def start(self, collection_id: int) -> Job:
        """Return the job that is under way, take up one that was interrupted, or begin another; without any await."""
        job = self.newest.get(collection_id)
        if job is None or job.shown["state"] in {"finished", "failed"}:
            job = self.add(f"{collection_id}-{time.time_ns()}")
        elif job.shown["state"] != "interrupted":
            return job
        (FOLDER / f"{job.shown['id']}.json").unlink(missing_ok=True)
        job.update(state="starting", problem=None)
        self.group.start_soon(self.run, job)
        return job

    def listen(self, event: events.Event) -> None:
        """Note how a run gets on; a collection has one job at a time."""
        if isinstance(event, events.RunProgress):
            self.newest[event.collection_id].update(state="running", run_id=event.run_id, status=event.status)

    async def run(self, job: Job) -> None:
        """Start, wait and download, or go on where the journal ends. An error ends this job alone."""
        ids, file = [job.shown["collection_id"]], FOLDER / f"{job.shown['id']}.jsonl"
        try:
            runs = self.client.runs.run_many(ids, FOLDER / "results", policy=POLICY, journal=file)
            async with aclosing(runs) as outcomes:
                async for outcome in outcomes:
                    job.update(state="finished", run_id=outcome.unwrap().run.id)
        except Exception as error:  # noqa: BLE001 -- kept in the job; a cancelled one goes on at the next start
            state = "failed" if isinstance(error, errors.RunFailedError) else "interrupted"
            job.update(error, state=state, problem=f"{type(error).__name__}: {error}")
        file.with_suffix(".new").write_text(json.dumps(job.shown))
        file.with_suffix(".new").replace(file.with_suffix(".json"))


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """One client for all requests; at the end waits are cancelled, and then it is closed."""
    app.state.jobs = jobs = Jobs()
    async with AsyncMultiCart(on_event=jobs.listen) as client, anyio.create_task_group() as group:
        jobs.open(client, group)
        yield
        group.cancel_scope.cancel()


app = FastAPI(lifespan=lifespan)


@app.exception_handler(MultiCartError)
async def refuse(_: Request, error: Exception) -> JSONResponse:
    """Every error of the library, as a status and one line."""
    return JSONResponse({"detail": str(error)}, STATUSES.get(type(error), 502))


@app.post("/collections/{collection_id}/runs", status_code=202)
async def start(collection_id: int, request: Request) -> dict[str, Any]:
    """Start a run, unless one is under way; it is charged. The response comes when it has been started."""
    jobs: Jobs = request.app.state.jobs
    await jobs.client.collections.get(collection_id)  # one that does not exist gets no job
    job = jobs.start(collection_id)
    while job.shown["state"] == "starting":
        await job.changed.wait()
    if job.error is not None:
        raise job.error.with_traceback(None)
    return job.shown


def find(name: str, request: Request) -> Job:
    """Return the job of that name."""
    jobs: Jobs = request.app.state.jobs
    if name not in jobs.all:
        raise HTTPException(404, f"there is no job {name}")
    return jobs.all[name]


@app.get("/jobs/{name}")
async def show(job: Annotated[Job, Depends(find)]) -> dict[str, Any]:
    """Show a job."""
    return job.shown


@app.get("/jobs/{name}/events")
async def watch(job: Annotated[Job, Depends(find)]) -> StreamingResponse:
    """Stream a job's changes until it has ended."""
    return StreamingResponse(stream(job), media_type="text/event-stream")


async def stream(job: Job) -> AsyncIterator[str]:
    """Each change. It ends after LISTEN seconds, and browsers connect again: an open stream would hold up the shutdown."""
    end = anyio.current_time() + LISTEN
    while True:
        changed = job.changed
        yield f"retry: 500\ndata: {json.dumps(job.shown)}\n\n"
        if job.shown["state"] in {"finished", "failed", "interrupted"} or anyio.current_time() >= end:
            return
        with anyio.CancelScope(deadline=end):
            await changed.wait()
