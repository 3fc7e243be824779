"""``multicart login``, ``logout`` and ``whoami``: the profiles of the command."""

from __future__ import annotations

import sys
from contextlib import aclosing
from typing import Any

import click

from multicart_async._core.redaction import RedactedStr
from multicart_async._core.threads import run_in_thread
from multicart_async.cli._call import Access, Call, Confirmation
from multicart_async.cli._client import base_url_of, make_client, variable_in_force
from multicart_async.cli._color import is_terminal
from multicart_async.cli._command import command
from multicart_async.cli._flag_option import option
from multicart_async.cli._profiles import DEFAULT_PROFILE, forget_profile, store_profile
from multicart_async.cli._signals import interruptible
from multicart_async.cli._stdin import stdin_lines
from multicart_async.cli._view import View

__all__ = ["login", "logout", "whoami"]

_ACCESS = View(("credential", "base_url", "spendable"), noun="credential")


@command(None, "login", example="multicart login --profile shop", view=_ACCESS, offline=True)
@option("--stdin", is_flag=True, help="Read the key from stdin instead of asking for it.")
async def login(call: Call, *, stdin: bool) -> dict[str, Any] | None:
    """Store the key of an account in a profile.

    It is checked with the service first. The file is readable by its owner alone. Without --profile, it is the
    profile that is used by default. The key is never an option or argument, because other users can read those in
    the list of processes.
    """
    name, base_url = call.options.profile or DEFAULT_PROFILE, base_url_of(call.options)
    key = await _read_key(from_stdin=stdin)
    access = Access(f"profile {name}", base_url, key)
    async with make_client(access, call.options, call.on_event) as client:
        if call.planned(f"the key would be checked at {base_url} and stored in profile {name}"):
            return None
        spendable = (await client.account.credits()).spendable
    path = await run_in_thread(store_profile, name, key, base_url)
    call.messages.note(f"stored in {path}")
    if name == DEFAULT_PROFILE and (variable := variable_in_force()):
        call.messages.warn(f"{variable} is set, and comes before the profile {name}; unset it, or use --profile {name}")
    return _row(access, spendable)


async def _read_key(*, from_stdin: bool) -> RedactedStr:
    if from_stdin:
        async with aclosing(stdin_lines()) as lines:
            return RedactedStr((await anext(lines, "")).strip())
    if not is_terminal(sys.stdin):
        raise Confirmation("the key cannot be asked for, because stdin is not a terminal: add --stdin and pipe it")
    with interruptible():
        return RedactedStr(click.prompt("API key", hide_input=True, err=True).strip())


def _row(access: Access, spendable: int | None) -> dict[str, Any]:
    return {"credential": access.source, "base_url": access.base_url, "spendable": spendable}


@command(
    None,
    "logout",
    example="multicart logout --profile shop",
    view=View(("profile", "removed"), noun="profile"),
    offline=True,
)
async def logout(call: Call) -> dict[str, Any] | None:
    """Forget the key of a profile. The key itself stays valid."""
    name = call.options.profile or DEFAULT_PROFILE
    if call.planned(f"profile {name} would be removed"):
        return None
    removed = await run_in_thread(forget_profile, name)
    if not removed:
        call.messages.note(f"there is no profile {name}")
    return {"profile": name, "removed": removed}


@command(None, "whoami", example="multicart whoami", view=_ACCESS)
async def whoami(call: Call) -> dict[str, Any]:
    """Show which credential is used, and check it.

    It says where the credential comes from, which service it is for, and how many credits can be spent.
    """
    assert call.access is not None
    return _row(call.access, (await call.client.account.credits()).spendable)
