"""`ApiCaller`: how often a call is sent, what a lost answer becomes, how many go at once."""

from __future__ import annotations

from typing import Any

import anyio
import pytest
from support.eventually import until
from support.fakes import FakeClock, FakeTransport, ok, refused
from support.wire_rows import lost, unsent

from multicart_async import UNSET
from multicart_async._core.lifetime import ClientLifetime
from multicart_async._http import MultipartForm, Response
from multicart_async._http.caller import ApiCaller
from multicart_async._http.endpoint import ANYTHING, Endpoint, Safety
from multicart_async._http.retries import Retrier
from multicart_async.config import Limits, RetryPolicy
from multicart_async.errors import (
    APIConnectionError,
    APIError,
    ClientClosedError,
    InvalidResponseError,
    OutcomeUnknownError,
    RateLimitError,
    ServerError,
)
from multicart_async.events import Event, RateLimited, Retrying
from multicart_async.models import Collection

PATH = "/x/"
REPEATED: tuple[Safety, ...] = ("safe", "idempotent")
ONCE: tuple[Safety, ...] = ("verifiable", "unsafe")
EVERY = (*REPEATED, *ONCE)


def endpoint(safety: Safety) -> Endpoint[Any]:
    """An endpoint of that class."""
    return Endpoint(PATH, ANYTHING, safety=safety)


def caller(transport: FakeTransport, attempts: int = 3) -> ApiCaller:
    """A caller that tries so many times."""
    return ApiCaller(transport, retrier=Retrier(RetryPolicy(attempts=attempts)))


@pytest.mark.parametrize("safety", EVERY)
async def test_an_answer_is_asked_for_once(safety: Safety) -> None:
    """Whatever the class; only a read may use a connection again."""
    transport = FakeTransport(ok({"a": 1}))

    assert await caller(transport).call(endpoint(safety), {"b": 2}) == {"a": 1}
    assert transport.sent == [(PATH, {"b": 2})]
    assert transport.fresh == [safety != "safe"]


async def test_what_is_unset_is_left_out_and_nothing_else() -> None:
    """None, 0, False and empty texts are values."""
    transport = FakeTransport(ok(None))
    await caller(transport).call(endpoint("safe"), {"a": UNSET, "b": None, "c": 0, "d": False, "e": "", "f": {}})

    assert transport.sent[0][1] == {"b": None, "c": 0, "d": False, "e": "", "f": {}}


async def test_a_call_without_fields_sends_an_empty_object() -> None:
    """Not an empty body: every call is JSON."""
    transport = FakeTransport(ok([]))
    await caller(transport).call(endpoint("safe"))

    assert transport.sent == [(PATH, {})]


async def test_a_form_goes_as_it_is() -> None:
    """Also when it is sent again."""
    form = MultipartForm({"collection_id": "1"}, "csv", "a.csv", b"x")
    transport = FakeTransport(lost(), ok(1))
    await caller(transport).call(endpoint("idempotent"), form)

    assert transport.sent == [(PATH, form), (PATH, form)]


async def test_an_answer_becomes_the_endpoint_s_type() -> None:
    """And one of another shape is an error that names the path."""
    transport = FakeTransport(ok({"id": 1, "name": "A"}), ok({"id": "1", "name": "A"}))
    call, wanted = caller(transport), Endpoint(PATH, Collection, safety="safe")

    assert Collection(id=1, name="A") == await call.call(wanted)
    with pytest.raises(InvalidResponseError, match=r"^/x/: .*id"):
        await call.call(wanted)


