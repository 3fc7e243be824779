"""An application that uvicorn serves as a process of its own, and what it prints."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import attrs

EXAMPLES = Path(__file__).parents[2] / "examples"
ENDED = {"finished", "failed", "interrupted"}
PROGRAM = """
import signal, fastapi_app, uvicorn
signal.alarm(120)  # it ends, also if the test has been killed
from multicart_async import PollPolicy
fastapi_app.LISTEN = 1
fastapi_app.POLICY = PollPolicy(poll_interval=0.05, growth=1, wait_timeout=60)
uvicorn.run(fastapi_app.app, port=0, ws="none", timeout_graceful_shutdown=30)
"""


@attrs.define
class ServedApp:
    """The process, where it listens, and its lines so far."""

    process: asyncio.subprocess.Process
    session: aiohttp.ClientSession
    lines: list[str]
    url: str = ""

    async def post(self, path: str) -> tuple[int, Any]:
        """Status and content of the response."""
        async with self.session.post(self.url + path) as response:
            return response.status, await response.json()

    async def get(self, path: str) -> tuple[int, Any]:
        """Status and content of the response."""
        async with self.session.get(self.url + path) as response:
            return response.status, await response.json()

    async def states(self, job: str) -> AsyncIterator[dict[str, Any]]:
        """What the Server-Sent Events of a job tell until it has ended; as a browser does, it connects again."""
        while True:
            async with self.session.get(f"{self.url}/jobs/{job}/events") as response:
                assert response.content_type == "text/event-stream"
                async for line in response.content:
                    if line.startswith(b"data: "):
                        state = json.loads(line.removeprefix(b"data: "))
                        yield state
                        if state["state"] in ENDED:
                            return

    async def read(self, *, until: str = "") -> re.Match[str] | None:
        """Read what it prints, up to a line that fits *until*, or to the end."""
        assert self.process.stdout is not None
        while line := (await self.process.stdout.readline()).decode():
            self.lines.append(line)
            if until and (found := re.search(until, line)):
                return found
        return None

    async def stop(self) -> int:
        """Send SIGTERM, and return the exit status."""
        self.process.send_signal(signal.SIGTERM)
        await self.read()
        return await self.process.wait()


@asynccontextmanager
async def served(folder: Path) -> AsyncIterator[ServedApp]:
    """Serve ``examples/fastapi_app.py``, which keeps its jobs in *folder*, with warnings as errors."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-X", "dev", "-W", "error", "-c", PROGRAM),
        env={**os.environ, "PYTHONPATH": os.fspath(EXAMPLES), "MULTICART_JOBS": os.fspath(folder)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with aiohttp.ClientSession() as session:
            app = ServedApp(process, session, [])
            found = await app.read(until=r"running on (http://\S+)")
            assert found is not None, "".join(app.lines)
            app.url = found[1]
            yield app
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
