"""Prove that all workers write to the destination of the driver: they find there what it has written."""

from __future__ import annotations

import os
import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, TypeVar, cast

import anyio
import attrs

from multicart_async._core.log import error_info, log_warning
from multicart_async._core.validation import is_url, wrong_argument
from multicart_async.distributed._cluster import Cluster
from multicart_async.distributed._orders import ClusterCall
from multicart_async.errors import ArgumentError, MultiCartError
from multicart_async.sinks import ListableSink, Sink
from multicart_async.sinks._protocol import put_bytes

__all__ = ["Probe", "check_workers", "destination_text", "is_current", "shared_nonce"]

A = TypeVar("A")

_NAMED: Final = 5  # workers in a message
_ADVICE: Final = "name a folder that all machines mount at the same place, or an object store"


@attrs.frozen
class Probe:
    """What a worker has found: whether it has the destination, and what keeps it from working, or ``None``."""

    sees_nonce: bool
    trouble: str | None = None


def destination_text(dest: object, *, argument: str = "dest") -> str:
    """Return *dest* as text that means the same on all machines: an absolute path, or a URL.

    Raises:
        ArgumentError: It is neither.
    """
    text = _text_of(dest)
    if not text:
        raise wrong_argument(argument, "a path or URL, which each worker opens for itself", dest)
    return text if is_url(text) else str(Path(text).absolute())


def _text_of(dest: object) -> str | None:
    text = os.fspath(cast("os.PathLike[str]", dest)) if isinstance(dest, str | os.PathLike) else None
    return text if isinstance(text, str) else None


@asynccontextmanager
async def shared_nonce(sink: Sink) -> AsyncGenerator[tuple[str, bytes], None]:
    """Keep a file with random content in *sink* while the block runs; yield its name and content.

    Raises:
        ArgumentError: *sink* cannot delete a file.
        DiskError: The file cannot be written.
    """
    if not isinstance(sink, ListableSink):
        raise ArgumentError("dest", "expected a destination whose files can be deleted, got a plain Sink")
    token = secrets.token_hex(16)
    name, content = f"_cluster-{token}.nonce", secrets.token_bytes(32)
    try:
        await put_bytes(sink, name, content)
        yield name, content
    finally:
        with anyio.CancelScope(shield=True):
            await _delete(sink, name)


async def _delete(sink: ListableSink, name: str) -> None:
    try:
        await sink.delete(name)
    except MultiCartError as error:  # what the call has done is worth more
        log_warning("cluster: %s remains in the destination; delete it: %s", name, error, extra=error_info(error))


async def is_current(call: ClusterCall, sink: Sink) -> bool:
    """Return whether *sink* is the destination of the driver, and its call is not over."""
    return await sink.read(call.nonce) == call.content


async def check_workers(cluster: Cluster, probe: Callable[[A], Awaitable[Probe]], argument: A) -> None:
    """Raise unless all workers that are there now can work: they have a key, and the same destination.

    Raises:
        ArgumentError: It names the workers that cannot, and says what to do.
    """
    found: Mapping[str, Probe | BaseException] = await cluster.run_everywhere(probe, argument)
    troubles = {address: text for address, result in found.items() if (text := _trouble(result)) is not None}
    if troubles:
        reason = next(iter(troubles.values()))
        raise ArgumentError("cluster", f"expected workers that can work, got: {reason} (at {_names(troubles)})")
    blind = [address for address, result in found.items() if isinstance(result, Probe) and not result.sees_nonce]
    if blind:
        reason = f"expected a destination that all workers share; what the driver has written is not at {_names(blind)}"
        raise ArgumentError("dest", f"{reason}; {_ADVICE}")


def _trouble(result: Probe | BaseException) -> str | None:
    if isinstance(result, Probe):
        return result.trouble
    if isinstance(result, OSError) and not isinstance(result, MultiCartError):
        return None  # the worker died meanwhile; there are others
    text = str(result) if isinstance(result, MultiCartError) else f"{type(result).__name__}: {result}"
    if isinstance(result, ImportError):
        return f"{text}; install the same version of multicart-async on each worker"
    return text


def _names(workers: Iterable[str]) -> str:
    names = sorted(workers)
    more = f" and {len(names) - _NAMED} others" if len(names) > _NAMED else ""
    return f"{', '.join(names[:_NAMED])}{more}"
