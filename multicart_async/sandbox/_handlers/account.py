"""The account."""

from __future__ import annotations

from multicart_async.sandbox._call import Call
from multicart_async.sandbox._lifecycle import credits_of


def credits_now(call: Call) -> object:
    """The three documented fields of the credits page; how the service's own answer is laid out is not documented."""
    available, used, frozen = credits_of(call.world, call.user)
    return {"available_credits": available, "used_credits": used, "frozen_credits": frozen}
