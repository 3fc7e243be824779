"""Options whose environment variables have the names of their flags."""

from __future__ import annotations

import os
from functools import partial

import click

__all__ = ["FlagOption", "option"]


class FlagOption(click.Option):
    """An option with a variable such as ``MULTICART_RUNS_WAIT_TIMEOUT`` for ``multicart runs wait --timeout``.

    click would take the name of the parameter, which can be another.
    """

    @property
    def flag(self) -> str:
        """The longest flag, as part of a variable."""
        return max(self.opts, key=len).lstrip("-").replace("-", "_").upper()

    def get_help_extra(self, ctx: click.Context) -> click.types.OptionHelpExtra:
        """Return the default, but no range: that is said by the error about a value outside of it."""
        extra = super().get_help_extra(ctx)
        extra.pop("range", None)
        return extra

    def resolve_envvar_value(self, ctx: click.Context) -> str | None:
        """Return the value of the variable; an empty one counts as unset."""
        return os.environ.get(f"{ctx.auto_envvar_prefix}_{self.flag}") or None


option = partial(click.option, cls=FlagOption)
"""The decorator of `click.option`, for a `FlagOption`."""
