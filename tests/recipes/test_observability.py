"""Traces, metrics, logs and errors as docs/observability.md sets them up: they are there, and the key is in none."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from support.document_programs import block_with, run_program
from support.documents import ROOT
from support.leaks import Haul

from multicart_async.sandbox import Sandbox
from multicart_async.sandbox.faults import Envelope, Status

pytestmark = pytest.mark.heavy
pytest.importorskip("opentelemetry.sdk", reason="in the dependency group recipes")

PAGE = "observability.md"
ALL_HEADERS = {"OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_CLIENT_REQUEST": ".*"}
INSTRUMENT = """
from opentelemetry.instrumentation.aiohttp_client import AioHttpClientInstrumentor
AioHttpClientInstrumentor().instrument(tracer_provider=provider)
"""
SENTRY = """
import sentry_sdk.transport, multicart_async
class Kept(sentry_sdk.transport.Transport):
    def capture_envelope(self, envelope):
        print(envelope.serialize().decode())
real = sentry_sdk.init
sentry_sdk.init = lambda **options: real(**options, transport=Kept, max_value_length=100_000)
"""


def where(sandbox: Sandbox, *texts: str) -> list[str]:
    """The numbers of the texts in which the key can be read, in any form."""
    haul = Haul()
    for number, text in enumerate(texts):
        haul.add(str(number), text)
    return haul.where(sandbox.api_key)


@pytest_asyncio.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    """One with two runs, whose first list and first file fail once."""
    async with Sandbox(instant=True) as running:
        running.add_collections(2, runs=1, items=3)
        running.faults.add("/schedules/get_schedules/", Status(503))
        running.faults.add("/results/*", Status(503))
        yield running


async def test_spans_are_there_without_the_key(sandbox, tmp_path) -> None:
    """One for each attempt, below the program's own; even if the environment asks for all headers."""
    code = block_with(PAGE, "create_trace_config").code
    told, complaints = await run_program(code, tmp_path, sandbox, "-W", "error", **ALL_HEADERS)

    spans = [json.loads(f"{{{each}") for each in told.removeprefix("{").split("\n{")]
    assert len(spans) == sum(sandbox.counts.values()) + 1
    assert {span["name"] for span in spans} == {"POST", "GET", "nightly mirror"}
    assert len({span["context"]["trace_id"] for span in spans}) == 1
    assert "503" in told
    assert where(sandbox, told, complaints) == []


async def test_the_instrumentation_of_all_sessions_can_show_the_key(sandbox, tmp_path) -> None:
    """What the page warns of: the environment can ask it for all headers, and to replace the credential."""
    code = block_with(PAGE, "create_trace_config").code.replace("trace_configs=[trace]", "")
    code = code.replace("async def main", f"{INSTRUMENT}\n\n\nasync def main")
    shown, _ = await run_program(code, tmp_path, sandbox, **ALL_HEADERS)
    if "http.request.header" not in shown:
        pytest.skip("this version of the instrumentation copies no headers")
    (fields,) = re.findall(r"(OTEL\w+SANITIZE_FIELDS)=([\w,-]+)", (ROOT / "docs" / PAGE).read_text("utf-8"))
    replaced, _ = await run_program(code, tmp_path, sandbox, **ALL_HEADERS, **dict([fields]))

    assert "http.request.header.x_api_key" in replaced
    assert where(sandbox, shown, replaced) == ["0"]


async def test_metrics_are_there_without_the_key(sandbox, tmp_path) -> None:
    """Retries, files, bytes and runs are counted."""
    told, complaints = await run_program(block_with(PAGE, "MetricsListener").code, tmp_path, sandbox, "-W", "error")

    names = {f"multicart.{name}" for name in ("retries", "files", "bytes", "runs", "sync.passes")}
    assert {name for name in names if f'"{name}"' in told} == names
    assert where(sandbox, told, complaints) == []


async def test_structlog_writes_lines_of_json_without_the_key(sandbox, tmp_path) -> None:
    """The library's records and the program's own, with their attributes as fields."""
    told, complaints = await run_program(block_with(PAGE, "structlog").code, tmp_path, sandbox, "-W", "error")

    lines = [json.loads(line) for line in told.splitlines()]
    retries = [line for line in lines if line["logger"] == "multicart_async"]
    assert {(line["level"], line["attempt"]) for line in retries} == {("info", 2)}
    assert all(line["path"] and line["error"] for line in retries)
    assert lines[-1].items() >= {"event": "mirrored", "logger": "shop", "runs": 2, "failures": 0}.items()
    assert where(sandbox, told, complaints) == []


async def test_sentry_gets_an_error_without_the_key(sandbox, tmp_path) -> None:
    """With tags, local variables and breadcrumbs; and the service gets no header of Sentry."""
    sandbox.faults.add("/schedules/get/", Envelope(404), times=None)
    code = SENTRY + block_with(PAGE, "sentry_sdk").code
    told, complaints = await run_program(code, tmp_path, sandbox, SENTRY_DSN="http://public@127.0.0.1:9/1")

    (event,) = [json.loads(line) for line in told.splitlines() if '"exception"' in line]
    assert event["tags"] == {"multicart.path": "/schedules/get/", "multicart.code": 404}
    assert any("vars" in frame for frame in event["exception"]["values"][-1]["stacktrace"]["frames"])
    assert [each for each in event["breadcrumbs"]["values"] if each["category"] == "httplib"]
    assert not [name for each in sandbox.requests for name in each.headers if "sentry" in name.lower()]
    assert where(sandbox, told, complaints) == []
