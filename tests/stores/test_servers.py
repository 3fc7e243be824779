"""The servers that the tests of object stores run against: each of them is a store, and one of them gets full."""

from __future__ import annotations

import os
from collections.abc import Callable

import obstore
import obstore.exceptions
import pytest
from support.object_stores import AZURITE, SEAWEEDFS, StoreBucket, StoreServer
from support.object_stores.running import RunningServer, names_of_settings
from support.object_stores.s3 import S3Bucket

PART = 5 << 20
Started = Callable[[StoreServer], RunningServer]


def test_objects_come_and_go(server: RunningServer) -> None:
    """What is stored can be read, measured and listed, until it is deleted."""
    bucket = server.new_bucket()
    store = bucket.store()

    store.put("folder/one.json", b"[1]")

    assert bytes(store.get("folder/one.json").bytes()) == b"[1]"
    assert store.head("folder/one.json")["size"] == 3
    assert bucket.keys() == ["folder/one.json"]
    store.delete("folder/one.json")
    assert bucket.keys() == []


def test_buckets_are_apart(server: RunningServer) -> None:
    """Each test has a bucket of its own, and a store can be limited to a part of it."""
    one, other = server.new_bucket(), server.new_bucket()

    one.store(prefix="deep/down").put("a", b"x")

    assert one.keys() == ["deep/down/a"]
    assert other.keys() == []


def test_unfinished_uploads_are_seen(server: RunningServer) -> None:
    """An upload in parts is listed while it goes on, and its object is not; when it is complete, it is the other way round."""
    bucket = server.new_bucket()

    with obstore.open_writer(bucket.store(), "large", buffer_size=PART, max_concurrency=1) as writer:
        for _ in range(3):
            writer.write(b"x" * PART)
        assert bucket.uploads() == ["large"]
        assert bucket.keys() == []

    assert bucket.uploads() == []
    assert bucket.keys() == ["large"]


def test_an_aborted_upload_is_gone(server: RunningServer) -> None:
    """After an exception there is no object. Nor is there an upload, but for Azure, which cannot abort."""
    bucket = server.new_bucket()

    with (
        pytest.raises(RuntimeError, match="stop"),
        obstore.open_writer(bucket.store(), "large", buffer_size=PART, max_concurrency=1) as writer,
    ):
        for _ in range(3):
            writer.write(b"x" * PART)
        raise RuntimeError("stop")

    assert bucket.keys() == []
    assert bucket.uploads() == ([] if isinstance(bucket, S3Bucket) else ["large"])


@pytest.mark.heavy
@pytest.mark.parametrize("kind", [SEAWEEDFS, AZURITE], ids=["seaweedfs", "azurite"])
def test_wrong_keys_are_rejected(started: Started, kind: StoreServer) -> None:
    """These servers check signatures, so that a wrong secret is found out."""
    bucket = started(kind).new_bucket()

    with pytest.raises(obstore.exceptions.PermissionDeniedError):
        bucket.with_wrong_key().store().put("a", b"x")


@pytest.mark.heavy
def test_a_full_store_says_so(small_seaweedfs: RunningServer) -> None:
    """With no room left SeaweedFS answers 500, and nothing of what did not fit is there."""
    bucket = small_seaweedfs.new_bucket()
    store = bucket.store()
    fitted = 0

    with pytest.raises(obstore.exceptions.GenericError, match="500 Internal Server Error"):
        for fitted in range(20):
            store.put(f"{fitted:02}", b"x" * (1 << 20))
    with (
        pytest.raises(OSError, match="500 Internal Server Error"),
        obstore.open_writer(store, "large", buffer_size=PART, max_concurrency=1) as writer,
    ):
        writer.write(b"x" * 2 * PART)

    assert bucket.keys() == [f"{number:02}" for number in range(fitted)]
    assert bucket.uploads() == []


def test_credentials_of_the_environment_are_not_seen(bucket: StoreBucket, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that a store needs is said by the kit; what the environment says of stores is known, and taken away."""
    assert names_of_settings(os.environ) == []
    assert {"access_key_id", "secret_access_key", "endpoint", "region"} <= bucket.options().keys()
    monkeypatch.setenv("AWS_PROFILE", "private")
    monkeypatch.setenv("AZURE_STORAGE_KEY", "private")
    assert sorted(names_of_settings(os.environ)) == ["AWS_PROFILE", "AZURE_STORAGE_KEY"]
