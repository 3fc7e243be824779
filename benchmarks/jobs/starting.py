"""What an import costs."""

from __future__ import annotations

import sys

from harness.bench import Bench
from harness.figures import at_most
from harness.race import Contender

BASE, CLIENT = "import aiohttp", "its client"


def imports(bench: Bench) -> None:
    """`import multicart_async` and its client, beside what it rests on; whole processes."""
    lines = {
        BASE: "import aiohttp",
        "import multicart_async": "import multicart_async",
        CLIENT: "from multicart_async import AsyncMultiCart",
        "import httpx": "import httpx",
        "nothing": "",
    }
    everybody = [_process(name, line) for name, line in lines.items()]
    targets = [at_most("CPU", 1.5, CLIENT, BASE, "cpu")]
    bench.race("import", "imports, whole processes", everybody, base=BASE, targets=targets, times=5)


def _process(name: str, line: str) -> Contender:
    return Contender(name, lambda _: [sys.executable, "-c", line], brings=False)
