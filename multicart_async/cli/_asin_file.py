"""A file of ASINs for one domain and postcode. Blocking."""

from __future__ import annotations

import csv
import errno
from collections.abc import Mapping, Sequence

import attrs
import click

from multicart_async.errors import DiskError

__all__ = ["AsinList", "read_asins"]

_ASIN, _DOMAIN, _POSTCODE = "asin", "domain", "customer_postcode"  # columns of the service's own CSV


@attrs.frozen
class AsinList:
    """ASINs, and where they are scraped."""

    asins: tuple[str, ...]
    domain: str
    postcode: str


def read_asins(path: str, domain: str | None, postcode: str | None) -> AsinList:
    """Read the column ``asin`` of a CSV with a header.

    The columns ``domain`` and ``customer_postcode`` may be there, too, with one value each.

    Raises:
        click.UsageError: The columns, or the options for missing ones, do not say what is needed; nothing was sent.
        DiskError: The file cannot be read.
    """
    rows = _read(path)
    header = set(rows[0]) if rows else set[str]()
    if _ASIN not in header:
        raise click.UsageError(f"--csv: {path} has no column asin, or no row; its first line must name the columns")
    return AsinList(
        tuple(row[_ASIN] for row in rows),
        _agreed(rows, _DOMAIN, domain, "--domain"),
        _agreed(rows, _POSTCODE, postcode, "--postcode"),
    )


def _read(path: str) -> list[Mapping[str, str]]:
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:  # noqa: PTH123 -- newline is for csv
            return [{name: value or "" for name, value in row.items() if name} for row in csv.DictReader(file)]
    except OSError as error:
        raise DiskError(path, str(error.strerror), error.errno or errno.EIO) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise click.UsageError(f"--csv: {path} is no CSV in UTF-8: {error}") from error


def _agreed(rows: Sequence[Mapping[str, str]], column: str, given: str | None, option: str) -> str:
    """Return the value that all rows and the option agree on."""
    values = {row[column] for row in rows if column in row} | ({given} if given is not None else set[str]())
    if len(values) == 1:
        return values.pop()
    if not values:
        raise click.UsageError(f"{option} is missing: the file has no column {column}")
    shown = ", ".join(sorted(values)[:3])
    raise click.UsageError(f"{option}: all ASINs of one import need the same, got {shown}; import them one by one")
