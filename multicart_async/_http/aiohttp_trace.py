"""See the headers of the responses that a client gets, for a diagnosis."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import aiohttp

__all__ = ["header_trace"]


def header_trace(name: str, take: Callable[[str | None], None]) -> aiohttp.TraceConfig:
    """Return a trace for ``trace_configs`` that calls *take* with the header *name* of each response."""

    async def ended(
        _session: aiohttp.ClientSession, _context: SimpleNamespace, params: aiohttp.TraceRequestEndParams
    ) -> None:
        take(params.response.headers.get(name))

    trace = aiohttp.TraceConfig()
    trace.on_request_end.append(ended)
    return trace
