"""``zipcodes.ensure``: found or created, at most once, and active."""

from __future__ import annotations

import asyncio
from typing import Any

import anyio
import attrs
import pytest
from support.fakes import FakeTransport, ok, refused
from support.groups import Groups, groups_over
from support.virtual import run_virtually
from support.wire_rows import ByPath, in_turn, lost

from multicart_async import PollPolicy
from multicart_async._core.clock import Clock
from multicart_async._http import Response
from multicart_async.errors import (
    APIError,
    ArgumentError,
    ConflictError,
    InvalidResponseError,
    NotFoundError,
    OutcomeUnknownError,
    PermissionDeniedError,
    ServerError,
    WaitTimeoutError,
    ZipcodeFailedError,
)
from multicart_async.models import Zipcode

CREATE = "/zipcodes/create-zipcode/"
LIST = "/zipcodes/get-zipcodes/"
DOMAINS = "/settings/domains/"
AU = {"id": 1, "domain": "amazon.com.au"}
NZ = {"id": 9, "domain": "amazon.co.nz"}
NAMED = {"domain": "amazon.com.au"}
EVEN = PollPolicy(poll_interval=10, growth=1, jitter=0)


def row(status: str = "active", number: int = 15, **fields: object) -> dict[str, Any]:
    """A postcode as the service has it."""
    return {"id": number, "zipcode": "4500", "status": status, "domain": AU, **fields}


class Service(ByPath):
    """Keeps postcodes: a new one is in-progress and becomes active when it is seen for the third time."""

    def __init__(self, *rows: dict[str, Any], **answers: Any) -> None:
        super().__init__({DOMAINS: in_turn([AU, NZ]), LIST: self.listed, CREATE: self.created, **answers})
        self.rows = list(rows)
        self.seen = 0

    def listed(self, fields: dict[str, Any]) -> Response:
        """Those of the domain, as they are now."""
        for found in self.rows:
            self.seen += found["status"] == "in-progress"
        if self.seen >= 3:
            self.rows = [{**found, "status": "active"} for found in self.rows]
        wanted = fields.get("domain")
        return ok([found for found in self.rows if wanted in {None, found["domain"]["id"]}])

    def created(self, fields: dict[str, Any]) -> Response:
        """A new row, or 409."""
        (domain,) = [known for known in (AU, NZ) if known["id"] == fields["domain"]]
        if any((old["zipcode"], old["domain"]) == (fields["zipcode"], domain) for old in self.rows):
            return refused(409, "Zipcode already exists")
        number = 15 + len(self.rows)
        self.rows.append(row("in-progress", number, zipcode=fields["zipcode"], domain=domain))
        return ok(self.rows[-1])


def paths(groups: Groups) -> list[str]:
    """What was asked, in order."""
    return [path for path, _ in groups.transport.sent]


async def test_an_active_postcode_is_found() -> None:
    """In one request: its row names its domain, so nobody asks for the domains."""
    groups = groups_over(Service(row()))

    assert (await groups.zipcodes.ensure("4500", **NAMED)).id == 15
    assert groups.transport.sent == [(LIST, {})]
    assert groups.clock.slept == []


async def test_domains_are_requested_only_without_a_known_id() -> None:
    """The domains, whose answer is not documented, are requested only if no listed postcode has the domain's id."""
    groups = groups_over(Service(row(zipcode="4000"), **{DOMAINS: in_turn({"domains": "of another shape"})}))

    assert (await groups.zipcodes.ensure("4500", **NAMED, policy=EVEN)).status == "active"
    assert (CREATE, {"domain": 1, "zipcode": "4500"}) in groups.transport.sent
    assert DOMAINS not in paths(groups)


async def test_domains_are_asked_for_once() -> None:
    """They are kept."""
    groups = groups_over(Service())
    await groups.zipcodes.ensure("4500", domain="amazon.co.nz", policy=EVEN)
    await groups.zipcodes.ensure("4500", **NAMED, policy=EVEN)

    assert groups.transport.count(DOMAINS) == 1


async def test_a_postcode_not_in_the_list_is_sought_by_domain() -> None:
    """A postcode that the full list lacks is looked for in the list of its domain, because the full list may be cut."""
    groups = groups_over(FakeTransport(ok([row(number=14, zipcode="4000")]), ok([row()])))

    assert (await groups.zipcodes.ensure("4500", **NAMED)).id == 15
    assert groups.transport.sent == [(LIST, {}), (LIST, {"domain": 1})]


async def test_a_missing_postcode_is_created_and_waited_for() -> None:
    """By the id of its domain, once."""
    groups = groups_over(Service())
    ready = await groups.zipcodes.ensure("0800", **NAMED, policy=EVEN)

    assert (ready.zipcode, ready.status) == ("0800", "active")
    assert paths(groups) == [LIST, DOMAINS, LIST, CREATE, LIST, LIST, LIST]
    assert groups.transport.sent[3] == (CREATE, {"domain": 1, "zipcode": "0800"})
    assert groups.transport.sent[4:] == [(LIST, {"domain": 1})] * 3
    assert groups.clock.slept == [10, 10]


