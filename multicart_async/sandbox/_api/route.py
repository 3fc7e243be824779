"""What a row of the table of routes says."""

from __future__ import annotations

import attrs

from multicart_async.sandbox._api.params import Param, may
from multicart_async.sandbox._api.request import Handler

SCHEDULES = ("Every X Minutes", "Daily", "Weekly", "Monthly", "Manual")
PRIORITIES = ("Highest", "High", "Normal", "Low", "Lowest")
MODES = ("full", "availability_only")
OUTPUTS = ("JSON", "HTML")
WINDOW = (may("skip", "integer"), may("limit", "integer"))


@attrs.frozen
class Route:
    """One endpoint. ``public``: no credential is asked for.

    ``cut``: not all of its parameters are visible in the documentation, so an unknown one is not noted as dropped.
    """

    path: str
    handler: Handler
    params: tuple[Param, ...] = ()
    method: str = attrs.field(default="POST", kw_only=True)
    form: bool = attrs.field(default=False, kw_only=True)
    public: bool = attrs.field(default=False, kw_only=True)
    cut: bool = attrs.field(default=False, kw_only=True)
