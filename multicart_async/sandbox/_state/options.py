"""The options of a sandbox: their defaults, their validation, and their form on the command line.

`Sandbox` repeats names and defaults in its signature, for editors and type checkers; a test compares the two.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal, get_args

import attrs

from multicart_async._core.validation import wrong_argument
from multicart_async.sandbox._content.records import RecordKind
from multicart_async.sandbox._web.hosts import check_host_names

__all__ = [
    "AuthErrors",
    "ClockKind",
    "CommandLine",
    "FileErrors",
    "InRange",
    "OneOf",
    "Options",
    "RunsOrder",
    "command_line",
]

AuthErrors = Literal["envelope", "http"]
FileErrors = Literal["http", "envelope"]
RunsOrder = Literal["newest", "oldest", "shuffled"]
ClockKind = Literal["real", "manual"]

_COMMAND_LINE: Final = "command line"
_ROW_DELAY: Final = 0.2  # seconds
_ZIPCODE_SECONDS: Final = 5.0
_TIMING: Final = "timing of runs"
_FILES: Final = "files"
_UNDOCUMENTED: Final = "undocumented behaviour"


@attrs.frozen
class InRange:
    """A validator for a number in a range, both ends included. None is accepted if it is the default."""

    minimum: float
    maximum: float | None = None

    def __call__(self, _options: object, field: attrs.Attribute[Any], value: object) -> None:
        if value is None and field.default is None:
            return
        if not isinstance(value, int | float) or not self.minimum <= value <= (
            value if self.maximum is None else self.maximum
        ):
            upper = "or more" if self.maximum is None else f"to {self.maximum:g}"
            raise wrong_argument(field.name, f"a number, {self.minimum:g} {upper}", value)


@attrs.frozen
class OneOf:
    """A validator for a choice among strings."""

    choices: tuple[str, ...]

    def __call__(self, _options: object, field: attrs.Attribute[Any], value: object) -> None:
        if value not in self.choices:
            raise wrong_argument(field.name, f"one of {', '.join(self.choices)}", value)


@attrs.frozen
class CommandLine:
    """The form of an option on the command line.

    ``help`` does not include the default. The other attributes are what does not follow from the option's name.
    """

    help: str
    group: str | None = None
    flag: str | None = None
    metavar: str | None = None
    default: Any = None  # if it differs from the default of `Sandbox`
    default_text: str | None = None  # if the default is not self-explanatory; "" shows none


def command_line(field: attrs.Attribute[Any]) -> CommandLine | None:
    """Return the form of *field* on the command line, or None if the command does not have the option."""
    shown: CommandLine | None = field.metadata.get(_COMMAND_LINE)
    return shown


def _on_command_line(
    text: str,
    group: str | None = None,
    *,
    flag: str | None = None,
    metavar: str | None = None,
    default: Any = None,
    default_text: str | None = None,
) -> Mapping[str, CommandLine]:
    return {_COMMAND_LINE: CommandLine(text, group, flag, metavar, default, default_text)}


def _path(value: str | os.PathLike[str] | None) -> Path | None:
    return None if value is None else Path(value)


@attrs.frozen(kw_only=True)
class Options:
    """All options of one sandbox, validated. Times are in seconds. The command line lists them in this order.

    Raises:
        ArgumentError: An option is invalid; the error names it.
    """

    host: str = attrs.field(
        default="127.0.0.1", metadata=_on_command_line("address to listen on", default_text="this computer only")
    )
    allowed_hosts: frozenset[str] = attrs.field(
        default=frozenset(),
        converter=check_host_names,
        metadata=_on_command_line(
            "also accept requests for this host, such as the name of a container; may be repeated",
            flag="--allow-host",
            metavar="NAME",
            default_text="",
        ),
    )
    port: int = attrs.field(
        default=0,
        validator=InRange(0, 65535),
        metadata=_on_command_line("port to listen on; 0 selects a free one", metavar="PORT", default=8080),
    )
    database: Path | None = attrs.field(
        default=None,
        converter=_path,
        metadata=_on_command_line("keep the state in this file", metavar="PATH", default_text="in memory only"),
    )
    ssl_context: ssl.SSLContext | None = None
    links_base: str | None = None
    seed: int = attrs.field(default=0, metadata=_on_command_line("seed of the generated products"))
    clock: ClockKind = attrs.field(default="real", validator=OneOf(get_args(ClockKind)))
    credits: int = attrs.field(default=100_000, validator=InRange(0), metadata=_on_command_line("credits of each user"))
    instant: bool = attrs.field(
        default=False,
        metadata=_on_command_line("finish runs, and activate postcodes, at once", _TIMING, default_text=""),
    )
    scrape_seconds_per_item: float = attrs.field(
        default=0.05, validator=InRange(0), metadata=_on_command_line("time that a run takes for each item", _TIMING)
    )
    row_delay: float | None = attrs.field(
        default=None,
        validator=InRange(0),
        metadata=_on_command_line(
            "time from the start of a run until it is listed", _TIMING, default_text=f"{_ROW_DELAY:g}"
        ),
    )
    zipcode_seconds: float | None = attrs.field(
        default=None,
        validator=InRange(0),
        metadata=_on_command_line(
            "time from the creation of a postcode until it is active", _TIMING, default_text=f"{_ZIPCODE_SECONDS:g}"
        ),
    )
    items_per_page: int = attrs.field(
        default=100, validator=InRange(1), metadata=_on_command_line("items in one page of a run's result", _FILES)
    )
    records_per_item: int = attrs.field(
        default=1, validator=InRange(1), metadata=_on_command_line("records for each item", _FILES)
    )
    record_bytes: int = attrs.field(
        default=5000, validator=InRange(1), metadata=_on_command_line("size of a record, at least 160", _FILES)
    )
    records: RecordKind = attrs.field(
        default="products",
        validator=OneOf(get_args(RecordKind)),
        metadata=_on_command_line(
            "whether a record has many short fields and nested lists, or mostly one long text", _FILES
        ),
    )
    category_items: int = attrs.field(
        default=48, validator=InRange(0), metadata=_on_command_line("products that a category scrape finds", _FILES)
    )
    category_items_per_page: int = attrs.field(default=16, validator=InRange(1))
    ranges: bool = attrs.field(
        default=False, metadata=_on_command_line("support Range requests", _FILES, default_text="")
    )
    runs_order: RunsOrder = attrs.field(
        default="newest",
        validator=OneOf(get_args(RunsOrder)),
        metadata=_on_command_line("which run is first in a list of runs", _UNDOCUMENTED),
    )
    auth_errors: AuthErrors = attrs.field(
        default="envelope",
        validator=OneOf(get_args(AuthErrors)),
        metadata=_on_command_line("whether a bad key gets code 401 under HTTP 200, or HTTP 401", _UNDOCUMENTED),
    )
    file_errors: FileErrors = attrs.field(
        default="http",
        validator=OneOf(get_args(FileErrors)),
        metadata=_on_command_line(
            "whether a rejected file gets HTTP 403 or 404, or that code under HTTP 200", _UNDOCUMENTED
        ),
    )
    stage_after_cancel: str = "failed"

    @property
    def item_seconds(self) -> float:
        """The seconds that a run takes for each item."""
        return 0.0 if self.instant else self.scrape_seconds_per_item

    @property
    def listing_seconds(self) -> float:
        """The seconds from the start of a run until it is listed."""
        return self._unless_instant(self.row_delay, _ROW_DELAY)

    @property
    def activation_seconds(self) -> float:
        """The seconds from the creation of a postcode until it is active."""
        return self._unless_instant(self.zipcode_seconds, _ZIPCODE_SECONDS)

    def _unless_instant(self, given: float | None, default: float) -> float:
        if given is not None:
            return given
        return 0.0 if self.instant else default
