"""``multicart doctor``."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from functools import partial
from typing import Any

import click

from multicart_async._core.threads import run_in_thread
from multicart_async._core.validation import is_url
from multicart_async.cli._call import Call
from multicart_async.cli._check import Check
from multicart_async.cli._command import command
from multicart_async.cli._folder_checks import check_folder
from multicart_async.cli._service_checks import check_clock, check_key, check_proxy, check_reachability, find_service
from multicart_async.cli._store_checks import check_store
from multicart_async.cli._view import View

__all__ = ["doctor"]

_CHECK = View(("check", "ok", "detail"), None, "checks")


@command(None, "doctor", example="multicart doctor mirror", view=_CHECK, offline=True)
@click.argument("dest", metavar="[DEST]", default=".")
async def doctor(call: Call, *, dest: str) -> AsyncGenerator[dict[str, Any]]:
    """Find out why something does not work.

    There is one line for each check: is the service reached, through which proxy, does its clock agree, is the key
    accepted, can a file be written and renamed in DEST, and is there space. DEST is a folder, or a URL such as
    s3://bucket/prefix. The file is removed again, and no credits
    are spent. What to do about a check that fails is said there and on stderr, and the exit status is 1.
    """
    return _rows(call, dest)


async def _rows(call: Call, dest: str) -> AsyncGenerator[dict[str, Any]]:
    async for check in _checks(call, dest):
        if not check.ok:
            call.not_ok = True
        if check.made and not check.ok:
            call.messages.error(f"{check.name}: {check.detail}")  # a table is cut to the width of the terminal
        yield check.row()


async def _checks(call: Call, dest: str) -> AsyncGenerator[Check]:
    options = call.options
    probe = find_service(options)
    proxy = check_proxy(options, probe.base_url)
    yield await check_reachability(probe, options, proxy)
    yield proxy
    yield check_clock(probe)
    yield await check_key(probe, options)
    if is_url(dest):
        checks = await check_store(dest, dry_run=options.dry_run)
    else:
        checks = await run_in_thread(partial(check_folder, dest, dry_run=options.dry_run))
    for check in checks:
        yield check
