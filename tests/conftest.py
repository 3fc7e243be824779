"""Fixtures for all tests."""

from __future__ import annotations

import gc
import json
import os
from pathlib import Path
from typing import Any

import anyio.lowlevel
import hypothesis
import pytest

from multicart_async._http.retries import Retrier

ENDPOINTS = Path(__file__).parent / "data/endpoints.json"

hypothesis.settings.load_profile("ci")  # the same examples in every run, and no time limit for any of them


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """From here on the garbage collector does not look at all tests again and again: that took a tenth of the time."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One more than there are processors, because some tests wait."""
    return len(os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)) + 1


@pytest.fixture(scope="session", autouse=True)
def no_coverage_of_processes() -> None:
    """Coverage follows into the workers of pytest-xdist, and no further: some processes tell what they have loaded."""
    os.environ.pop("COVERAGE_PROCESS_CONFIG", None)


async def _at_once(_retrier: Retrier, _number: int) -> None:
    await anyio.lowlevel.checkpoint()


@pytest.fixture(autouse=True)
def no_backoff(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries happen as often as the policy says, without the pauses between them, unless a test is marked `backoff`."""
    if request.node.get_closest_marker("backoff") is None:
        monkeypatch.setattr(Retrier, "_rest", _at_once)


@pytest.fixture(autouse=True)
def no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the environment holds, tests do not see it."""
    for name in ("MULTICART_API_KEY", "MULTICART_TOKEN", "MULTICART_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def endpoints() -> dict[str, dict[str, Any]]:
    """What the service documents of each endpoint, by its id."""
    return {row["id"]: row for row in json.loads(ENDPOINTS.read_text("utf-8"))}
