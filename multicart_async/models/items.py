"""Models of ASINs and SKUs, of the outcome of adding them, and of output records.

Service documentation: https://multicartapi.com/api-docs/amazon-items,
https://multicartapi.com/api-docs/officeworks-items
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import attrs

from multicart_async._core.exceptions import MultiCartError
from multicart_async._core.text import shorten
from multicart_async._core.validation import check_bool, check_postcode, check_single_line, normalize_item
from multicart_async.models._base import Extra, Model, Strict, merged_extra, received_of
from multicart_async.models._serialization import Serializable

__all__ = [
    "AddResult",
    "Asin",
    "AsinRow",
    "DomainRef",
    "ErrorRow",
    "ItemsRejectedError",
    "Output",
    "OutputFormat",
    "PostcodeRef",
    "Sku",
    "SkuRow",
]

_NAME = 300  # characters of an item in a message

OutputFormat = Literal["JSON", "HTML"]


@attrs.frozen(kw_only=True)
class DomainRef(Model):
    """The domain of an item. ``domain`` is its name, if the response has it."""

    id: Strict[int]
    domain: Strict[str | None] = None

    def _part_to_write(self) -> Any:
        return self.id if _came_as_id(self) else self._fields_to_write()


@attrs.frozen(kw_only=True)
class PostcodeRef(Model):
    """The postcode of an item. ``id`` is its id, ``zipcode`` the postcode itself, if the response has it."""

    id: Strict[int]
    zipcode: str | None = None

    def _part_to_write(self) -> Any:
        return self.id if _came_as_id(self) else self._fields_to_write()


def _came_as_id(ref: DomainRef | PostcodeRef) -> bool:
    return isinstance(ref.extra, Extra) and not received_of(ref.extra)  # an object with only an id has a plain dict


@attrs.frozen(kw_only=True)
class Asin(Model):
    """One ASIN in a collection.

    `create` responds with ids for ``domain`` and ``customer_postcode``, `list` and `get` with objects, `update` with
    neither: they are represented as `DomainRef` and `PostcodeRef`, or ``None``.
    """

    id: Strict[int]
    asin: Strict[str]
    collection: Strict[int | None] = None
    domain: DomainRef | None = None
    customer_postcode: PostcodeRef | None = None
    custom_id: str | None = None
    include_raw_html: bool | None = None
    output: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None

    @property
    def domain_name(self) -> str | None:
        """The name of the domain, such as ``amazon.com.au``, if the response has it."""
        return None if self.domain is None else self.domain.domain

    @property
    def postcode_text(self) -> str | None:
        """The postcode itself, such as ``"0800"``, if the response has it."""
        return None if self.customer_postcode is None else self.customer_postcode.zipcode


@attrs.frozen(kw_only=True)
class Sku(Model):
    """One Officeworks SKU in a collection. ``customer_postcode`` is the postcode itself, as a string."""

    id: Strict[int]
    sku: Strict[str]
    store_id: str | None = None
    customer_postcode: str | None = None
    collection: Strict[int | None] = None


def _asin(value: str) -> str:
    return _cell("asin", value)


def _sku(value: str) -> str:
    return _cell("sku", value)


def _cell(name: str, value: str) -> str:
    text = normalize_item(name, value)
    check_single_line(name, text)
    return text


def _line(_: object, field: attrs.Attribute[str], value: str) -> None:
    check_single_line(field.name, value)


def _postcode(_: object, field: attrs.Attribute[str], value: str) -> None:
    check_postcode(field.name, value)


def _truth(_: object, field: attrs.Attribute[bool], value: bool) -> None:  # noqa: FBT001 -- called by attrs
    check_bool(field.name, value)


@attrs.frozen
class AsinRow(Serializable):
    """A row for `Asins.import_csv`. Domain and postcode are names: ``AsinRow("amazon.com.au", "0800", "B0DJQQ38TG")``.

    Raises:
        ArgumentError: A field is invalid: for example, a postcode is a string, because a number loses its leading
            zeros.
    """

    domain: str = attrs.field(validator=_line)
    customer_postcode: str = attrs.field(validator=_postcode)
    asin: str = attrs.field(converter=_asin)
    include_raw_html: bool = attrs.field(default=False, validator=_truth)


@attrs.frozen
class SkuRow(Serializable):
    """A row for `Skus.import_csv`: ``SkuRow("JBMS310BK", "0800", "W411")``.

    Raises:
        ArgumentError: A field is invalid: for example, a postcode is a string, because a number loses its leading
            zeros.
    """

    sku: str = attrs.field(converter=_sku)
    customer_postcode: str = attrs.field(validator=_postcode)
    store_id: str = attrs.field(validator=_line)


@attrs.frozen(kw_only=True)
class ErrorRow(Model):
    """An item that was rejected, and why.

    The error rows of a CSV import are not documented: ``extra`` may contain more.
    """

    asin: Strict[str | None] = None
    sku: Strict[str | None] = None
    error: str | None = None

    @property
    def item(self) -> str | None:
        """The ASIN or SKU."""
        return self.asin if self.asin is not None else self.sku


@attrs.frozen(kw_only=True)
class AddResult(Model):
    """How many items were accepted, and which were rejected. The service reports success even when it accepted none.

    ``assumed`` is set by this library: that many of ``success_count`` were present already when a call was repeated
    after a lost response or a crash. Either the interrupted call added them, or they were there before; this cannot be
    known. ``blank_rows`` is set by this library too: the number of CSV rows with only commas and whitespace, which were
    not sent.
    """

    success_count: Strict[int]
    error_rows: Strict[tuple[ErrorRow, ...]] = ()
    assumed: int = 0
    blank_rows: int = 0

    def raise_for_errors(self) -> None:
        """Raise `ItemsRejectedError`, which holds this result, if any item was rejected."""
        if self.error_rows:
            raise ItemsRejectedError(self)

    def __add__(self, other: AddResult) -> AddResult:
        return AddResult(
            success_count=self.success_count + other.success_count,
            error_rows=self.error_rows + other.error_rows,
            assumed=self.assumed + other.assumed,
            blank_rows=self.blank_rows + other.blank_rows,
            extra=merged_extra(self.extra, other.extra),
        )


@attrs.frozen(kw_only=True)
class Output(Model):
    """A scraped output record. ``output_json`` is an object or an array of them; `list` omits it; it can be large."""

    id: Strict[int]
    user: Strict[int | None] = None
    collection: Strict[int | None] = None
    output_json: Any = None
    output_json_count: int | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


class ItemsRejectedError(MultiCartError):
    """Some items were rejected; ``added`` says how many were accepted, and why each of the others was not."""

    __module__ = "multicart_async.errors"

    def __init__(self, added: AddResult) -> None:
        super().__init__("")
        self.added = self.report = added

    def _text(self) -> str:
        rows = self.added.error_rows
        first = f"; the first: {shorten(str(rows[0].item), _NAME)}: {shorten(str(rows[0].error))}" if rows else ""
        return f"{self.added.success_count} items added, {len(rows)} rejected{first}"