@pytest.mark.parametrize("safety", REPEATED)
@pytest.mark.parametrize("failure", [lost(), refused(500), refused(503), refused(429), Response(502, b"<html>")])
async def test_a_retryable_call_is_sent_as_often_as_the_policy_allows(safety: Safety, failure: Any) -> None:
    """A retryable call ends with success or, after all attempts, with the last error, which knows their number."""
    transport = FakeTransport(*[failure] * 3)
    with pytest.raises((APIConnectionError, ServerError, RateLimitError), match=r"after 3 attempts") as caught:
        await caller(transport).call(endpoint(safety))

    assert 3 == caught.value.attempts == len(transport.sent)
    assert not isinstance(caught.value, OutcomeUnknownError)
    assert await caller(FakeTransport(failure, failure, ok("fine"))).call(endpoint(safety)) == "fine"


@pytest.mark.parametrize("safety", ONCE)
async def test_what_may_not_be_repeated_is_an_unknown_outcome(safety: Safety) -> None:
    """One request; the cause is the connection's error, and the text says what that means."""
    transport = FakeTransport(lost())
    with pytest.raises(
        OutcomeUnknownError, match=r"the connection broke; it was sent and may have taken effect"
    ) as caught:
        await caller(transport).call(endpoint(safety))

    assert len(transport.sent) == 1
    assert caught.value.path == PATH
    assert isinstance(caught.value.__cause__, APIConnectionError)


@pytest.mark.parametrize("safety", ONCE)
@pytest.mark.parametrize("answer", [refused(500), refused(408), refused(503, http_status=503), Response(504, b"")])
async def test_an_answer_that_says_no_is_not_asked_for_again(safety: Safety, answer: Response) -> None:
    """Unless it is certain that nothing was done, what spends or creates is not sent twice."""
    transport = FakeTransport(answer)

    with pytest.raises(APIError):
        await caller(transport).call(endpoint(safety))
    assert len(transport.sent) == 1


@pytest.mark.parametrize("answer", [refused(429), refused(429, http_status=429), Response(429, b"slow down")])
@pytest.mark.parametrize("safety", EVERY)
async def test_a_429_is_repeated_in_every_safety_class(safety: Safety, answer: Response) -> None:
    """It is a certain rejection, with or without an envelope."""
    transport = FakeTransport(answer, answer, ok("fine"))

    assert await caller(transport).call(endpoint(safety)) == "fine"


@pytest.mark.parametrize("code", [408, 421, 425, 499, 503])
async def test_a_read_is_repeated_on_a_connection_of_its_own(code: int) -> None:
    """What passes is repeated; from the second attempt on no pooled connection is used."""
    transport = FakeTransport(Response(code, b"<html>"), refused(code), ok("fine"))

    assert await caller(transport).call(endpoint("safe")) == "fine"

    assert transport.fresh == [False, True, True]


@pytest.mark.parametrize("safety", EVERY)
async def test_what_was_never_sent_is_tried_again_in_every_class(safety: Safety) -> None:
    """No byte went out."""
    transport = FakeTransport(unsent(), unsent(), ok("fine"))
    assert await caller(transport).call(endpoint(safety)) == "fine"

    transport = FakeTransport(unsent(), unsent(), unsent())
    with pytest.raises(APIConnectionError, match="cannot connect") as caught:
        await caller(transport).call(endpoint(safety))
    assert len(transport.sent) == 3
    assert not caught.value.sent


@pytest.mark.parametrize("safety", EVERY)
async def test_a_fault_that_does_not_pass_is_not_tried_again(safety: Safety) -> None:
    """A certificate that is not trusted stays so."""
    transport = FakeTransport(APIConnectionError(PATH, "not trusted", sent=False, retryable=False))

    with pytest.raises(APIConnectionError, match="not trusted"):
        await caller(transport).call(endpoint(safety))
    assert len(transport.sent) == 1


async def test_a_first_failure_is_no_repetition() -> None:
    """It may have taken effect; no attempt before it can have."""
    with pytest.raises(APIError) as caught:
        await caller(FakeTransport(refused(500)), attempts=1).call(endpoint("idempotent"))

    assert caught.value.maybe_applied is False


