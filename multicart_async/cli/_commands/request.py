"""``multicart request``."""

from __future__ import annotations

import json
from typing import Any

import click

from multicart_async.cli._call import Call
from multicart_async.cli._command import command
from multicart_async.cli._flag_option import option
from multicart_async.cli._view import View
from multicart_async.models._serialization import mask_credentials

__all__ = ["request"]


@command(None, "request", example="multicart request /schedules/get/ -f schedule_id=101", view=View(noun=""))
@click.argument("path")
@option("-f", "--field", "fields", multiple=True, metavar="NAME=VALUE", help="A field; may be repeated.")
@option(
    "--safety",
    type=click.Choice(["unsafe", "idempotent", "safe"]),
    default="unsafe",
    show_default=True,
    help="Whether the call may be repeated if its response is lost.",
)
async def request(call: Call, *, path: str, fields: tuple[str, ...], safety: Any) -> None:
    """Make any call of the service.

    The fields are sent as JSON to PATH below the base URL, and `data` of the response is printed as JSON. A VALUE
    is JSON if it can be read as such, else text. Values whose names are those of credentials show dots.
    """
    body = dict(map(_field, fields))
    if call.planned(f"POST {path} would be sent with the fields: {', '.join(body) or 'none'}"):
        return
    data = await call.client.request(path, body, safety=safety)
    call.output.document(mask_credentials(data))


def _field(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise click.UsageError("-f: expected NAME=VALUE, such as schedule_id=101")
    try:
        return name, json.loads(value)
    except (ValueError, RecursionError):
        return name, value
