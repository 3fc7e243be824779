"""One scan for each test, and what it has looked at in the end."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from support.scanner import Scan
from support.verbs import SECRETS


@pytest.fixture
def scan(caplog: pytest.LogCaptureFixture, request: pytest.FixtureRequest) -> Iterator[Scan]:
    """A search for all secrets, in the logs too; the report in JUnit's format has its figures."""
    caplog.set_level(logging.DEBUG)
    scan = Scan(SECRETS)
    yield scan
    request.node.user_properties.append(
        ("scanned", f"{scan.things} things, {scan.texts} texts, {len(scan.secrets)} secrets")
    )  # the fixture for it warns of some formats
