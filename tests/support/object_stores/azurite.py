"""Azurite: Microsoft's imitation of Azure Blob Storage. It keeps all in memory, and checks signatures."""

from __future__ import annotations

import base64
import hmac
import re
import shutil
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from email.utils import formatdate
from pathlib import Path
from typing import Self
from urllib.parse import parse_qsl

import attrs

from support.object_stores.children import running, wait_for
from support.object_stores.running import RunningServer, StoreBucket, StoreServer

__all__ = ["AZURITE", "AzureContainer"]

ACCOUNT = "devstoreaccount1"
KEY = (
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="  # documented by Azurite
)
_FLAGS = ("--inMemoryPersistence", "--skipApiVersionCheck", "--disableTelemetry", "--silent")


@attrs.frozen
class AzureContainer(StoreBucket):
    """A container, and the key of the account."""

    key: str = KEY

    @property
    def location(self) -> str:
        return f"az://{self.name}"

    def options(self) -> dict[str, str]:
        return {
            "account_name": ACCOUNT,
            "account_key": self.key,
            "endpoint": f"{self.endpoint}/{ACCOUNT}",
            "allow_http": "true",
        }

    def uploads(self) -> list[str]:
        listing = "comp=list&include=uncommittedblobs&restype=container"
        names = re.findall(r"<Name>(.*?)</Name>", _call("GET", self.url, self.name, listing))
        return sorted(set(names) - set(self.keys()))

    def with_wrong_key(self) -> Self:
        return attrs.evolve(self, key="d3Jvbmc=")

    @classmethod
    def create(cls, name: str, url: str) -> AzureContainer:
        """Make a new container on the server."""
        _call("PUT", url, name, "restype=container")
        return cls(name, url)


def _call(method: str, url: str, container: str, query: str) -> str:
    """Send one request without a body, signed as Azure documents it (Shared Key), and return the body of the answer."""
    headers = {"x-ms-date": formatdate(usegmt=True), "x-ms-version": "2023-11-03"}
    rows = "".join(f"{name}:{value}\n" for name, value in headers.items())
    asked = "".join(f"\n{name}:{value}" for name, value in sorted(parse_qsl(query)))
    text = method + "\n" * 12 + f"{rows}/{ACCOUNT}/{ACCOUNT}/{container}{asked}"
    signature = base64.b64encode(hmac.digest(base64.b64decode(KEY), text.encode(), "sha256")).decode()
    headers["Authorization"] = f"SharedKey {ACCOUNT}:{signature}"
    request = urllib.request.Request(f"{url}/{ACCOUNT}/{container}?{query}", method=method, headers=headers)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=30) as answer:
        return str(answer.read(), "utf-8")


def _program() -> str | None:
    made = Path(__file__).parents[3] / ".venv/azurite/node_modules/.bin/azurite-blob"
    return str(made) if made.exists() else shutil.which("azurite-blob")


@contextmanager
def _launch(program: str, folder: Path) -> Generator[RunningServer]:
    with running([program, *_FLAGS, "--blobHost", "127.0.0.1", "--blobPort", "0"], folder) as written:
        port = int(wait_for(written, r"successfully listens on http://127\.0\.0\.1:(\d+)")[1])
        yield RunningServer(port, AzureContainer.create)


AZURITE = StoreServer("Azurite", "make stores (it needs npm)", _program, _launch)
