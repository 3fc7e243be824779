"""One large file into one file, as others do it."""

from __future__ import annotations

import hashlib
import importlib.util
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from contenders.access import MIB, headers, places, trust


def floor(options: Mapping[str, Any]) -> None:
    """No HTTP library and no framework: the least that Python can do."""
    ((url, place),) = places(options)
    parts, context = urlsplit(url), trust(options)
    assert parts.hostname is not None
    plain = socket.create_connection((parts.hostname, parts.port))
    with context.wrap_socket(plain, server_hostname=parts.hostname) if context else plain as wire:
        head = f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nx-api-key: {options['key']}\r\n"
        wire.sendall(f"{head}Connection: close\r\n\r\n".encode())
        buffer = bytearray(MIB)
        view = memoryview(buffer)
        with place.open("wb", buffering=0) as file:
            got = wire.recv_into(buffer)
            start = buffer.index(b"\r\n\r\n") + 4
            file.write(view[start:got])
            while got := wire.recv_into(buffer):
                file.write(view[:got])


def sha256(options: Mapping[str, Any]) -> None:
    """Nothing but the SHA-256 of each file, from where it lies: to be taken off where a verified copy is compared."""
    buffer = bytearray(MIB)
    for source in Path(options["sources"]).read_text("utf-8").splitlines():
        digest = hashlib.sha256()
        with open(source, "rb", buffering=0) as file:  # noqa: PTH123 -- the least there is
            while got := file.readinto(buffer):
                digest.update(memoryview(buffer)[:got])


def huggingface(options: Mapping[str, Any]) -> None:
    """`http_get` of huggingface_hub."""
    from huggingface_hub import set_client_factory  # noqa: PLC0415
    from huggingface_hub.file_download import http_get  # noqa: PLC0415

    its_httpx = importlib.import_module("httpx2" if importlib.util.find_spec("httpx2") else "httpx")  # 2 has its own
    context = trust(options)
    set_client_factory(lambda: its_httpx.Client(verify=context or True, timeout=60))
    ((url, place),) = places(options)
    with place.open("wb") as file:
        http_get(url, file, headers=headers(options))
