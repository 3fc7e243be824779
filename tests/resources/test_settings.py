"""``client.settings``: asked for once by everybody, kept, and asked for again on demand."""

from __future__ import annotations

from typing import Any

import anyio
import pytest
from support.fakes import FakeTransport, ok, refused
from support.groups import groups_over

from multicart_async._http import MultipartForm, Response
from multicart_async.errors import BadRequestError, InvalidResponseError
from multicart_async.models import Domain, Store

DOMAINS = "/settings/domains/"
STORES = "/settings/officeworks/stores/"
AU = {"id": 1, "domain": "amazon.com.au"}
NZ = {"id": 9, "domain": "amazon.co.nz"}


class Held(FakeTransport):
    """Answers when it is let; ``asked`` is set by the first request that arrives."""

    def __init__(self, *answers: Response | Exception) -> None:
        super().__init__(*answers)
        self.asked = anyio.Event()
        self.let = anyio.Event()

    async def post(
        self, path: str, body: bytes | MultipartForm, *, new_connection: bool = False, public: bool = False
    ) -> Response:
        """The next answer of the script, later."""
        self.asked.set()
        await self.let.wait()
        return await super().post(path, body, new_connection=new_connection, public=public)


def names(domains: tuple[Domain, ...]) -> list[str | None]:
    """Of domains."""
    return [row.domain for row in domains]


async def test_domains_are_rows_whose_shape_nobody_documents() -> None:
    """A joined domain shows five fields; each may be missing here, and what else comes is kept."""
    row = {**AU, "country_code": "AU", "supplier_type": "scraping", "status": "active"}
    groups = groups_over(FakeTransport(ok([row, {"name": "amazon.co.nz"}])))
    known, other = await groups.settings.domains()

    assert Domain(**row) == known
    assert (Domain(), {"name": "amazon.co.nz"}) == (other, other.extra)
    assert groups.transport.sent == [(DOMAINS, {})]


async def test_the_documented_stores_arrive_whole(endpoints: dict[str, dict[str, Any]]) -> None:
    """All nine fields under their own names, nothing left over; a ZIP of digits stays a text."""
    documented = endpoints["settings.officeworks_stores"]
    groups = groups_over(FakeTransport(ok(documented["response"]["data"])))
    (store,) = await groups.settings.officeworks_stores()

    assert Store(**documented["response"]["data"][0]) == store
    assert store.extra == {}
    assert groups.transport.sent == [(documented["path"], {})]


async def test_a_store_needs_its_id_only() -> None:
    """It is what a SKU is added with. Coordinates are numbers, whole ones too."""
    groups = groups_over(FakeTransport(ok([{"store_id": "W411", "lat": -27}])))
    (store,) = await groups.settings.officeworks_stores()

    assert Store(store_id="W411", lat=-27.0) == store
    assert float is type(store.lat)


async def test_answers_are_kept_each_for_itself() -> None:
    """Domains and stores are asked for once; an empty answer is an answer."""
    groups = groups_over(FakeTransport(ok([AU]), ok([])))
    for _ in range(3):
        assert names(await groups.settings.domains()) == ["amazon.com.au"]
        assert await groups.settings.officeworks_stores() == ()

    assert [path for path, _ in groups.transport.sent] == [DOMAINS, STORES]


@pytest.mark.parametrize("refresh", [False, True])
async def test_callers_at_the_same_time_share_one_request(refresh: bool) -> None:
    """Ten of them, one answer."""
    groups = groups_over(FakeTransport(ok([AU])))
    seen: list[tuple[Domain, ...]] = []

    async def ask() -> None:
        seen.append(await groups.settings.domains(refresh=refresh))

    async with anyio.create_task_group() as tasks:
        for _ in range(10):
            tasks.start_soon(ask)

    assert list(map(names, seen)) == [["amazon.com.au"]] * 10
    assert len(groups.transport.sent) == 1


@pytest.mark.parametrize("bad", [refused(400), ok({"domains": []})])
async def test_a_failure_is_not_kept(bad: Response) -> None:
    """The next call asks itself."""
    groups = groups_over(FakeTransport(bad, ok([AU])))
    with pytest.raises((BadRequestError, InvalidResponseError)):
        await groups.settings.domains()

    assert names(await groups.settings.domains()) == ["amazon.com.au"]


async def test_a_failure_is_that_of_one_caller() -> None:
    """Who waited for the same answer asks itself."""
    groups = groups_over(FakeTransport(refused(400), ok([AU])))
    seen: list[object] = []

    async def ask() -> None:
        try:
            seen.append(names(await groups.settings.domains()))
        except BadRequestError:
            seen.append("refused")

    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(ask)

    assert seen == ["refused", ["amazon.com.au"], ["amazon.com.au"]]
    assert len(groups.transport.sent) == 2


async def test_a_cancelled_caller_leaves_the_request_to_the_next() -> None:
    """Who waited for it asks itself and gets its answer."""
    transport = Held(ok([AU]))
    groups = groups_over(transport)
    seen: list[list[str | None]] = []
    first = anyio.CancelScope()

    async def ask(scope: anyio.CancelScope) -> None:
        with scope:
            seen.append(names(await groups.settings.domains()))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask, first)
        await transport.asked.wait()
        tasks.start_soon(ask, anyio.CancelScope())
        await anyio.wait_all_tasks_blocked()
        first.cancel()
        transport.let.set()

    assert first.cancelled_caught
    assert seen == [["amazon.com.au"]]


async def test_a_refresh_asks_again_and_is_kept() -> None:
    """What it brought is what later calls get."""
    groups = groups_over(FakeTransport(ok([AU]), ok([AU, NZ])))
    await groups.settings.domains()

    assert names(await groups.settings.domains(refresh=True)) == ["amazon.com.au", "amazon.co.nz"]
    assert names(await groups.settings.domains()) == ["amazon.com.au", "amazon.co.nz"]
    assert len(groups.transport.sent) == 2


async def test_a_refresh_that_fails_leaves_what_is_kept() -> None:
    """Its caller gets the error, others the old answer; the next refresh asks again."""
    groups = groups_over(FakeTransport(ok([AU]), refused(400), ok([NZ])))
    await groups.settings.domains()
    with pytest.raises(BadRequestError):
        await groups.settings.domains(refresh=True)

    assert names(await groups.settings.domains()) == ["amazon.com.au"]
    assert names(await groups.settings.domains(refresh=True)) == ["amazon.co.nz"]


async def test_a_refresh_sends_a_request_of_its_own() -> None:
    """A refresh does not share a request that began before it, whose response may be older than what the caller knows."""
    transport = Held(ok([AU]), ok([AU, NZ]))
    groups = groups_over(transport)
    seen: dict[bool, list[str | None]] = {}

    async def ask(refresh: bool) -> None:
        seen[refresh] = names(await groups.settings.domains(refresh=refresh))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask, False)
        await transport.asked.wait()
        tasks.start_soon(ask, True)
        await anyio.wait_all_tasks_blocked()
        transport.let.set()

    assert seen == {False: ["amazon.com.au"], True: ["amazon.com.au", "amazon.co.nz"]}
