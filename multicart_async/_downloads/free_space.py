"""Does a file of known length still fit? Asked before it is written, so that a disk is not filled to no purpose.

What counts is what the file system has free, less what the transfers of the same client still have to write there.
"""

from __future__ import annotations

import errno
import math
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

import attrs

from multicart_async._core.threads import run_in_thread
from multicart_async.errors import DiskError
from multicart_async.sinks import DirectorySink, Sink

__all__ = ["FreeSpace", "Transfer"]

_FRESH: Final = 1.0  # seconds for which a look counts: small files come by the hundred
_REMEMBERED: Final = 64  # folders


class Transfer(Protocol):
    """A file under way."""

    @property
    def rest(self) -> int:
        """The bytes that are still to be written."""
        ...


@attrs.define
class _Look:
    """The free space of a file system as it was seen; *left* is what no transfer has claimed."""

    at: float
    device: int
    free: float
    left: float


class FreeSpace:
    """The free space of the file systems to which one client writes."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._devices: dict[Path, int] = {}
        self._looks: dict[int, _Look] = {}
        self._under_way: dict[Transfer, int] = {}

    async def prepare(self, sink: Sink) -> None:
        """Look at the free space, before a response is waited for: a pause between its head and its body may lose bytes."""
        if isinstance(sink, DirectorySink):
            look = self._last_look(sink.root)
            if look is None or self._now() - look.at >= _FRESH:
                await self._look(sink.root)

    async def admit(self, sink: Sink, name: str, length: int | None, transfer: Transfer) -> None:
        """Let *transfer* write *length* bytes to *name* in *sink*; it counts until `forget`.

        An unknown length, another sink than a folder, or a file system that does not report its free space, is let pass.

        Raises:
            DiskError: It does not fit, with errno ENOSPC.
        """
        if length is None or not isinstance(sink, DirectorySink):
            return
        look = self._last_look(sink.root)
        if look is None or look.left <= length:
            look = await self._look(sink.root)
            if look.left <= length:
                raise _no_space(sink, name, length, look)
        look.left -= length
        self._under_way[transfer] = look.device

    def forget(self, transfer: Transfer) -> None:
        """It is done, or given up. One that was not admitted is passed over."""
        self._under_way.pop(transfer, None)

    def _last_look(self, root: Path) -> _Look | None:
        return self._looks.get(self._devices[root]) if root in self._devices else None

    async def _look(self, root: Path) -> _Look:
        device, free = await run_in_thread(_look, root)
        self._devices[root] = device
        if len(self._devices) > _REMEMBERED:
            del self._devices[next(iter(self._devices))]
        claimed = sum(other.rest for other, place in self._under_way.items() if place == device)
        look = self._looks[device] = _Look(self._now(), device, free, free - claimed)
        return look


def _look(root: Path) -> tuple[int, float]:
    """Return the file system of a folder that may still have to be made, and its free bytes; infinite if not reported."""
    place = root
    while True:
        try:
            device = os.stat(place).st_dev  # noqa: PTH116 -- as the next line has it
            usage = shutil.disk_usage(place)
        except FileNotFoundError:
            place = place.parent
        except OSError:  # writing will show what is wrong
            return -1, math.inf
        else:
            return device, usage.free if usage.total else math.inf


def _no_space(sink: DirectorySink, name: str, length: int, look: _Look) -> DiskError:
    others = int(look.free - look.left)
    needed = f"{others + length:,} bytes are needed"
    if others:
        needed += f" ({length:,} of this file, {others:,} of others that are under way)"
    reason = f"not enough free space in {sink.root}: {needed}, {int(look.free):,} are free"
    return DiskError(str(sink.path(name)), reason, errno.ENOSPC)
