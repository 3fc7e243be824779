"""What a table that grows knows about itself: its options, fields, layout and runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import attrs

from multicart_async.tables._fields import Field, fields_from_json
from multicart_async.tables._layout import Layout

__all__ = ["TableState"]


@attrs.frozen
class TableState:
    """The state of a table. ``runs`` maps a run, such as ``101/88``, to the checksum of its manifest."""

    options: Mapping[str, Any]
    fields: Mapping[str, Field]
    closed: bool
    layout: Layout
    runs: Mapping[str, str]

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values, without the runs."""
        return {
            "options": dict(self.options),
            "fields": {name: field.to_json() for name, field in self.fields.items()},
            "closed": self.closed,
            "layout": self.layout.to_json(),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any], runs: Mapping[str, str]) -> Self:
        """Return what `to_json` was made of. Raises `LookupError`, `TypeError` or `ValueError` if it is something else."""
        fields, layout = fields_from_json(value["fields"]), Layout.from_json(value["layout"])
        return cls(dict(value["options"]), fields, bool(value["closed"]), layout, dict(runs))
