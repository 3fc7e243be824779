"""What all contenders in Python are told: where the files are, and whom to believe."""

from __future__ import annotations

import builtins
import fcntl
import io
import os
import ssl
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

KIB = 1 << 10
MIB = 1 << 20


def trust(options: Mapping[str, Any]) -> ssl.SSLContext | None:
    """The context that knows the throwaway certificate; ``None`` for plain http."""
    return ssl.create_default_context(cafile=options["authority"]) if options["authority"] else None


def urls(options: Mapping[str, Any]) -> list[str]:
    """All files."""
    return [line.split("\t")[0] for line in Path(options["pages"]).read_text("utf-8").splitlines()]


def places(options: Mapping[str, Any]) -> list[tuple[str, Path]]:
    """All files, and where each shall lie."""
    return [(url, Path(options["dest"], f"{number}.json")) for number, url in enumerate(urls(options))]


def headers(options: Mapping[str, Any]) -> dict[str, str]:
    """The credential."""
    return {"x-api-key": options["key"]}


def prime_allocator() -> None:
    """Raise the size from which on glibc gives memory back at once: asyncio asks for 256 KiB at a time."""
    bytes(16 * MIB)


def write_synchronously(folder: str) -> None:
    """Let each write of a file that is opened to be written wait for the disk, as slow disks let it."""
    plain: Callable[..., int] = os.open
    opened: Any = io.open

    def slow(path: Any, flags: int, *more: Any, **named: Any) -> int:
        wanted = os.O_DSYNC if flags & (os.O_WRONLY | os.O_RDWR) else 0
        return plain(path, flags | wanted, *more, **named)

    def slow_open(file: Any, mode: Any = "r", *more: Any, **named: Any) -> Any:
        return opened(file, mode, *more, **named, opener=slow) if "w" in mode else opened(file, mode, *more, **named)

    os.open = slow
    builtins.open = io.open = slow_open  # the first is what programs call, the second what pathlib does
    _prove_synchronous(Path(folder, "probe"))


def _prove_synchronous(probe: Path) -> None:
    """Raises unless both ways to a file are slow: a contender that is not would win by that."""
    with probe.open("wb") as file:
        assert fcntl.fcntl(file, fcntl.F_GETFL) & os.O_DSYNC
    descriptor = os.open(probe, os.O_WRONLY)
    assert fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_DSYNC
    os.close(descriptor)
    probe.unlink()
