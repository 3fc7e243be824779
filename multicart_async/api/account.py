"""``client.account``: what the account has. Documentation: docs/guides/usage, docs/credits-and-usage."""

from __future__ import annotations

from multicart_async._caller import Caller
from multicart_async._endpoint import Endpoint
from multicart_async.models import Credits

__all__ = ["Account"]

CREDITS = Endpoint("/users/credits/", Credits, safety="read")


class Account:
    """``client.account``"""

    def __init__(self, call: Caller) -> None:
        self._call = call

    async def credits(self) -> Credits:
        """The account's credits: ``credits.spendable``.

        The path is documented, its answer is not: the three fields are those of the page on credits. What else comes is
        in ``extra``.
        """
        return await self._call(CREDITS)
