"""One file put into a folder by a process of its own, whose system calls are watched, or fail on order."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import attrs
import pytest

from multicart_async.sinks import DirectorySink
from support.download_kit import chunks

PUT = """
import asyncio, json, resource, secrets, sys
from multicart_async._core import threads
from multicart_async.errors import MultiCartError
from multicart_async.sinks import DirectorySink

folder, size, pieces, durable, before = json.loads(sys.argv[1])
secrets.token_hex = lambda size: "0" * 2 * size  # strace is told which path to watch,
threads.WORKERS = 1  # and counts calls by thread

async def chunks():
    for _ in range(pieces):
        yield b"n" * size

async def main():
    sink = DirectorySink(folder, durable=durable)
    await sink.check()
    exec(before)
    try:
        await sink.put("f/a", chunks())
    except MultiCartError as error:
        return type(error).__name__, error.errno
    except BaseException as error:
        return repr(error), None
    return None, None

print(json.dumps(asyncio.run(main())))
"""


TEMPORARY = ".mc-0000000000000000.part"


@attrs.frozen
class Put:
    """How it ended: the error's class and number, or twice ``None``; and the system calls that were watched."""

    error: str | None
    errno: int | None
    calls: list[str]
    status: int


@cache
def _strace_works() -> bool:
    if shutil.which("strace") is None:
        return False
    probe = ["strace", "-f", "-qq", "-e", "trace=none", "-e", "inject=fsync:error=EIO", "true"]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0


def needs_strace() -> None:
    """Skip where processes cannot be traced."""
    if not _strace_works():
        pytest.skip("strace is not here, or may not trace")


def put(
    folder: Path,
    *strace: str,
    size: int = 1 << 20,
    pieces: int = 3,
    durable: bool = False,
    before: str = "",
) -> Put:
    """Put ``f/a`` into *folder*: *pieces* chunks of *size* bytes. *strace* are its options, *before* is run first.

    Only calls on the temporary file, its folder and its final name are watched.
    """
    log = folder.parent / f"{folder.name}.calls"
    ours = [folder / "f", folder / "f" / "a", folder / "f" / TEMPORARY]
    paths = [option for path in ours for option in ("-P", str(path))]
    watch = ["strace", "-f", "-qq", "-y", "--seccomp-bpf", "-o", str(log), *paths, *strace] if strace else []
    arguments: list[Any] = [str(folder), size, pieces, durable, before]
    done = subprocess.run(
        [*watch, sys.executable, "-c", PUT, json.dumps(arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    calls = log.read_text().splitlines() if strace else []
    if not done.stdout:
        assert done.returncode, done.stderr
        return Put(None, None, calls, done.returncode)
    error, number = json.loads(done.stdout)
    return Put(error, number, calls, done.returncode)


async def put_here(folder: Path) -> None:
    """What the next call does, in this process: it puts the same content there, and sweeps up."""
    sink = DirectorySink(folder)
    await sink.check()
    await sink.put("f/a", chunks(*[b"n" * (1 << 20)] * 3))