@pytest.mark.parametrize("safety", EVERY)
@pytest.mark.parametrize("code", [400, 401, 402, 403, 404, 409, 418])
async def test_a_refusal_is_final(safety: Safety, code: int) -> None:
    """In every class, and it is not called a repetition."""
    transport = FakeTransport(refused(code))
    with pytest.raises(APIError) as caught:
        await caller(transport).call(endpoint(safety))

    assert (code, False, 1) == (caught.value.code, caught.value.maybe_applied, caught.value.attempts)
    assert len(transport.sent) == 1


@pytest.mark.parametrize("safety", EVERY)
async def test_nonsense_is_not_asked_for_again(safety: Safety) -> None:
    """An answer that is no envelope would come again."""
    transport = FakeTransport(Response(200, b"<html>"))

    with pytest.raises(InvalidResponseError):
        await caller(transport).call(endpoint(safety))
    assert len(transport.sent) == 1


async def test_one_attempt_is_off() -> None:
    """``RetryPolicy(attempts=1)`` sends everything once."""
    for failure in (lost(), unsent(), refused(500)):
        transport = FakeTransport(failure)
        with pytest.raises((APIConnectionError, ServerError)):
            await caller(transport, attempts=1).call(endpoint("safe"))
        assert len(transport.sent) == 1


@pytest.mark.parametrize(
    ("failures", "repeated"),
    [
        ([], False),
        ([unsent()], False),
        ([refused(429)], False),
        ([lost()], True),
        ([refused(500)], True),
        ([lost(), unsent()], True),
        ([refused(502, http_status=502), refused(429)], True),
    ],
)
async def test_a_retry_knows_if_an_earlier_attempt_may_have_worked(failures: list[Any], repeated: bool) -> None:
    """Results and errors tell whether an earlier attempt may have worked: one that was sent, or a 5xx, but not a 429."""
    call = caller(FakeTransport(*failures, ok("fine"), *failures, refused(404)))
    assert repeated is (await call.call_with_info(endpoint("idempotent"))).maybe_applied

    with pytest.raises(APIError) as caught:
        await call.call_with_info(endpoint("idempotent"))
    assert repeated is caught.value.maybe_applied


async def test_repetitions_and_pauses_are_told() -> None:
    """Each repetition with its number and its error; a pause that the service asks for with its length."""
    told: list[Event] = []
    clock = FakeClock()
    later = refused(429, headers={"retry-after": "30"})
    transport = FakeTransport(lost(), later, ok(1))
    retrier = Retrier(RetryPolicy(attempts=3), emit=told.append, clock=clock.clock)
    await ApiCaller(transport, retrier=retrier).call(endpoint("safe"))

    assert [event.attempt for event in told if isinstance(event, Retrying)] == [2, 3]
    assert [event.seconds for event in told if isinstance(event, RateLimited)] == [30]
    assert clock.slept == [30]


@pytest.mark.parametrize("safety", ONCE)
async def test_retry_after_delays_the_next_call_of_the_client(safety: Safety) -> None:
    """Trap 43: after a rejected call with Retry-After, the client's next call waits, though the rejected one is not repeated."""
    clock = FakeClock()
    transport = FakeTransport(refused(503, http_status=503, headers={"retry-after": "119.2"}), ok(1))
    call = ApiCaller(transport, retrier=Retrier(clock=clock.clock))
    with pytest.raises(ServerError):
        await call.call(endpoint(safety))
    await call.call(endpoint("safe"))

    assert clock.slept == [120]


class Timed(FakeTransport):
    """Notes when each call is sent."""

    def __init__(self, clock: FakeClock, *answers: Response | Exception) -> None:
        super().__init__(*answers)
        self.clock = clock
        self.times: list[float] = []

    async def post(self, path: str, body: Any, **given: Any) -> Response:
        """As scripted."""
        self.times.append(self.clock.now())
        return await super().post(path, body, **given)


