"""A process of the soak test that takes and gives lines of JSON, and ends when its standard input does."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

from soak.plan import Plan

__all__ = ["Process"]

_PATIENCE = 10.0  # seconds to end
_LIMIT = 64 * 2**20  # bytes of one line


class Process:
    """``python -m MODULE PLAN``, with all warnings as errors."""

    def __init__(self, module: str, plan: Plan) -> None:
        self._module = module
        self._plan = plan
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it."""
        benchmarks = Path(__file__).resolve().parents[1]
        path = os.pathsep.join([os.fspath(benchmarks), os.fspath(benchmarks.parent), os.environ.get("PYTHONPATH", "")])
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-W", "error", "-m", self._module, json.dumps(self._plan.to_json())),
            env={**os.environ, "PYTHONPATH": path},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=_LIMIT,
        )

    @property
    def pid(self) -> int:
        """Its id."""
        assert self._process is not None
        return self._process.pid

    def say(self, what: object) -> None:
        """Give it a line."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(what).encode() + b"\n")

    async def line(self) -> bytes:
        """Its next line."""
        assert self._process is not None
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self._module} has ended")
        return line

    async def end(self, patience: float = _PATIENCE) -> int:
        """End it, by its id if it does not end by itself in so many seconds; return its exit status."""
        if self._process is None:
            return 0
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            async with asyncio.timeout(patience):
                return await self._process.wait()
        except TimeoutError:
            self._process.kill()
            return await self._process.wait()
