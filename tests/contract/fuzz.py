"""Schemathesis against the sandbox: whatever is sent, the answer is one that openapi.yaml allows, and never a 5xx.

    python tests/contract/fuzz.py

The same cases each time. Each endpoint must have succeeded at least once. At the end, a sandbox that answers wrongly on
purpose must be found out, or the check itself is wrong.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
import tempfile
from collections import Counter
from pathlib import Path

from furniture import furnished, known
from openapi import OPENAPI, operations

from multicart_async.sandbox import Sandbox
from multicart_async.sandbox.faults import Content, Fault, Status

HERE = Path(__file__).parent
TIME_LIMIT = 300.0  # seconds for one run of Schemathesis, which wants about twenty
CASES = 60  # invented for each endpoint, beside the corner cases that the schema names
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
MISNAMED = json.dumps({"code": 200, "data": {"id": 101, "title": "AU Laptops"}, "status": 1}).encode()

WRONG: tuple[tuple[str, Fault, str], ...] = (
    ("an answer with another field", Content(MISNAMED, "application/json"), "Response violates schema"),
    ("an answer without an envelope", Content(b"[]", "application/json"), "Response violates schema"),
    ("an answer of another kind", Content(b"<p>No", "text/html"), "Undocumented Content-Type"),
    ("a server that breaks down", Status(500), "Server error"),
    ("a status that is not documented", Status(418), "Undocumented status code"),
)
"""What must be found out, and the words for it."""


async def schemathesis(sandbox: Sandbox, folder: Path, *options: str, fields: object) -> tuple[int, str]:
    """The exit status of one run, and what it said. Its files go to *folder*."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(HERE), *filter(None, [os.environ.get("PYTHONPATH")])]),
        "CONTRACT_KNOWN": json.dumps(fields),
        "CONTRACT_SUCCESSES": str(folder / "successes"),
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(HERE / "schemathesis.toml"), "run"),
        *("--url", sandbox.url, "--header", f"x-api-key: {sandbox.api_key}", "--checks", CHECKS),
        *("--generation-deterministic", "--warnings", "off", "--no-color", *options, str(OPENAPI)),
        cwd=folder,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(TIME_LIMIT):
            said, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return process.returncode, said.decode(errors="replace")


async def conforms(folder: Path) -> list[str]:
    """What is wrong with the answers of the sandbox, and endpoints that none of the cases reached."""
    async with Sandbox(instant=True, credits=10**9) as sandbox:
        fields = known(await furnished(sandbox))
        options = ("--phases", "examples,coverage,fuzzing", "--max-examples", str(CASES), "--continue-on-failure")
        status, said = await schemathesis(sandbox, folder, *options, fields=fields)
    say(said)
    wrong = [f"Schemathesis ended with {status}"] if status else []
    successes = Counter((folder / "successes").read_text("utf-8").split())
    wrong += [f"never succeeded: {operation.id}" for operation in operations() if not successes[operation.id]]
    say(f"Schemathesis: {len(successes)} endpoints succeeded, each {min(successes.values())} times or more")
    return wrong


async def notices(folder: Path) -> list[str]:
    """Wrong answers that nobody noticed; there should be none."""
    unnoticed: list[str] = []
    for name, fault, words in WRONG:
        async with Sandbox(instant=True) as sandbox:
            sandbox.faults.add("/schedules/get/", fault, times=None)
            options = ("--include-path", "/schedules/get/", "--phases", "examples", "--max-examples", "1")
            status, said = await schemathesis(sandbox, folder, *options, fields={})
        if status != 1 or words not in said:
            say(said)
            unnoticed.append(f"not noticed: {name}")
        else:
            say(f"  found out, as it must be: {name}: {words}")
    return unnoticed


def say(text: str) -> None:
    """A text, now."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


async def fuzz(folder: Path) -> list[str]:
    """All that is wrong."""
    return await conforms(folder) + await notices(folder)


def main() -> int:
    """The exit status: 0 when nothing is wrong."""
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)  # Schemathesis begins with a header that is none
    with tempfile.TemporaryDirectory() as folder:
        wrong = asyncio.run(fuzz(Path(folder)))
    for line in wrong:
        say(f"- {line}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
