"""What an import costs."""

from __future__ import annotations

import sys

from harness.bench import Bench
from harness.race import Contender


def imports(bench: Bench) -> None:
    """`import multicart_async` and its client, beside what it rests on; whole processes."""
    lines = {
        "import aiohttp": "import aiohttp",
        "import multicart_async": "import multicart_async",
        "its client": "from multicart_async import AsyncMultiCart",
        "import httpx": "import httpx",
        "nothing": "",
    }
    everybody = [_process(name, line) for name, line in lines.items()]
    bench.race("imports, whole processes", everybody, base="import aiohttp", times=5)


def _process(name: str, line: str) -> Contender:
    return Contender(name, lambda _: [sys.executable, "-c", line], brings=False)
