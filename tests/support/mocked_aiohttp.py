"""aioresponses, for the JSON half of the transport: answers without a socket."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import Mock

from aiohttp import ClientResponse
from aioresponses import aioresponses


class MockedResponse(ClientResponse):
    """What aioresponses must build since aiohttp 3.14, which asks for one argument more than it passes."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"stream_writer": Mock(output_size=0), **kwargs})


@contextmanager
def mocked_answers(url: str, *answers: dict[str, Any]) -> Iterator[aioresponses]:
    """POSTs to *url* get these answers, each as arguments of `aioresponses.post`, in their order; nothing else gets one."""
    with aioresponses() as service:
        for answer in answers:
            service.post(url, response_class=MockedResponse, **answer)
        yield service
