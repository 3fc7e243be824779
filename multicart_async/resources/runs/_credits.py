"""Check that the credits suffice for many runs, before the first is started."""

from __future__ import annotations

import warnings

from multicart_async._core.short_repr import short_repr
from multicart_async.errors import InsufficientCreditsError, MultiCartWarning
from multicart_async.models import Estimate

__all__ = ["check_credits"]


def check_credits(estimate: Estimate) -> None:
    """Check that the credits suffice for all runs: a run costs one per item.

    Warns with `MultiCartWarning` if this cannot be determined.

    Raises:
        InsufficientCreditsError: There are too few; nothing was started.
    """
    needed, spendable = estimate.items, estimate.spendable
    if spendable is not None and needed > spendable:
        detail = f"these runs need {needed} credits and {short_repr(spendable)} are spendable; nothing was started"
        raise InsufficientCreditsError("run_many", 402, detail)
    if spendable is None:
        _warn("the response of the credits call lacks one of the three documented fields")
    elif estimate.unknown:
        _warn(f"the list of collections gives no number of items for {len(estimate.unknown)} of them")


def _warn(reason: str) -> None:
    warnings.warn(f"it cannot be determined whether the credits suffice: {reason}", MultiCartWarning, stacklevel=5)
