"""The system calls of a process that mirrors what is mirrored already."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
import sys

import pytest

TRACED = """
import asyncio, sys
from multicart_async import AsyncMultiCart

async def main():
    async with AsyncMultiCart() as client:
        report = await client.sync(sys.argv[1], runs="all")
    assert report.ok and report.files == 0 and report.skipped == 4, report

asyncio.run(main())
"""


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not here")
async def test_no_result_file_is_opened_to_know_that_it_is_there(sandbox, client, tmp_path, monkeypatch) -> None:
    """By the system calls of a process that mirrors what is mirrored already."""
    sandbox.add_collections(2, runs=2, items=5)
    mirror, log = tmp_path / "mirror", tmp_path / "calls"
    await client.sync(mirror, runs="all", files="both")
    monkeypatch.setenv("MULTICART_BASE_URL", sandbox.url)
    monkeypatch.setenv("MULTICART_API_KEY", sandbox.api_key)
    command = [
        "strace",
        "-f",
        "-qq",
        "-y",
        "-e",
        "trace=open,openat,openat2",
        "-o",
        log,
        sys.executable,
        "-c",
        TRACED,
        mirror,
    ]

    done = await in_process(command)

    if done.returncode and "ptrace" in done.stderr:
        pytest.skip("strace may not trace here")
    assert done.returncode == 0, done.stderr
    opened = re.findall(rf'openat\(\d+<{re.escape(str(mirror))}[^>]*>, "([^"]+)"', log.read_text())
    files = [name for name in opened if "." in name[1:]]
    assert {*files} == {"manifest.json"}
    assert len(files) == 4


async def in_process(command: list[object]) -> subprocess.CompletedProcess[str]:
    """A process that ends, while the sandbox goes on."""
    return await asyncio.to_thread(
        subprocess.run, [str(part) for part in command], capture_output=True, text=True, check=False, timeout=60
    )
