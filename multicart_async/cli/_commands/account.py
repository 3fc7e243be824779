"""``multicart credits``."""

from __future__ import annotations

from multicart_async.cli._call import Call
from multicart_async.cli._command import command
from multicart_async.cli._view import View

__all__ = ["credits"]

_CREDITS = View(("spendable", "available_credits", "used_credits", "frozen_credits"), noun="credits")


@command(None, "credits", example="multicart credits --json", view=_CREDITS)
async def credits(call: Call) -> dict[str, object]:  # noqa: A001 -- the name of the command
    """Show the credits of the account.

    They are those granted, used and reserved, and what can be spent.
    """
    found = await call.client.account.credits()
    return {**found.to_dict(), "spendable": found.spendable}
