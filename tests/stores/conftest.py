"""Servers of object stores for these tests: moto in every run, the others where they are installed, in ``make check``."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from support.object_stores import AZURITE, MOTO, SEAWEEDFS, SMALL_SEAWEEDFS, StoreBucket, StoreServer
from support.object_stores.running import RunningServer, names_of_settings
from support.store_proxy import StoreProxy

Started = Callable[[StoreServer], RunningServer]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """An absent server is one line in the summary, however many tests it would have run: pytest folds what has one place."""
    report = yield
    if report.skipped and isinstance(report.longrepr, tuple) and "is not installed: " in report.longrepr[2]:
        report.longrepr = (__file__, 1, report.longrepr[2])
    return report


@pytest.fixture(autouse=True)
def no_store_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever credentials and addresses the environment holds, obstore does not see them."""
    for name in names_of_settings(os.environ):
        monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    """Gives the running server of a kind, which is started for the first test that asks, and ends with the last one."""
    running: dict[StoreServer, RunningServer] = {}
    with ExitStack() as stack:

        def start(server: StoreServer) -> RunningServer:
            if not server.available():
                pytest.skip(f"{server.name} is not installed: {server.install}")
            if server not in running:
                folder = tmp_path_factory.mktemp("store")
                running[server] = stack.enter_context(server.start(folder))
            return running[server]

        yield start


@pytest.fixture
def moto(started: Started) -> RunningServer:
    """The server of every run."""
    return started(MOTO)


@pytest.fixture
def bucket(moto: RunningServer) -> StoreBucket:
    """An empty bucket of moto."""
    return moto.new_bucket()


@pytest.fixture
def s3(bucket: StoreBucket) -> Any:
    """The store of obstore for that bucket."""
    return bucket.store()


@pytest.fixture
def proxy(moto: RunningServer) -> Iterator[StoreProxy]:
    """A proxy before moto."""
    with StoreProxy(moto.port) as proxy:
        yield proxy


@pytest.fixture
def proxied(bucket: StoreBucket, proxy: StoreProxy) -> StoreBucket:
    """The empty bucket of moto, by way of the proxy."""
    return bucket.through(proxy.url)


@pytest.fixture(
    params=[
        pytest.param(MOTO, id="moto"),
        pytest.param(SEAWEEDFS, id="seaweedfs", marks=pytest.mark.heavy),
        pytest.param(AZURITE, id="azurite", marks=pytest.mark.heavy),
    ]
)
def server(request: pytest.FixtureRequest, started: Started) -> RunningServer:
    """Each server in turn."""
    return started(request.param)


@pytest.fixture
def small_seaweedfs(started: Started) -> RunningServer:
    """A store that is full after 8 MiB. It has room for one bucket, so that one test at most should use it."""
    return started(SMALL_SEAWEEDFS)
