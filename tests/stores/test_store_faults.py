"""A network and a store that fail while an object is sent or read: it is there whole or not at all, and nothing dangles."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import traceback
from typing import Any

import pytest
from support.object_stores import StoreBucket
from support.sink_places import chunked
from support.store_faults import Answer, Cut, Fault, Stall, error_body
from support.store_proxy import StoreProxy

from multicart_async import ObjectStoreSink, errors
from multicart_async.sandbox import Sandbox
from multicart_async.sinks._protocol import put_bytes

MIB = 1 << 20
OLD = b"the old version"
NEW = os.urandom(19 * MIB)  # three parts


def made(kind: str, how: str, **given: Any) -> Fault:
    """A fault with requests of a *kind*."""
    if how in {"403", "401", "503"}:
        return Answer(kind=kind, status=int(how), body=error_body("AccessDenied"), **given)
    return {
        "cut": lambda: Cut(kind=kind, request=0, **given),
        "cut in the body": lambda: Cut(kind=kind, request=500, **given),
        "lost answer": lambda: Cut(kind=kind, response=0, **given),
        "stall": lambda: Stall(kind=kind, **given),
    }[how]()


@pytest.fixture
def sink(proxied: StoreBucket) -> ObjectStoreSink:
    """A sink by way of the proxy, with which the first failure is the answer, after a second at most."""
    return ObjectStoreSink(proxied.store(timeout=1), "mirror")


async def content_in(bucket: StoreBucket, name: str) -> bytes | None:
    """What the store has, without the proxy."""
    return await ObjectStoreSink(bucket.store(), "mirror").read(name)


SMALL = [("PUT", how) for how in ("cut", "cut in the body", "lost answer", "stall", "403", "401", "503")]
LARGE = [
    (kind, how)
    for kind in ("POST uploads", "PUT part", "POST complete")
    for how in ("cut", "lost answer", "403", "503")
]


ALWAYS = {("PUT", "cut in the body"), ("PUT", "403"), ("POST uploads", "403"), ("POST complete", "lost answer")}


def cases() -> list[Any]:
    """All of them; most run in `make check` alone, because they take long."""
    rows = [(*row, 0) for row in SMALL + LARGE]
    marks = [() if (kind, how) in ALWAYS else (pytest.mark.heavy,) for kind, how, _ in rows]
    return [("PUT part", "403", 2), *(pytest.param(*row, marks=mark) for row, mark in zip(rows, marks, strict=True))]


@pytest.mark.parametrize(("kind", "how", "skip"), cases())
async def test_an_object_is_there_whole_or_not_at_all(bucket, proxy: StoreProxy, sink, kind, how, skip) -> None:
    """Each request of an upload fails in each way: an error with its number, and the old version or all of the new one."""
    content = NEW[:1000] if kind == "PUT" else NEW
    await put_bytes(sink, "a", OLD)
    proxy.reset()
    proxy.add(made(kind, how, skip=skip))

    with pytest.raises(errors.DiskError) as caught:
        await sink.put("a", chunked([content[at : at + MIB] for at in range(0, len(content), MIB)]))

    assert caught.value.errno == {"403": errno.EACCES, "401": errno.EACCES}.get(how, errno.EIO)
    assert await content_in(bucket, "a") in ({OLD, content} if how == "lost answer" else {OLD})
    began = (kind, how) in {("POST uploads", "cut"), ("POST uploads", "lost answer")}  # and nobody was told its id
    assert bucket.uploads() == (["mirror/a"] if began else [])


@pytest.mark.parametrize(
    ("kind", "how", "skip"),
    [("PUT", "cut", 0), ("PUT", "503", 0), ("PUT part", "503", 1), ("POST complete", "lost answer", 0)],
)
async def test_a_failure_that_passes_is_not_seen(bucket, proxied, proxy: StoreProxy, kind, how, skip) -> None:
    """The request is repeated."""
    sink = ObjectStoreSink.from_url(f"{proxied.location}/mirror", options=proxied.options())
    content = NEW[:1000] if kind == "PUT" else NEW
    fault = proxy.add(made(kind, how, skip=skip, times=1))

    await sink.put("a", chunked([content[at : at + MIB] for at in range(0, len(content), MIB)]))

    assert fault.seen == 1
    assert await content_in(bucket, "a") == content
    assert bucket.uploads() == []


@pytest.mark.parametrize(
    ("kind", "call"),
    [
        ("GET", lambda sink: sink.read("a")),
        ("HEAD", lambda sink: sink.size("a")),
        ("LIST", lambda sink: sink.list("")),
        ("LIST", lambda sink: sink.check()),
        ("COPY", lambda sink: sink.rename("a", "b")),
        ("POST delete", lambda sink: sink.delete("a")),
        ("GET", lambda sink: anext(sink.iter_bytes("a"))),
    ],
)
@pytest.mark.parametrize("how", ["cut", "503", "403"])
async def test_every_call_has_its_number(sink, bucket, proxy: StoreProxy, kind, call, how) -> None:
    """EACCES for a rejected credential, EIO for all else; the object is named, and no secret is."""
    await put_bytes(sink, "a", OLD)
    proxy.add(made(kind, how))

    with pytest.raises(errors.DiskError) as caught:
        await call(sink)

    assert caught.value.errno == (errno.EACCES if how == "403" else errno.EIO)
    shown = "".join(traceback.format_exception(caught.value)) + repr(vars(caught.value))
    assert f"{bucket.location}/mirror" in str(caught.value)
    assert not [secret for secret in (bucket.secret_key, bucket.access_key, "Signature", proxy.url) if secret in shown]
    assert await content_in(bucket, "a") == OLD


@pytest.mark.parametrize("skip", [0, pytest.param(2, marks=pytest.mark.heavy)])
async def test_a_cancelled_upload_that_stalls_ends_with_its_request(bucket, proxy: StoreProxy, sink, skip) -> None:
    """The limit of time of the request ends it; then the upload is given up."""
    await put_bytes(sink, "a", OLD)
    stall = proxy.add(Stall(kind="PUT part", skip=skip))

    putting = asyncio.ensure_future(sink.put("a", chunked([NEW[at : at + MIB] for at in range(0, len(NEW), MIB)])))
    await asyncio.to_thread(stall.arrived.wait, 30)
    putting.cancel()
    await asyncio.wait([putting])

    assert putting.cancelled()
    assert await content_in(bucket, "a") == OLD
    assert bucket.uploads() == []


async def test_an_upload_that_cannot_be_given_up_is_logged(bucket, proxy: StoreProxy, sink, caplog) -> None:
    """The error is the one that came first; a rule of the bucket has to remove the rest."""
    proxy.add(made("DELETE upload", "403"))

    with pytest.raises(LookupError):
        await sink.put("a", chunked([NEW], LookupError()))

    assert bucket.uploads() == ["mirror/a"]
    (record,) = caplog.records
    assert record.getMessage() == (
        f"{bucket.location}/mirror/a: an unfinished upload could not be removed: the store answered with HTTP status 403: "
        "AccessDenied: made by a test; check the credentials of the store, and what they permit; "
        "a lifecycle rule of the bucket for incomplete uploads does that"
    )


async def test_an_object_of_another_size_than_was_sent_is_removed(bucket, proxy: StoreProxy, sink) -> None:
    """The store says that all is well, and has something else under the tag of what was sent."""
    await put_bytes(sink, "b", OLD)
    tag = f'ETag: "{hashlib.md5(OLD, usedforsecurity=False).hexdigest()}"'
    proxy.add(Answer(kind="HEAD", status=200, headers=("Last-Modified: Sun, 29 Nov 2026 00:00:00 GMT", tag)))

    with pytest.raises(
        errors.DiskError, match="the store has 0 bytes of the 15 that were sent; the object was removed"
    ):
        await put_bytes(sink, "a", OLD)

    assert bucket.keys() == ["mirror/b"]


async def test_a_category_whose_json_cannot_be_read_again_has_no_csv(
    proxied, bucket: StoreBucket, proxy: StoreProxy
) -> None:
    """The error is that of the store; what it has is complete, and the next call makes the CSV."""
    async with Sandbox(instant=True, category_items=3) as sandbox, sandbox.client() as client:
        await client.categories.submit(
            "https://www.amazon.com.au/b/?node=4913309051", domain="amazon.com.au", postcode="4500"
        )
        proxy.add(made("GET", "503", path="category_asins.json"))
        failed = await client.sync(ObjectStoreSink(proxied.store(), "mirror"))
        proxy.reset()
        report = await client.sync(ObjectStoreSink(proxied.store(), "mirror"))

    assert [type(failure.error) for failure in failed.failures] == [errors.DiskError]
    assert report.ok
    assert len([key for key in bucket.keys() if key.endswith("category_asins.csv")]) == 1  # noqa: SIM118 -- no dictionary
