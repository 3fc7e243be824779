"""A cluster works only if all of its workers can, and write to the same destination."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from support.cluster_kit import mirrored, nonces
from support.fake_cluster import FakeCluster
from support.fake_sinks import PlainSink
from support.mirror_kit import tree

from multicart_async.distributed import _worker
from multicart_async.distributed._destination import Probe, destination_text, shared_nonce
from multicart_async.errors import ArgumentError, ConfigurationError, DiskError
from multicart_async.sandbox import Sandbox
from multicart_async.sinks import DirectorySink, MemorySink

pytestmark = pytest.mark.usefixtures("sandbox")
ADVICE = "name a folder that all machines mount at the same place, or an object store"


async def test_workers_with_another_destination_are_named(cluster: FakeCluster, tmp_path: Path) -> None:
    """Those that do not find what the driver has written; nothing was submitted, and its file is gone."""
    cluster.probe_results = {f"w{number}": Probe(sees_nonce=False) for number in range(7)}

    with pytest.raises(ArgumentError) as caught:
        await mirrored(cluster, tmp_path)

    assert str(caught.value) == (
        "dest: expected a destination that all workers share; what the driver has written is not at "
        f"w0, w1, w2, w3, w4 and 2 others; {ADVICE}"
    )
    assert (cluster.tasks, nonces(tmp_path)) == ([], [])


async def test_a_worker_that_joins_with_another_destination_does_nothing(
    sandbox: Sandbox, cluster: FakeCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its tasks fail before they write anything."""
    sandbox.add_collections(1, items=1)
    cluster.workers = {}
    elsewhere = tmp_path / "elsewhere"

    async def sink(self: Any, dest: str) -> DirectorySink:
        return DirectorySink(dest if self.context.limits.downloads > 4 else elsewhere)

    monkeypatch.setattr("multicart_async.distributed._client.LeasedClient.sink", sink)
    report = await mirrored(cluster, tmp_path / "dest", retries=0)

    assert [str(failure.error) for failure in report.failures] == [
        "dest: what the driver has written there is not at the worker one"
    ]
    assert not elsewhere.exists()


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        (Probe(sees_nonce=True, trouble="no credential"), "no credential (at three)"),
        (
            ModuleNotFoundError("No module named 'multicart_async'"),
            (
                "ModuleNotFoundError: No module named 'multicart_async'; "
                "install the same version of multicart-async on each worker (at three)"
            ),
        ),
        (ConfigurationError("odd"), "odd (at three)"),
    ],
)
async def test_workers_that_cannot_work_are_named(
    cluster: FakeCluster, tmp_path: Path, result: Any, reason: str
) -> None:
    """With the reason of the first one."""
    cluster.probe_results = {"three": result}

    with pytest.raises(ArgumentError) as caught:
        await mirrored(cluster, tmp_path)

    assert str(caught.value) == f"cluster: expected workers that can work, got: {reason}"


async def test_a_worker_that_dies_meanwhile_is_no_reason(cluster: FakeCluster, tmp_path: Path) -> None:
    """Its connection is closed; there are others."""
    cluster.probe_results = {"three": OSError("closed")}

    assert (await mirrored(cluster, tmp_path)).ok


async def test_a_worker_without_a_key_says_so(
    sandbox: Sandbox, cluster: FakeCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The driver has one; the worker's environment is what counts."""
    probe = _worker.probe_worker

    async def without_key(call: Any) -> Probe:
        with pytest.MonkeyPatch.context() as patch:
            patch.delenv("MULTICART_API_KEY")
            return await probe(call)

    monkeypatch.setattr("multicart_async.distributed._session.probe_worker", without_key)

    with pytest.raises(ArgumentError, match=r"^cluster: .* got: no credential: set MULTICART_.* \(at one, two\)$"):
        await mirrored(cluster, tmp_path)


async def test_a_worker_that_cannot_write_there_does_not_have_it(
    cluster: FakeCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No such folder, or not for this user."""
    probe = _worker.probe_worker

    async def without_folder(call: Any) -> Probe:
        async def sink(*_: object) -> None:
            raise DiskError("/x", "no such folder", 2)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("multicart_async.distributed._client.LeasedClient.sink", sink)
            return await probe(call)

    monkeypatch.setattr("multicart_async.distributed._session.probe_worker", without_folder)

    with pytest.raises(ArgumentError, match=r"^dest: .* is not at one, two; "):
        await mirrored(cluster, tmp_path)


async def test_a_driver_without_a_key_sends_nothing(
    cluster: FakeCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says which variables to set."""
    monkeypatch.delenv("MULTICART_API_KEY")

    with pytest.raises(ConfigurationError, match="set MULTICART_API_KEY or MULTICART_TOKEN"):
        await mirrored(cluster, tmp_path)


@pytest.mark.parametrize(
    ("given", "argument"),
    [
        ({"collections": 5}, "collections"),
        ({"collections": [0]}, "collections"),
        ({"requests": 0}, "requests"),
        ({"requests_per_task": "4"}, "requests_per_task"),
        ({"tasks": 0}, "tasks"),
        ({"retries": -1}, "retries"),
        ({"on_event": 5}, "on_event"),
        ({"runs": "new"}, "runs"),
        ({"files": "all"}, "files"),
        ({"check": "none"}, "check"),
    ],
)
async def test_wrong_arguments_are_named(
    sandbox: Sandbox, cluster: FakeCluster, tmp_path: Path, given: dict[str, Any], argument: str
) -> None:
    """Before anything is sent or written."""
    with pytest.raises(ArgumentError) as caught:
        await mirrored(cluster, tmp_path, **given)

    assert caught.value.argument == argument
    assert (sandbox.counts, tree(tmp_path)) == ({}, {})


@pytest.mark.parametrize("dest", [MemorySink(), None, b"folder", ""], ids=repr)
def test_a_destination_must_be_opened_by_each_worker(dest: object) -> None:
    """An object of this process is none."""
    with pytest.raises(ArgumentError, match="dest: expected a path or URL, which each worker opens for itself"):
        destination_text(dest)


def test_a_destination_means_the_same_everywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative path is that of the driver, and a URL stays as it is."""
    monkeypatch.chdir(tmp_path)

    assert destination_text("mirror") == os.fspath(tmp_path / "mirror")
    assert destination_text(Path("mirror")) == os.fspath(tmp_path / "mirror")
    assert destination_text("s3://bucket/mirror") == "s3://bucket/mirror"


async def test_the_file_of_the_driver_can_be_deleted() -> None:
    """A sink that cannot is refused; one that fails to is no reason to lose a report."""
    with pytest.raises(ArgumentError, match="dest: expected a destination whose files can be deleted"):
        async with shared_nonce(PlainSink()):
            pass

    class Stubborn(MemorySink):
        async def delete(self, name: str) -> None:
            raise DiskError(name, "read-only", 30)

    async with shared_nonce(Stubborn()) as (name, content):
        assert len(content) == 32
    assert name.startswith("_cluster-")