async def test_a_postcode_created_active_is_not_polled() -> None:
    """A postcode that is active when it is created is returned without a poll."""
    groups = groups_over(FakeTransport(ok([]), ok([AU]), ok([]), ok(row())))

    assert (await groups.zipcodes.ensure("4500", **NAMED)).id == 15


async def test_a_postcode_under_way_is_waited_for() -> None:
    """Somebody created it before; it is not created again."""
    groups = groups_over(Service(row("in-progress")))

    assert (await groups.zipcodes.ensure("4500", **NAMED, policy=EVEN)).status == "active"
    assert CREATE not in paths(groups)


@pytest.mark.parametrize("other", [row(zipcode="04500"), row(domain=NZ), row(zipcode="450")], ids=str)
async def test_another_postcode_is_not_taken_for_it(other: dict[str, Any]) -> None:
    """The text must be the same, and the domain too, even if the service had not filtered."""
    groups = groups_over(Service(other, **{CREATE: in_turn(row(number=77)), LIST: in_turn([other])}))

    assert (await groups.zipcodes.ensure("4500", **NAMED)).id == 77


@pytest.mark.parametrize("domain", [None, {"domain": "amazon.com.au"}, {"id": 1}], ids=str)
async def test_a_row_without_a_domain_has_the_requested_domain(domain: object) -> None:
    """A row without a domain, in a list that was requested for one domain, counts as a row of that domain."""
    groups = groups_over(Service(**{LIST: in_turn([row(domain=domain)])}))

    assert (await groups.zipcodes.ensure("4500", **NAMED)).id == 15


async def test_a_domain_that_is_new_is_found_after_a_refresh() -> None:
    """What is kept may be older than the domain."""
    groups = groups_over(Service(**{DOMAINS: in_turn([AU], [AU, NZ])}))
    await groups.settings.domains()
    await groups.zipcodes.ensure("4500", domain="amazon.co.nz", policy=EVEN)

    assert paths(groups)[:5] == [DOMAINS, LIST, DOMAINS, LIST, CREATE]


async def test_an_unknown_domain_is_refused_with_those_that_are_known() -> None:
    """After one refresh; nothing is created. A row without a name or id is of no use."""
    known = [{"id": 1, "domain": "amazon.com.au"}, {"domain": "amazon.co.nz"}, {"id": 3}]
    groups = groups_over(FakeTransport(ok([]), ok(known), ok(known)))
    with pytest.raises(
        ArgumentError, match=r"domain: expected .*\(amazon\.com\.au, amazon\.co\.nz\), got 'amazon\.de'"
    ):
        await groups.zipcodes.ensure("4500", domain="amazon.de")

    assert paths(groups) == [LIST, DOMAINS, DOMAINS]


UNREADABLE = [
    [],
    [{"id": 1, "name": "amazon.com.au"}],
    [{"domain": "amazon.com.au"}, NZ],
]


@pytest.mark.parametrize("known", UNREADABLE)
async def test_domains_that_cannot_be_read_are_not_said_to_be_unknown(known: Any) -> None:
    """Their shape is not documented; the way out is to give the id."""
    groups = groups_over(FakeTransport(ok([]), ok(known), ok(known)))

    with pytest.raises(ArgumentError, match=r"expected a domain with an id, got 'amazon\.com\.au'.*zipcodes\.create"):
        await groups.zipcodes.ensure("4500", **NAMED)


async def test_a_domain_whose_id_is_no_integer_is_an_invalid_answer() -> None:
    """An id is never converted; nothing is created."""
    known = ok([{"id": "1", "domain": "amazon.com.au"}])
    groups = groups_over(FakeTransport(ok([]), known, known))

    with pytest.raises(InvalidResponseError, match=r"@ data\[0\]\.id"):
        await groups.zipcodes.ensure("4500", **NAMED)
    assert paths(groups) == [LIST, DOMAINS]


async def test_somebody_who_was_quicker_is_no_error() -> None:
    """409: it is looked for again, and waited for."""
    groups = groups_over(
        Service(**{LIST: in_turn([], [], [row("in-progress")], [row()])}, **{CREATE: in_turn(refused(409))})
    )

    assert (await groups.zipcodes.ensure("4500", **NAMED)).id == 15
    assert groups.transport.count(CREATE) == 1


LOST = {
    "no answer": (lost(), OutcomeUnknownError),
    "a conflict": (refused(409), ConflictError),
    "a page of a proxy": (Response(200, b"<html>", {}), InvalidResponseError),
    "a failure": (refused(500), ServerError),
    "a proxy that fails": (Response(502, b"<html>", {}), ServerError),
    "a proxy that gives up": (Response(408, b"<html>", {}), APIError),
    "a client that was gone": (Response(499, b"<html>", {}), APIError),
}


@pytest.mark.parametrize("answer", [answer for answer, _ in LOST.values()], ids=LOST)
async def test_a_creation_that_may_have_worked_is_looked_for(answer: Response | Exception) -> None:
    """The row comes up a moment later, and a look between fails: it is created once."""
    listed = in_turn([], [], [], refused(403), [row()])
    groups = groups_over(Service(**{LIST: listed, CREATE: in_turn(answer)}))

    assert (await groups.zipcodes.ensure("4500", **NAMED)).id == 15
    assert groups.transport.count(CREATE) == 1
    assert len(groups.clock.slept) == 2


