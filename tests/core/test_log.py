"""What the library logs: to one logger, with the path, the attempt and the error in the text and on the record."""

from __future__ import annotations

import logging
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support.fakes import FakeTransport, ok, refused
from support.groups import groups_over

from multicart_async._core.log import LOGGER, error_info, log_retry
from multicart_async.errors import ArgumentError, NotFoundError, ServerError

ROOT = Path(__file__).resolve().parents[2]
STANDARD = {*vars(logging.makeLogRecord({})), "message", "asctime"}
LIBRARIES = """
import asyncio, logging, sys
import loguru, structlog, rich.console, rich.traceback
rich.traceback.install()
from multicart_async import AsyncMultiCart, RetryPolicy
from multicart_async.errors import MultiCartError
async def main():
    async with AsyncMultiCart("a.b", base_url="http://127.0.0.1:9/api/v1", retry=RetryPolicy(attempts=3, wait_initial=0, wait_jitter=0)) as client:
        try:
            await client.collections.list()
        except MultiCartError:
            pass
asyncio.run(main())
assert logging.getLogger("multicart_async").handlers == logging.getLogger().handlers == []
"""  # noqa: E501 -- a program


def test_there_is_one_logger() -> None:
    """Only one module asks for it, so that all records can be configured by one name."""
    asking = [
        path.name for path in (ROOT / "multicart_async").rglob("*.py") if re.search(r"getLogger\(", path.read_text())
    ]

    assert asking == ["log.py"]
    assert LOGGER.name == "multicart_async"


def test_a_retry_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """At INFO: the last error is raised, and one that was overcome is no problem."""
    caplog.set_level(logging.INFO, "multicart_async")
    log_retry("/schedules/get/", 2, ServerError("/schedules/get/", 500, "no\nne"))
    (record,) = caplog.records

    assert record.levelname == "INFO"
    assert record.getMessage() == ("/schedules/get/: attempt 2 follows: ServerError: /schedules/get/: code 500: no ne")
    assert (record.path, record.attempt, record.error) == (  # type: ignore[attr-defined]
        "/schedules/get/",
        2,
        "ServerError: /schedules/get/: code 500: no ne",
    )


def test_a_retry_is_not_logged_by_default(caplog: pytest.LogCaptureFixture) -> None:
    """The root logger begins at WARNING."""
    log_retry("/schedules/get/", 2, ServerError("/schedules/get/", 500, "no"))

    assert caplog.records == []


async def test_a_call_that_is_repeated_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Once for each further attempt."""
    caplog.set_level(logging.INFO, "multicart_async")
    groups = groups_over(FakeTransport(refused(500, "a"), refused(500, "b"), ok([])))
    await groups.collections.list()

    assert [(one.path, one.attempt) for one in caplog.records] == [  # type: ignore[attr-defined]
        ("/schedules/get_schedules/", 2),
        ("/schedules/get_schedules/", 3),
    ]


@pytest.mark.parametrize(
    ("error", "path", "expected"),
    [
        (NotFoundError("/p/", 404, "no"), None, {"path": "/p/", "error": "NotFoundError: /p/: code 404: no"}),
        (NotFoundError("/p/", 404, "no"), "a poll", {"path": "a poll", "error": "NotFoundError: /p/: code 404: no"}),
        (ArgumentError("a", "no"), None, {"error": "ArgumentError: a: no"}),
        (ValueError("c4n4ry"), None, {"error": "ValueError"}),
    ],
)
def test_a_record_tells_where_an_error_happened(
    error: Exception, path: str | None, expected: dict[str, object]
) -> None:
    """Of another library's error only the class is named; no attribute that logging has itself is among them."""
    assert error_info(error, path) == expected
    assert not STANDARD & {*expected, "attempt"}


def test_nothing_is_printed_beside_other_logging_libraries() -> None:
    """With structlog, loguru and rich installed and loaded, a call that fails three times writes to no stream."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", LIBRARIES],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


async def test_a_record_factory_with_such_an_attribute_does_no_harm(caplog: pytest.LogCaptureFixture) -> None:
    """An application may set ``path`` on each record, as for a web request: the record is logged without our attributes."""
    made = logging.getLogRecordFactory()

    def with_path(*args: object, **fields: object) -> logging.LogRecord:
        record = made(*args, **fields)  # type: ignore[arg-type]
        record.path = "/checkout"  # type: ignore[attr-defined]
        return record

    caplog.set_level(logging.INFO, "multicart_async")
    logging.setLogRecordFactory(with_path)
    try:
        await groups_over(FakeTransport(refused(500, "a"), ok([]))).collections.list()
    finally:
        logging.setLogRecordFactory(made)

    assert [(one.path, one.funcName) for one in caplog.records] == [("/checkout", "run")]  # type: ignore[attr-defined]
