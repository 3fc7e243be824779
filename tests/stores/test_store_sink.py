"""What makes an `ObjectStoreSink`, and what does not; and what it says of itself."""

from __future__ import annotations

import errno
import sys
from pathlib import Path

import pytest
from support.object_stores import StoreBucket

from multicart_async import AsyncMultiCart, DirectorySink, ListableSink, ObjectStoreSink, tables
from multicart_async.errors import ArgumentError, DiskError
from multicart_async.sandbox import Sandbox
from multicart_async.sinks import _bucket
from multicart_async.sinks._object_calls import store_error, translate_store_errors
from multicart_async.sinks._protocol import put_bytes

EXPECTED = "expected a path, or s3://bucket/prefix, gs://bucket/prefix or az://container/prefix, got "


@pytest.mark.parametrize(
    ("url", "location"),
    [
        ("s3://bucket", "s3://bucket"),
        ("s3://bucket/", "s3://bucket"),
        ("s3://b/x", "s3://b/x"),
        ("s3://bucket/a/b c", "s3://bucket/a/b c"),
        ("gs://my.bucket/a", "gs://my.bucket/a"),
        ("az://container/a/", "az://container/a"),
    ],
)
def test_a_url_names_a_bucket_and_a_prefix(url, location) -> None:
    """No request is made."""
    options = {"account_name": "a", "account_key": "a2V5"} if url.startswith("az") else {}
    if url.startswith("s3"):
        options = {"access_key_id": "id", "secret_access_key": "a secret"}

    sink = ObjectStoreSink.from_url(url, options=options)

    assert sink.location == location
    assert repr(sink) == f"ObjectStoreSink('{location}')"
    assert isinstance(sink, ListableSink)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("ftp://host/a", f"dest: {EXPECTED}'ftp://host/a'"),
        ("s3:///a", f"dest: {EXPECTED}'s3:///a'"),
        ("s3:/bucket/a", f"dest: {EXPECTED}'s3:/bucket/a'"),
        ("s3://user:secret@bucket/a", f"dest: {EXPECTED}'s3://bucket/a'"),
        ("s3://bucket/a?X-Amz-Signature=secret", f"dest: {EXPECTED}'s3://bucket/a'"),
        ("s3://bucket/a#b", f"dest: {EXPECTED}'s3://bucket/a'"),
        ("s3://[bucket/a", f"dest: {EXPECTED}'s3://[bucket/a'"),
        (Path("s3://bucket"), "dest: expected s3://bucket/prefix, gs://bucket/prefix or az://container/prefix, got "),
        ("s3://bucket/a/../b", "dest: expected names of letters, digits and "),
        ("s3://bucket/a//b", "dest: expected names of letters, digits and "),
        ("s3://bucket/ä", "dest: expected names of letters, digits and "),
        ("s3://bucket/a\tb", f"dest: {EXPECTED}'s3://bucket/a\\tb'"),
        ("s3://bucket/a\n", f"dest: {EXPECTED}'s3://bucket/a\\n'"),
        (" s3://bucket/a", f"dest: {EXPECTED}' s3://bucket/a'"),
        ("s3://bucket/" + "a" * 901, "dest: expected a prefix of at most 900 characters, got 901"),
    ],
)
def test_other_urls_are_refused(url, reason) -> None:
    """And a password or a query is not repeated."""
    with pytest.raises(ArgumentError) as caught:
        ObjectStoreSink.from_url(url)

    assert str(caught.value).startswith(reason)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"fooo": "1"}, "options: expected a configuration for s3://bucket: Configuration key: 'fooo' is not valid"),
        (
            {"timeout": "soon"},
            "options: expected a configuration for s3://bucket: Generic Config error: failed to parse",
        ),
        ({"access_key_id": "a secret"}, "options: expected a configuration for s3://bucket: Generic S3 error: Missing"),
        (
            {"secret_access_key": "a secret", "timeout": 3},
            "options: expected a mapping of strings to strings, got str to int for 'timeout'",
        ),
        (
            {"secret_access_key": "1", "no": "1"},
            "options: expected a configuration for s3://bucket: Configuration key: 'no'",
        ),
        ({5: "a secret"}, "options: expected a mapping of strings to strings, got int to str for 5"),
        ("a secret", "options: expected a mapping of strings to strings, got str"),
    ],
)
def test_options_that_obstore_does_not_take_are_refused(options, reason) -> None:
    """At once, without their values."""
    with pytest.raises(ArgumentError) as caught:
        ObjectStoreSink.from_url("s3://bucket", options=options)

    assert str(caught.value).startswith(reason)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(("store", "prefix"), [("s3://bucket", ""), (None, ""), ("store", 5), ("store", "a//b")])
def test_another_store_or_prefix_is_refused(store, prefix) -> None:
    """With the name of the argument."""
    from obstore.store import MemoryStore  # noqa: PLC0415

    with pytest.raises(
        ArgumentError, match=r"^prefix: " if store == "store" else r"^store: expected a store of obstore"
    ):
        ObjectStoreSink(MemoryStore() if store == "store" else store, prefix)


