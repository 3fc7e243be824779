"""``multicart zipcodes``."""

from __future__ import annotations

import shlex
from typing import Any, get_args

import click

from multicart_async._core.unset import UNSET
from multicart_async.cli._call import Call
from multicart_async.cli._command import command, group
from multicart_async.cli._flag_option import option
from multicart_async.cli._parameters import policy_of, poll_options
from multicart_async.cli._view import View
from multicart_async.models import Zipcode
from multicart_async.models.zipcodes import ZipcodeStatus

__all__ = ["zipcodes"]

_ZIPCODE = View(("id", "zipcode", "status", "domain=domain.domain", "updated_at"), "id", "postcodes")

zipcodes = group("zipcodes", "List postcodes, and make them ready for use.")


@command(zipcodes, "list", example="multicart zipcodes list --status active", view=_ZIPCODE)
@option("--status", type=click.Choice(get_args(ZipcodeStatus)), help="Those of one status alone.")
async def list_zipcodes(call: Call, *, status: Any) -> tuple[Zipcode, ...]:
    """List the postcodes of the account."""
    return await call.client.zipcodes.list(status=status or UNSET)


@command(zipcodes, "ensure", example="multicart zipcodes ensure 4500 --domain amazon.com.au", view=_ZIPCODE)
@click.argument("postcode")
@option("--domain", required=True, help="The domain, such as amazon.com.au.")
@poll_options
async def ensure(
    call: Call, *, postcode: str, domain: str, wait_timeout: float | None, poll_interval: float
) -> Zipcode | None:
    """Make a postcode ready for use: create it if there is none, and wait until it is active, up to a minute."""
    if call.planned(f"postcode {postcode} of {domain} would be created, unless there is one"):
        return None
    policy = policy_of(wait_timeout, poll_interval)
    call.resume = shlex.join(["multicart", "zipcodes", "ensure", postcode, "--domain", domain])
    return await call.client.zipcodes.ensure(postcode, domain=domain, policy=policy)
