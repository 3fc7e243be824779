"""Whether objects can be stored at a URL: put, rename and delete."""

from __future__ import annotations

import secrets

import anyio

from multicart_async.cli._check import Check
from multicart_async.errors import ArgumentError, DiskError
from multicart_async.sinks._places import Place, find_place
from multicart_async.sinks._protocol import put_bytes

__all__ = ["check_store"]


async def check_store(url: str, *, dry_run: bool) -> tuple[Check, Check]:
    """Try to put, rename and delete an object at *url*; a dry run only lists it."""
    try:
        place = await find_place("DEST", url)
        await place.check()
        if not dry_run:
            await _put_and_rename(place)
    except ArgumentError as error:
        return Check("write", ok=False, detail=str(error)), Check.impossible("space", "there is no store")
    except DiskError as error:
        return Check("write", ok=False, detail=f"{url}: {error.reason}"), Check.impossible("space", "there is no store")
    done = "it can be listed; --dry-run writes nothing" if dry_run else "an object was stored, renamed and deleted"
    return Check("write", ok=True, detail=f"{url}: {done}"), Check(
        "space", ok=True, detail=f"{url}: a store does not report it"
    )


async def _put_and_rename(place: Place) -> None:
    first = f"multicart-doctor-{secrets.token_hex(8)}"
    second = f"{first}-renamed"
    try:
        await put_bytes(place, first, b"multicart doctor\n")
        await place.rename(first, second)
    finally:
        with anyio.CancelScope(shield=True):
            for name in (first, second):
                await place.delete(name)
