"""Programs of a document as processes, on a sandbox."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

from multicart_async.sandbox import Sandbox
from support.documents import ROOT, Block, blocks


def block_with(name: str, text: str) -> Block:
    """The only block of ``docs/NAME`` that has that text."""
    (found,) = [block for block in blocks({name: (ROOT / "docs" / name).read_text("utf-8")}) if text in block.code]
    return found


async def run_program(code: str, folder: Path, sandbox: Sandbox, *options: str, **variables: str) -> tuple[str, str]:
    """What a program prints to its two streams; it must succeed. The examples are beside it."""
    environment = {
        **os.environ,
        "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'examples'}",
        "MULTICART_BASE_URL": sandbox.url,
        "MULTICART_API_KEY": sandbox.api_key,
        **variables,
    }
    (folder / "program.py").write_text(code)
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, *options, "program.py"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout, done.stderr
