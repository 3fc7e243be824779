"""What a sandbox is told once. `Sandbox` lists the same names with what they mean."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any, Literal

import attrs

from multicart_async.sandbox._web.hosts import check_host_names

AuthErrors = Literal["envelope", "http"]
FileErrors = Literal["http", "envelope"]
RunsOrder = Literal["newest", "oldest", "shuffled"]
ClockKind = Literal["real", "manual"]


def _least(bound: float) -> Any:
    def check(_owner: object, field: attrs.Attribute[Any], value: float) -> None:
        if value < bound:
            raise ValueError(f"{field.name}: wants at least {bound:g}, not {value!r}")

    return check


def _one_of(*choices: str) -> Any:
    def check(_owner: object, field: attrs.Attribute[Any], value: str) -> None:
        if value not in choices:
            raise ValueError(f"{field.name}: wants one of {', '.join(choices)}, not {value!r}")

    return check


@attrs.frozen(kw_only=True)
class Options:
    """All settings of one sandbox, checked."""

    host: str
    port: int = attrs.field(validator=_least(0))
    allowed_hosts: frozenset[str] = attrs.field(converter=check_host_names)
    database: Path | None
    ssl_context: ssl.SSLContext | None
    links_base: str | None
    seed: int
    clock: ClockKind = attrs.field(validator=_one_of("real", "manual"))
    scrape_seconds_per_item: float = attrs.field(validator=_least(0))
    row_delay: float = attrs.field(validator=_least(0))
    items_per_page: int = attrs.field(validator=_least(1))
    records_per_item: int = attrs.field(validator=_least(1))
    record_bytes: int = attrs.field(validator=_least(1))
    category_items: int = attrs.field(validator=_least(0))
    category_items_per_page: int = attrs.field(validator=_least(1))
    zipcode_seconds: float = attrs.field(validator=_least(0))
    credits: int = attrs.field(validator=_least(0))
    runs_order: RunsOrder = attrs.field(validator=_one_of("newest", "oldest", "shuffled"))
    auth_errors: AuthErrors = attrs.field(validator=_one_of("envelope", "http"))
    file_errors: FileErrors = attrs.field(validator=_one_of("http", "envelope"))
    ranges: bool
    stage_after_cancel: str