async def test_a_store_without_a_bucket_is_named_by_its_class() -> None:
    """Such as one in memory, which a test may use."""
    from obstore.store import MemoryStore  # noqa: PLC0415

    sink = ObjectStoreSink(MemoryStore(), "/a/b/")
    await put_bytes(sink, "101/x", b"1")

    assert repr(sink) == "ObjectStoreSink('MemoryStore/a/b')"
    assert await sink.list("101") == {"x": 1}
    with pytest.raises(DiskError, match=r"^MemoryStore/a/b/101/y: the store failed: Object at location"):
        await sink.rename("101/y", "101/z")


async def test_a_prefix_of_the_store_itself_is_shown(bucket: StoreBucket) -> None:
    """Both are part of the names."""
    sink = ObjectStoreSink(bucket.store(prefix="outer"), "inner")
    await put_bytes(sink, "101/x", b"1")

    assert sink.location == f"{bucket.location}/outer/inner"
    assert bucket.keys() == ["outer/inner/101/x"]


def test_client_options_of_the_environment_count(monkeypatch, bucket: StoreBucket) -> None:
    """As all others do; what is given goes before."""
    options = bucket.options()
    for name, value in options.items():
        variable = {"endpoint": "AWS_ENDPOINT_URL", "allow_http": "AWS_ALLOW_HTTP"}.get(name, f"AWS_{name.upper()}")
        monkeypatch.setenv(variable, value)
    sink = ObjectStoreSink.from_url(bucket.location, options={"timeout": "7s"})

    store = sink._bucket._store

    assert store.client_options == {"allow_http": "true", "timeout": "7s"}


async def test_without_the_extra_the_error_says_what_to_install(monkeypatch, tmp_path) -> None:
    """Wherever a URL is given, and the import itself works."""
    monkeypatch.setitem(sys.modules, "obstore", None)
    monkeypatch.setitem(sys.modules, "obstore.store", None)
    reason = r"^{}: object stores need obstore; install it with: pip install 'multicart-async\[objects\]'$"

    async with AsyncMultiCart("a.key", base_url="http://127.0.0.1:1") as client:
        for call in (client.sync, client.verify):
            with pytest.raises(ArgumentError, match=reason.format("dest")):
                await call("s3://bucket/mirror")
    with pytest.raises(ArgumentError, match=reason.format("source")):
        await tables.export("s3://bucket/mirror", tmp_path / "a.csv")
    with pytest.raises(ArgumentError, match=reason.format("dest")):
        ObjectStoreSink.from_url("s3://bucket")


async def test_a_path_never_holds_a_scheme() -> None:
    """A URL that became a path would name a folder below the current one."""
    with pytest.raises(ArgumentError, match="expected a path, got the URL"):
        DirectorySink("s3://bucket")
    async with AsyncMultiCart("a.key", base_url="http://127.0.0.1:1") as client:
        with pytest.raises(ArgumentError, match="expected a path, got the URL 's3:/bucket'"):
            await client.sync(Path("s3://bucket"))


async def test_a_bucket_that_is_not_there_is_an_error_at_once(bucket: StoreBucket) -> None:
    """Before anything is fetched; so are credentials that are rejected, and a store that cannot be reached."""
    options = bucket.options()
    sink = ObjectStoreSink.from_url("s3://no-such-bucket/a", options=options)

    for call in (sink.check, lambda: sink.read("a"), lambda: put_bytes(sink, "a", b"")):
        with pytest.raises(DiskError) as caught:
            await call()
        assert caught.value.errno == errno.ENOENT
        assert str(caught.value).startswith("s3://no-such-bucket/a")
        assert "the store answered with HTTP status 404: NoSuchBucket: The specified bucket does not exist" in str(
            caught.value
        )


async def test_a_place_without_objects_is_no_mirror(bucket: StoreBucket, monkeypatch, tmp_path) -> None:
    """As a folder that does not exist is none."""
    sink = ObjectStoreSink(bucket.store(), "none")

    with pytest.raises(
        ArgumentError, match=f"source: expected a folder that sync or download has made, got '{sink.location}'"
    ):
        await tables.export(sink, tmp_path / "a.csv")


async def test_a_large_object_is_read_in_parts(bucket: StoreBucket, monkeypatch) -> None:
    """Each by a request of its own; an object that is replaced meanwhile is an error, and not a mixture."""
    monkeypatch.setattr(_bucket, "PART", 1000)
    sink = ObjectStoreSink(bucket.store())
    content = bytes(range(250)) * 9
    await put_bytes(sink, "a", content)

    assert [len(piece) async for piece in sink.iter_bytes("a")] == [1000, 1000, 250]
    pieces = sink.iter_bytes("a")
    assert await anext(pieces) == content[:1000]
    await put_bytes(sink, "a", b"x" * 2250)
    with pytest.raises(DiskError, match="status 412"):
        await anext(pieces)


