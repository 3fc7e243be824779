"""The description of an endpoint in the table of routes."""

from __future__ import annotations

import attrs

from multicart_async.sandbox._api.params import Param, optional
from multicart_async.sandbox._api.request import Handler

SCHEDULES = ("Every X Minutes", "Daily", "Weekly", "Monthly", "Manual")
PRIORITIES = ("Highest", "High", "Normal", "Low", "Lowest")
MODES = ("full", "availability_only")
OUTPUTS = ("JSON", "HTML")
WINDOW = (optional("skip", "integer"), optional("limit", "integer"))


@attrs.frozen
class Route:
    """One endpoint; a ``public`` one needs no credential.

    The documentation of an ``incomplete`` one lacks parameters, so unknown fields are not recorded as ignored.
    """

    path: str
    handler: Handler
    params: tuple[Param, ...] = ()
    method: str = attrs.field(default="POST", kw_only=True)
    form: bool = attrs.field(default=False, kw_only=True)
    public: bool = attrs.field(default=False, kw_only=True)
    incomplete: bool = attrs.field(default=False, kw_only=True)