async def test_a_pause_holds_back_what_waits_for_its_turn_already() -> None:
    """Calls that queue for a slot when the service asks for a pause are sent after it, not in the middle of it."""
    clock = FakeClock()
    transport = Timed(clock, refused(429, headers={"retry-after": "30"}), *[ok(1)] * 5)
    call = ApiCaller(transport, retrier=Retrier(clock=clock.clock), limits=Limits(requests=1))

    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(call.call, endpoint("safe"))

    assert transport.times == [0, 30, 30, 30, 30, 30]


@pytest.mark.backoff
@pytest.mark.parametrize("pause", ["0", "Sun, 06 Nov 1994 08:49:37 GMT"])
async def test_a_pause_of_nothing_is_no_reason_to_ask_again_at_once(pause: str) -> None:
    """Then the pause is our own."""
    clock = FakeClock()
    retrier = Retrier(RetryPolicy(attempts=2, wait_initial=3, wait_max=3), clock=clock.clock)

    await ApiCaller(FakeTransport(refused(429, headers={"retry-after": pause}), ok(1)), retrier=retrier).call(
        endpoint("safe")
    )

    assert clock.slept == [3]


class Crowded(FakeTransport):
    """Answers nothing until ``gate`` opens; counts who is inside."""

    def __init__(self, lifetime: ClientLifetime | None = None) -> None:
        super().__init__()
        self.lifetime = lifetime or ClientLifetime()
        self.gate = anyio.Event()
        self.inside = 0
        self.most = 0

    async def post(self, path: str, body: Any, **_: Any) -> Response:
        """Stays until the gate opens."""
        self.inside += 1
        self.most = max(self.most, self.inside)
        with self.lifetime.track():
            await self.gate.wait()
        self.inside -= 1
        return ok(1)


async def test_so_many_calls_go_at_once_as_the_limit_says() -> None:
    """Trap 43: the others wait for a slot, and none is lost."""
    transport = Crowded()
    call = ApiCaller(transport, limits=Limits(requests=3))
    answers: list[int] = []

    async def one() -> None:
        answers.append(await call.call(endpoint("safe")))

    async with anyio.create_task_group() as group:
        for _ in range(10):
            group.start_soon(one)
        await until(lambda: transport.inside == 3)
        for _ in range(20):
            await anyio.lowlevel.checkpoint()
        transport.gate.set()

    assert answers == [1] * 10
    assert transport.most == 3


async def test_a_slot_is_given_back_between_two_attempts() -> None:
    """With one slot, a call that is to be repeated lets one that waits go first."""
    transport = FakeTransport(lost(), ok("second"), ok("first"))
    call = ApiCaller(transport, limits=Limits(requests=1))
    answers: dict[str, str] = {}

    async def one(name: str) -> None:
        answers[name] = await call.call(endpoint("safe"), {"name": name})

    async with anyio.create_task_group() as group:
        group.start_soon(one, "first")
        group.start_soon(one, "second")

    assert [fields["name"] for _, fields in transport.sent] == ["first", "second", "first"]
    assert answers == {"first": "first", "second": "second"}


async def test_a_closed_client_s_caller_sends_nothing() -> None:
    """Before anything else."""
    lifetime = ClientLifetime()
    await lifetime.shutdown()
    transport = FakeTransport()

    with pytest.raises(ClientClosedError):
        await ApiCaller(transport, lifetime=lifetime).call(endpoint("safe"))
    assert transport.sent == []


async def test_a_call_under_way_ends_when_the_client_is_closed() -> None:
    """Wherever it waits: in the network, or for a slot."""
    lifetime = ClientLifetime()
    transport = Crowded(lifetime)
    call = ApiCaller(transport, limits=Limits(requests=1), lifetime=lifetime)
    ended: list[str] = []

    async def one() -> None:
        with pytest.raises(ClientClosedError, match="closed during the call"):
            await call.call(endpoint("unsafe"))
        ended.append("closed")

    async with anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(one)
        await until(lambda: transport.inside == 1)
        await lifetime.shutdown()

    assert ended == ["closed"] * 3
