"""What an error keeps of the response's headers: an id to ask with, a few more, never a secret."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from support.raw_server import Exchange, RawServer

from multicart_async import AsyncMultiCart, Limits, RetryPolicy
from multicart_async._core.response_headers import note_headers
from multicart_async.errors import (
    APIConnectionError,
    APIError,
    InvalidResponseError,
    MultiCartError,
    NotFoundError,
    ResponseTooLargeError,
)
from multicart_async.models import DownloadLinks, Run

SECRET = "c4n4ry~7f3a9d.0123456789"
LINK = "/api/v1/results/101/88/AU_88_Results_Page_1.json"
RUN = Run(id=88, collection=101, is_download_generated=True, download_links=DownloadLinks(pages=(LINK,)))
IDS = [
    "x-request-id",
    "request-id",
    "x-correlation-id",
    "x-amzn-requestid",
    "x-amz-request-id",
    "x-amz-cf-id",
    "cf-ray",
    "x-trace-id",
    "traceparent",
    "correlation-id",
    "apigw-requestid",
    "x-ms-request-id",
    "x-azure-ref",
    "x-cloud-trace-context",
    "x-amzn-trace-id",
    "x-b3-traceid",
]
OTHERS = ["date", "retry-after", "server", "via", "content-type", "x-ratelimit-limit", "ratelimit-reset", "ratelimit"]


def as_it_is(text: str) -> str:
    """Nothing to hide."""
    return text


def kept(headers: dict[str, str], conceal: Callable[[str], str] = as_it_is) -> APIError:
    """An error of a response with these headers."""
    error = APIError("/p/", 500, "no")
    note_headers(error, headers, conceal)
    return error


@pytest.mark.parametrize("name", IDS)
def test_an_id_is_found_under_each_usual_name(name: str) -> None:
    """The service's own or that of a proxy before it."""
    error = kept({name: "abc-1"})

    assert error.request_id == "abc-1"
    assert error.headers == {name: "abc-1"}


def test_the_first_usual_name_is_preferred() -> None:
    """In any order of the response; an empty one is none."""
    headers = {name: f"id of {name}" for name in reversed(IDS)}

    assert kept(headers).request_id == "id of x-request-id"
    assert kept({**headers, "x-request-id": ""}).request_id == "id of request-id"


def test_without_an_id_there_is_none() -> None:
    """Nor where no response came at all."""
    assert kept({"server": "nginx"}).request_id is None
    for error in (APIError("/p/", 500, "no"), InvalidResponseError("/p/", "no")):
        assert (error.request_id, dict(error.headers)) == (None, {})


def test_few_headers_are_kept() -> None:
    """Those that tell of servers and limits; no cookie, no credential, nothing that is not on the list."""
    others = [
        "set-cookie",
        "cookie",
        "authorization",
        "x-api-key",
        "location",
        "www-authenticate",
        "x-ratelimits",
        "etag",
    ]
    headers = dict.fromkeys((*IDS, *OTHERS, *others), "v")

    assert sorted(kept(headers).headers) == sorted((*IDS, *OTHERS))


def test_many_headers_of_one_kind_are_cut() -> None:
    """A response may have thousands; names are bounded too."""
    many = {f"x-ratelimit-{number}": "1" for number in range(1000)}

    assert len(kept(many).headers) == 16
    assert kept({f"ratelimit-{'x' * 41}": "1"}).headers == {}


def test_a_value_is_short_and_free_of_control_characters() -> None:
    """A terminal shows it as it is: no escape, no line break, no half character, no direction is changed."""
    value = "a\x1b]52;c\x07b\tc\r\nd\x85e\u2028f\u202eg\udc80h\u200bi" + "x" * 1000

    shown = kept({"x-request-id": value}).request_id

    assert shown is not None
    assert shown.startswith("a\ufffd]52;c\ufffdb\ufffdc\ufffd\ufffdd\ufffde\ufffdf\ufffdg\ufffdh\ufffdi")
    assert len(shown) == 200


def test_a_secret_is_concealed_before_a_value_is_cut() -> None:
    """Else its first half could be left at the end."""
    error = kept({"x-request-id": "x" * 195 + SECRET}, lambda text: text.replace(SECRET, "••••"))

    assert error.request_id == "x" * 195 + "••••"


def test_a_long_value_is_searched_only_as_far_as_needed() -> None:
    """What is shown of it may be escaped, but not so much that 64 KiB of each header had to be looked through."""
    lengths: list[int] = []

    kept({"x-request-id": "%41" * 20_000}, lambda text: str(lengths.append(len(text))))

    assert lengths == [6_000]


def test_other_errors_have_no_headers() -> None:
    """Without a response there is nothing to keep."""
    error = APIConnectionError("/p/", "no")

    note_headers(error, {"x-request-id": "1"}, as_it_is)

    assert not hasattr(error, "headers")


@pytest.mark.parametrize(
    "error", [NotFoundError("/p/", 404, "no"), InvalidResponseError("/p/", "no")], ids=["API", "shape"]
)
def test_headers_survive_pickle_and_copy(error: Any) -> None:
    """Another process can ask for the same request."""
    note_headers(error, {"x-request-id": "1", "date": "now"}, as_it_is)

    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert (twin.request_id, twin.headers) == ("1", {"x-request-id": "1", "date": "now"})


def test_headers_are_not_in_the_text() -> None:
    """They are attributes alone."""
    error = kept({"x-request-id": "1234"})

    assert "1234" not in str(error) + repr(error) + repr(error.args)


HEADERS = {"X_Request_Id": "r-1", "Set_Cookie": "a=b", "Server": "edge", "X_Trace_Id": f"t {SECRET} t"}


