"""The proxy between obstore and a store: what it counts, and how obstore sees each fault."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import obstore
import obstore.exceptions
import pytest
from support.object_stores import StoreBucket
from support.object_stores.running import RunningServer
from support.object_stores.s3 import S3Bucket
from support.store_faults import Answer, Cut, Stall, error_body
from support.store_proxy import StoreProxy

PART = 5 << 20
DENIED = error_body("AccessDenied")


def _upload(store: Any, parts: int = 2) -> None:
    with obstore.open_writer(store, "large", buffer_size=PART, max_concurrency=1) as writer:
        for _ in range(parts):
            writer.write(b"x" * PART)


def test_requests_are_counted_by_kind(server: RunningServer) -> None:
    """Every request is passed on unchanged, and counted by what it asks for; Azure has no call to begin an upload."""
    bucket = server.new_bucket()
    with StoreProxy(server.port) as proxy:
        store = bucket.through(proxy.url).store()
        store.put("small", b"x", use_multipart=False)
        assert bytes(store.get("small").bytes()) == b"x"
        store.head("small")
        store.copy("small", "copied")
        assert len([row for rows in store.list() for row in rows]) == 2
        store.delete(["small", "copied"])
        _upload(store)

    begun = proxy.counts.pop("POST uploads", 0)
    assert proxy.counts == {
        "PUT": 1, "GET": 1, "HEAD": 1, "COPY": 1, "LIST": 1, "POST delete": 1, "PUT part": 2, "POST complete": 1,
    }  # fmt: skip
    assert begun == isinstance(bucket, S3Bucket)
    assert bucket.keys() == ["large"]
    assert proxy.targets[0][0] == "PUT"
    assert proxy.targets[0][1].endswith(f"/{bucket.name}/small")


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, obstore.exceptions.UnauthenticatedError),
        (403, obstore.exceptions.PermissionDeniedError),
        (503, obstore.exceptions.GenericError),
    ],
)
def test_made_answers(proxied: StoreBucket, proxy: StoreProxy, status: int, error: type[Exception]) -> None:
    """An answer that the proxy makes comes instead of the store's, as often as was asked for, on the named path alone."""
    fault = proxy.add(Answer(kind="PUT", path="/a", status=status, body=DENIED, skip=1, times=1))
    store = proxied.store()

    store.put("a", b"0")
    with pytest.raises(error, match=f"(?s){status} .*AccessDenied"):
        store.put("a", b"1")
    store.put("b", b"2")

    assert bytes(store.get("a").bytes()) == b"0"
    assert fault.seen == 1
    store.put("a", b"3")
    assert bytes(store.get("a").bytes()) == b"3"


def test_retries_of_obstore_are_counted(proxied: StoreBucket, proxy: StoreProxy) -> None:
    """With retries allowed, two answers of 503 cost two requests more."""
    proxy.add(Answer(kind="PUT", status=503, times=2))
    backoff = {"init_backoff": timedelta(milliseconds=1), "max_backoff": timedelta(milliseconds=2), "base": 2}

    proxied.store(retry_config={"max_retries": 2, "backoff": backoff}).put("a", b"x")

    assert proxy.counts["PUT"] == 3


@pytest.mark.parametrize("after", [0, 1000])
def test_a_request_that_is_cut(proxied: StoreBucket, proxy: StoreProxy, after: int) -> None:
    """The connection ends in the request's body: nothing is stored."""
    proxy.add(Cut(kind="PUT", request=after))

    with pytest.raises(obstore.exceptions.GenericError, match="error sending request"):
        proxied.store().put("a", b"x" * 100_000)

    assert proxied.keys() == []


@pytest.mark.parametrize(("after", "text"), [(0, "error sending request"), (5000, "request or response body error")])
def test_a_response_that_is_cut(proxied: StoreBucket, proxy: StoreProxy, after: int, text: str) -> None:
    """The connection ends before the response, or in it."""
    store = proxied.store()
    store.put("a", b"x" * 100_000)
    proxy.add(Cut(kind="GET", response=after))

    with pytest.raises(obstore.exceptions.GenericError, match=text):
        store.get("a").bytes()


def test_a_lost_answer(proxied: StoreBucket, proxy: StoreProxy) -> None:
    """The store has completed the upload, and the client does not know."""
    proxy.add(Cut(kind="POST complete", response=0))

    with pytest.raises(OSError, match="NoSuchUpload"):  # of the abort that obstore tries then
        _upload(proxied.store())

    assert proxied.keys() == ["large"]
    assert proxied.uploads() == []


def test_a_stall_until_the_time_limit(proxied: StoreBucket, proxy: StoreProxy) -> None:
    """A request that is kept waiting ends with the time limit of the client."""
    stall = proxy.add(Stall(kind="PUT"))

    with pytest.raises(obstore.exceptions.GenericError, match="TimedOut"):
        proxied.store(timeout=0.1).put("a", b"x")

    assert stall.arrived.is_set()
    assert proxied.keys() == []


@pytest.mark.parametrize("answered", [False, True])
def test_a_stall_that_is_released(proxied: StoreBucket, proxy: StoreProxy, *, answered: bool) -> None:
    """The request waits before the store, or its response after it, until the test lets it go on."""
    stall = proxy.add(Stall(kind="PUT", answered=answered))
    thread = threading.Thread(target=proxied.store().put, args=("a", b"x"))
    thread.start()
    assert stall.arrived.wait(10)
    assert thread.is_alive()

    stall.released.set()
    thread.join(10)

    assert not thread.is_alive()
    assert proxied.keys() == ["a"]


def test_a_reset_proxy_only_passes_on(proxied: StoreBucket, proxy: StoreProxy) -> None:
    """Faults and counts are gone; latency stays until it is set to 0."""
    proxy.add(Answer(kind="PUT", status=403))
    proxy.latency = 0.001
    store = proxied.store()
    with pytest.raises(obstore.exceptions.PermissionDeniedError):
        store.put("a", b"x")

    proxy.reset()
    store.put("a", b"x")

    assert proxied.keys() == ["a"]
    assert proxied.uploads() == []
    assert proxy.counts == {"PUT": 1}  # what the test asks the bucket does not count


def test_a_rejected_part_ends_the_upload(proxied: StoreBucket, proxy: StoreProxy) -> None:
    """A part in the middle is answered 403: obstore aborts, and nothing is left."""
    proxy.add(Answer(kind="PUT part", status=403, body=DENIED, skip=1))

    with pytest.raises(obstore.exceptions.PermissionDeniedError):
        _upload(proxied.store(), parts=5)

    assert proxy.counts["DELETE upload"] == 1
    assert proxied.keys() == []
    assert proxied.uploads() == []
