"""moto: an imitation of AWS in Python. It keeps all in memory and checks no signatures."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from support.object_stores.children import running, wait_for
from support.object_stores.running import RunningServer, StoreServer
from support.object_stores.s3 import S3Bucket

__all__ = ["MOTO"]


def _program() -> str | None:
    return sys.executable if find_spec("moto") else None


@contextmanager
def _launch(program: str, folder: Path) -> Generator[RunningServer]:
    with running([program, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"], folder) as written:
        port = int(wait_for(written, r"Running on http://127\.0\.0\.1:(\d+)")[1])
        yield RunningServer(port, S3Bucket.create)


MOTO = StoreServer("moto", "pip install 'moto[server,s3]'", _program, _launch)
