"""Domains and stores, which everybody may see."""

from __future__ import annotations

from multicart_async.sandbox._api.request import Call
from multicart_async.sandbox._content.stores import STORES


def domains(call: Call) -> object:
    """An array of all domains. Not documented: the sandbox answers the five fields that a postcode's domain has."""
    return [dict(row) for row in call.world.rows("SELECT * FROM domains ORDER BY id")]


def stores(_call: Call) -> object:
    """An array of the active stores."""
    return [store for store in STORES if store["status"] == "active"]
