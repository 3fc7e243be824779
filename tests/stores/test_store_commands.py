"""The command with a bucket as the destination and as the mirror; the store is named by the environment."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.command_kit import BackgroundSandbox, Commands, background_sandbox
from support.object_stores import StoreBucket
from support.store_faults import Answer
from support.store_proxy import StoreProxy


@pytest.fixture(scope="module")
def shop() -> Iterator[BackgroundSandbox]:
    """A sandbox with two finished collections."""
    with background_sandbox(2, instant=True) as served:
        yield served


@pytest.fixture
def multicart(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    shop: BackgroundSandbox,
    proxied: StoreBucket,
) -> Commands:
    """The command in an empty folder, with the bucket by way of the proxy."""
    for name, value in proxied.options().items():
        monkeypatch.setenv(f"AWS_{name.upper()}", value)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    return Commands(monkeypatch, capsys).at(shop)


def test_a_bucket_is_mirrored_verified_and_read(multicart, bucket: StoreBucket, tmp_path: Path) -> None:
    """As a folder is; the second call fetches nothing, and no folder named ``s3:`` is made."""
    mirror = f"{bucket.location}/mirror"

    first = multicart("sync", mirror, "--json")
    second = multicart("sync", mirror, "--json")
    verified = multicart("verify", mirror, "--json")
    exported = multicart("export", mirror, "prices.csv", "--json")
    records = multicart("runs", "records", "101", "--from", mirror, "--jsonl")
    reported = multicart("report", mirror, "-o", "report.html")

    assert [result.status for result in (first, second, verified, exported, records, reported)] == [0] * 6
    assert (first.document["files"], second.document["files"], verified.document["files"]) == (2, 0, 2)
    assert exported.document["runs"] == 2
    assert len(records.rows) == exported.document["rows"] / 2
    assert {path.name for path in tmp_path.iterdir()} == {"prices.csv", "report.html"}


def test_runs_are_downloaded_into_a_bucket(multicart, bucket: StoreBucket, shop: BackgroundSandbox) -> None:
    """With their names below the prefix as paths."""
    result = multicart("runs", "download", "101", "--dest", bucket.location, "--json")

    (file,) = result.document["files"]
    assert file["path"] == f"{result.document['directory']}/page-0001.json"
    assert file["path"] in bucket.keys()  # noqa: SIM118 -- no dictionary


def test_a_bucket_that_is_not_there_is_one_line(multicart) -> None:
    """On stderr, with the status of a failure."""
    result = multicart("sync", "s3://no-such-bucket/mirror")

    assert (result.status, result.out) == (1, "")
    assert result.err == (
        "multicart: s3://no-such-bucket/mirror: the store answered with HTTP status 404: NoSuchBucket: "
        "The specified bucket does not exist\n"
    )


def test_doctor_tries_the_bucket(multicart, bucket: StoreBucket) -> None:
    """It stores, renames and deletes an object; a dry run stores nothing."""
    rows = {row["check"]: row for row in multicart("doctor", f"{bucket.location}/mirror", "--json").document}
    dry = {row["check"]: row for row in multicart("doctor", bucket.location, "--json", "--dry-run").document}

    assert rows["write"] == {
        "check": "write",
        "ok": True,
        "detail": f"{bucket.location}/mirror: an object was stored, renamed and deleted",
    }
    assert rows["space"]["ok"]
    assert dry["write"]["detail"] == f"{bucket.location}: it can be listed; --dry-run writes nothing"
    assert bucket.keys() == []


def test_doctor_names_what_the_store_rejects(multicart, bucket: StoreBucket, proxy: StoreProxy) -> None:
    """A credential that may list and not write, for instance."""
    proxy.add(Answer(kind="PUT", status=403))

    result = multicart("doctor", bucket.location, "--json")

    rows = {row["check"]: row for row in result.document}
    assert result.status == 1
    assert rows["write"]["detail"] == (
        f"{bucket.location}: the store answered with HTTP status 403; check the credentials of the store, "
        "and what they permit"
    )
    assert rows["space"]["detail"] == "not checked, because there is no store"


def test_a_prefix_without_objects_is_no_mirror(multicart, bucket: StoreBucket) -> None:
    """As a folder is none that does not exist."""
    result = multicart("verify", f"{bucket.location}/none")

    assert result.status == 1
    assert result.err == (
        f"multicart: {bucket.location}/none: dest: expected a mirror, got a prefix without any object; check the URL\n"
    )
