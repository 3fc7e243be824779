"""Domains and stores, which all users can list."""

from __future__ import annotations

from multicart_async.sandbox._api.request import Call
from multicart_async.sandbox._content.stores import STORES


def domains(call: Call) -> object:
    """Return an array of all domains.

    Its fields are not documented: the sandbox returns the five fields of a postcode's domain.
    """
    return [dict(row) for row in call.state.rows("SELECT * FROM domains ORDER BY id")]


def stores(_call: Call) -> object:
    """Return an array of the active stores."""
    return [store for store in STORES if store["status"] == "active"]
