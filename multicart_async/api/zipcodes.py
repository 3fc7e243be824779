"""``client.zipcodes``: postcodes to scrape for. Documentation: api-docs/zipcodes, docs/concepts/postcodes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from multicart_async._caller import Caller
from multicart_async.models import Domain, Zipcode
from multicart_async.polling import Clock, PollPolicy

__all__ = ["Zipcodes"]


class Zipcodes:
    """``client.zipcodes``"""

    def __init__(
        self, call: Caller, *, domains: Callable[[], Awaitable[tuple[Domain, ...]]], clock: Clock = Clock()
    ) -> None:
        self._call = call
        self._domains = domains
        self._clock = clock

    async def ensure(self, postcode: str, *, domain: str, policy: PollPolicy = PollPolicy()) -> Zipcode:
        """Placeholder."""
        raise NotImplementedError