async def test_a_large_object_is_renamed_in_parts(bucket: StoreBucket, monkeypatch) -> None:
    """Stores copy up to 5 GiB at once; the rest goes through this process, whole or not at all."""
    monkeypatch.setattr(_bucket, "_MAX_COPY", 8)
    sink = ObjectStoreSink(bucket.store())
    await put_bytes(sink, "a", b"123456789")

    await sink.rename("a", "b")

    assert bucket.keys() == ["b"]
    assert await sink.read("b") == b"123456789"
    assert bucket.uploads() == []


async def test_a_file_that_is_too_large_is_not_read(bucket: StoreBucket) -> None:
    """Only small files are read as a whole."""
    sink = ObjectStoreSink(bucket.store())
    await put_bytes(sink, "a", b"1234")

    assert await sink.read_at_most("a", 4) == b"1234"
    with pytest.raises(DiskError, match="expected at most 3 bytes, got 4") as caught:
        await sink.read_at_most("a", 3)
    assert caught.value.errno == errno.EFBIG


async def test_a_subclass_that_overrides_put_sees_every_file(bucket: StoreBucket) -> None:
    """Downloads go through it."""

    class Counting(ObjectStoreSink):
        seen: list[str] = []  # noqa: RUF012

        async def put(self, name, chunks) -> None:
            self.seen.append(name)
            await super().put(name, chunks)

    async with Sandbox(instant=True) as sandbox, sandbox.client() as client:
        (number,) = sandbox.add_collections(1, items=1)
        run = await client.runs.latest(number)
        await client.runs.download(run, Counting(bucket.store()))

    folder = f"{number}/{run.id}"
    assert Counting.seen == [f"{folder}/{name}" for name in ("page-0001.json", "SHA256SUMS", "manifest.json")]


async def test_names_are_those_of_files(bucket: StoreBucket) -> None:
    """Others would lead out of the prefix, or could not be read back."""
    sink = ObjectStoreSink(bucket.store(), "a")

    for name in ("../b", "/b", "b//c", "b/..", "b%2Fc", "", "b c", "b/.new/../c"):
        with pytest.raises(ArgumentError, match=r"^name: expected words of letters"):
            await put_bytes(sink, name, b"x")
    assert bucket.keys() == []


async def test_what_is_missing_can_be_deleted_where_that_is_an_error(tmp_path) -> None:
    """Some stores say so; a subclass is a sink as any other."""
    from obstore.store import LocalStore  # noqa: PLC0415

    class Named(ObjectStoreSink):
        pass

    sink = Named(LocalStore(tmp_path))
    await put_bytes(sink, "b", b"1")

    await sink.delete("a")

    assert await sink.list("") == {"b": 1}


def test_a_panic_of_obstore_is_an_error() -> None:
    """It is no `Exception`, and would end the thread; anything else of that kind is let through."""

    class PanicException(BaseException):
        pass

    def raising(error: BaseException) -> None:
        raise error

    with pytest.raises(DiskError, match=r"^s3://b/a: the store failed: oops$"):
        translate_store_errors("s3://b/a", raising, PanicException("oops"))
    with pytest.raises(KeyboardInterrupt):
        translate_store_errors("s3://b/a", raising, KeyboardInterrupt())


@pytest.mark.parametrize(
    ("text", "number", "shown"),
    [
        (
            "Bulk delete request failed for key a: no (code: 403)",
            errno.EACCES,
            "the store answered with HTTP status 403",
        ),
        (
            "status code: 404 x <Code>NoSuchUpload</Code>",
            errno.EIO,
            "the store answered with HTTP status 404: NoSuchUpload",
        ),
        ("<Code>ContainerNotFound</Code> (code: 404)", errno.ENOENT, "HTTP status 404: ContainerNotFound"),
        (
            "Error performing PUT http://u:p@h/b?sig=x in 3ms - refused",
            errno.EIO,
            "the store failed: Error performing PUT in",
        ),
        ("HTTP error: builder error", errno.EIO, "one that begins with http:// needs the option allow_http"),
        ('object with invalid path: Path "m//x" con', errno.EIO, "rename it, or choose another prefix"),
        ("status code: 507 <Code>Full</Code><Message> no\nroom </Message>", errno.EIO, "status 507: Full: no room"),
        ("status code: 507 <Message><![CDATA[no room]]></Message>", errno.EIO, "HTTP status 507: no room"),
    ],
)
def test_texts_of_obstore_are_translated(text, number, shown) -> None:
    """Without the URL of the request, which may be signed."""
    error = store_error("s3://b/a", FileNotFoundError(text) if "NoSuchUpload" in text else OSError(text))

    assert error.errno == number
    assert shown in str(error)
    assert "sig" not in str(error)