@pytest.mark.parametrize(("answer", "kind"), LOST.values(), ids=LOST)
async def test_a_creation_that_does_not_show_is_what_it_was(
    answer: Response | Exception, kind: type[Exception]
) -> None:
    """Looked for during 10 s, and not created again."""
    groups = groups_over(Service(**{LIST: in_turn([]), CREATE: in_turn(answer)}))
    with pytest.raises(kind):
        await groups.zipcodes.ensure("4500", **NAMED)

    assert groups.transport.count(CREATE) == 1
    assert pytest.approx(groups.clock.now()) == 10


async def test_a_creation_that_is_refused_is_not_looked_for() -> None:
    """The service said no."""
    groups = groups_over(Service(**{CREATE: in_turn(refused(403))}))
    with pytest.raises(PermissionDeniedError):
        await groups.zipcodes.ensure("4500", **NAMED)

    assert paths(groups) == [LIST, DOMAINS, LIST, CREATE]


def test_a_creation_is_looked_for_as_long_as_is_said() -> None:
    """One slow list does not stretch the ten seconds."""

    class Slow(Service):
        async def post(self, path: str, body: Any, *, new_connection: bool = False, public: bool = False) -> Response:
            if path == LIST and self.count(CREATE):
                await anyio.sleep_forever()
            return await super().post(path, body, new_connection=new_connection, public=public)

    async def story() -> None:
        now = asyncio.get_running_loop().time
        groups = groups_over(Slow(**{LIST: in_turn([]), CREATE: in_turn(lost())}))
        groups.zipcodes._context = attrs.evolve(groups.zipcodes._context, clock=Clock(now=now, sleep=asyncio.sleep))
        with pytest.raises(OutcomeUnknownError):
            await groups.zipcodes.ensure("4500", **NAMED)
        assert 10 <= now() < 12

    run_virtually(story())


@pytest.mark.parametrize("status", ["failed", "inactive"])
async def test_a_postcode_that_cannot_be_used_is_an_error(status: str) -> None:
    """At once, and left as it is."""
    groups = groups_over(Service(row(status)))
    with pytest.raises(ZipcodeFailedError, match=status) as caught:
        await groups.zipcodes.ensure("4500", **NAMED)

    assert caught.value.zipcode.id == 15
    assert paths(groups) == [LIST]


async def test_patience_is_for_the_whole_of_it() -> None:
    """It ends as any wait; the postcode goes on."""
    groups = groups_over(FakeTransport(*[ok([row("in-progress")])] * 4))
    with pytest.raises(WaitTimeoutError, match="in-progress") as caught:
        await groups.zipcodes.ensure("4500", **NAMED, policy=PollPolicy(10, growth=1, jitter=0, wait_timeout=20))

    assert (caught.value.started, caught.value.last.status) == (15, "in-progress")


async def test_a_postcode_that_vanishes_is_not_found() -> None:
    """Deleted in the dashboard while it was waited for."""
    groups = groups_over(Service(**{LIST: in_turn([row("pending")], [])}))

    with pytest.raises(NotFoundError):
        await groups.zipcodes.ensure("4500", **NAMED, policy=EVEN)


async def test_calls_for_one_postcode_share_its_creation() -> None:
    """Ten at the same time, one creation; another postcode and another domain have their own."""
    groups = groups_over(Service())
    ready: list[Zipcode] = []

    async def ensure(postcode: str, domain: str) -> None:
        ready.append(await groups.zipcodes.ensure(postcode, domain=domain, policy=EVEN))

    async with anyio.create_task_group() as tasks:
        for _ in range(10):
            tasks.start_soon(ensure, "4500", "amazon.com.au")
        tasks.start_soon(ensure, "4000", "amazon.com.au")
        tasks.start_soon(ensure, "4500", "amazon.co.nz")

    created = [tuple(fields.values()) for path, fields in groups.transport.sent if path == CREATE]
    assert sorted(created) == [(1, "4000"), (1, "4500"), (9, "4500")]
    assert sum(found.status == "active" for found in ready) == 12
    assert groups.transport.count(DOMAINS) == 1


async def test_a_cancelled_call_leaves_its_place_to_the_next() -> None:
    """Who waited behind it goes on, finds what was created, and creates nothing."""
    service = Service()
    groups = groups_over(service)
    first = anyio.CancelScope()

    def cancelling(fields: dict[str, Any]) -> Response:
        first.cancel()
        return service.created(fields)

    service.answers[CREATE] = cancelling
    ready: list[Zipcode] = []

    async def ensure(scope: anyio.CancelScope) -> None:
        with scope:
            ready.append(await groups.zipcodes.ensure("4500", **NAMED, policy=EVEN))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ensure, first)
        tasks.start_soon(ensure, anyio.CancelScope())

    assert first.cancelled_caught
    assert [found.id for found in ready] == [15]
    assert groups.transport.count(CREATE) == 1