@asynccontextmanager
async def client_of(body: bytes, status: str, **more: str) -> AsyncIterator[AsyncMultiCart]:
    """A client of a server that answers everything in this way."""

    async def answer(exchange: Exchange) -> None:
        await exchange.answer(body, status=status, **HEADERS, **more)

    async with (
        RawServer(answer) as server,
        AsyncMultiCart(
            SECRET, base_url=server.url, retry=RetryPolicy(attempts=1), limits=Limits(response_bytes=400_000)
        ) as client,
    ):
        yield client


async def error_of(call: Callable[[AsyncMultiCart], Awaitable[Any]], *answer: Any, **more: str) -> Any:
    """The error that a call ends with."""
    async with client_of(*answer, **more) as client:
        with pytest.raises(MultiCartError) as caught:
            await call(client)
    return caught.value


def assert_kept(error: Any, kind: type[MultiCartError]) -> None:
    """The id, two more of the headers without the credential, no cookie."""
    assert isinstance(error, kind)
    assert error.request_id == "r-1"
    assert (
        dict(error.headers).items() >= {"x-request-id": "r-1", "server": "edge", "x-trace-id": "t •••••••• t"}.items()
    )
    assert "set-cookie" not in error.headers


def refusal(code: int, data: object = "no") -> bytes:
    """An envelope that says no."""
    return json.dumps({"code": code, "data": data, "status": 0}).encode()


ANSWERS: dict[str, tuple[type[MultiCartError], bytes, str]] = {
    "a refusal": (NotFoundError, refusal(404), "200 OK"),
    "a large refusal": (NotFoundError, refusal(404, "x" * 300_000), "200 OK"),
    "a page of a proxy": (APIError, b"<html>", "502 Bad Gateway"),
    "a refusal by HTTP": (NotFoundError, refusal(404), "404 Not Found"),
    "no envelope": (InvalidResponseError, b"hello", "200 OK"),
    "an odd status": (InvalidResponseError, b'{"status": 7}', "200 OK"),
    "a hidden error": (APIError, b'{"status": 1, "data": {"output": {"error": "no"}}}', "200 OK"),
    "another shape": (InvalidResponseError, b'{"status": 1, "data": 7}', "200 OK"),
    "a redirect": (InvalidResponseError, b"", "302 Found"),
    "too large": (ResponseTooLargeError, b"x" * 400_001, "200 OK"),
}


@pytest.mark.parametrize("name", ANSWERS)
async def test_the_error_of_a_call_knows_its_request(name: str) -> None:
    """For each fault that a response can have."""
    kind, *answer = ANSWERS[name]

    assert_kept(await error_of(lambda client: client.collections.get(101), *answer), kind)


@pytest.mark.parametrize("name", ["a refusal", "no envelope", "another shape"])
async def test_the_error_of_a_private_call_knows_its_request(name: str) -> None:
    """Also where its detail is not shown."""
    kind, *answer = ANSWERS[name]

    assert_kept(await error_of(lambda client: client.account.login("a@b.c", "password"), *answer), kind)


async def test_the_error_of_an_upload_knows_its_request() -> None:
    """A form is a call like others."""
    content = b"sku,customer_postcode,store_id\n1,4500,2\n"
    error = await error_of(lambda client: client.skus.import_csv(101, content), refusal(404), "200 OK")

    assert_kept(error, NotFoundError)


async def fetch(client: AsyncMultiCart, folder: Path) -> None:
    """A file to a folder."""
    await client.runs.download(RUN, folder)


async def read(client: AsyncMultiCart, _: Path) -> None:
    """A file's records."""
    async with aclosing(client.runs.records(RUN)) as records:
        assert not [record async for record in records]


async def stream(client: AsyncMultiCart, _: Path) -> None:
    """A file's bytes."""
    async with client.stream(LINK) as pieces:
        assert [piece async for piece in pieces]


WAYS = {"download": fetch, "records": read, "stream": stream}
INSTEAD: dict[str, tuple[type[MultiCartError], bytes, str]] = {
    "a refusal by HTTP": (APIError, refusal(500), "500 Oops"),
    "a page of a proxy": (APIError, b"<html>", "502 Bad Gateway"),
    "a refusal in its place": (APIError, refusal(500), "200 OK"),
    "a redirect to nowhere": (InvalidResponseError, b"", "302 Found"),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", INSTEAD)
async def test_the_error_of_a_file_knows_its_request(name: str, way: str, tmp_path: Path) -> None:
    """However it is read."""
    kind, *answer = INSTEAD[name]

    assert_kept(await error_of(lambda client: WAYS[way](client, tmp_path), *answer), kind)


@pytest.mark.parametrize("way", WAYS)
async def test_an_endless_redirect_knows_its_last_request(way: str, tmp_path: Path) -> None:
    """Each hop is a request of its own."""
    error = await error_of(lambda client: WAYS[way](client, tmp_path), b"", "302 Found", Location=LINK)

    assert_kept(error, InvalidResponseError)
    assert error.http_status == 302


async def test_records_that_are_none_know_their_request(tmp_path: Path) -> None:
    """An array of numbers is a file, and holds no records."""
    assert_kept(await error_of(lambda client: read(client, tmp_path), b"[1]", "200 OK"), InvalidResponseError)


async def test_an_answer_in_place_of_records_knows_its_request(tmp_path: Path) -> None:
    """An envelope that says yes is no file either."""
    answer = b'{"code": 200, "data": [], "status": 1}'

    assert_kept(await error_of(lambda client: read(client, tmp_path), answer, "200 OK"), InvalidResponseError)
