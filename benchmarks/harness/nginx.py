"""One nginx: files from a folder with sendfile, everything else from a sandbox behind it, http or https."""

from __future__ import annotations

import os
import pwd
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import attrs

from harness.machine import missing_tool

PREFIX = "/api/v1"
_PLACES = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


class MissingError(Exception):
    """Something that a benchmark cannot do without is not there; *without* are options that do without it."""

    def __init__(self, text: str, without: str = "") -> None:
        super().__init__(text)
        self.without = without


def look_for_nginx() -> None:
    """Raises `MissingError` unless there is one."""
    missing = missing_tool("nginx")
    if missing:
        raise MissingError(missing, without="--server sandbox")


@attrs.frozen
class Tls:
    """A throwaway certificate for 127.0.0.1: files of the authority, the certificate, the key."""

    authority: Path
    certificate: Path
    key: Path

    @classmethod
    def made(cls, folder: Path) -> Tls:
        """A new one.

        Raises:
            MissingError: trustme, which makes it, is not installed.
        """
        try:
            import trustme  # noqa: PLC0415 -- plain http does without
        except ImportError:
            raise MissingError("https needs trustme: pip install --group bench") from None
        authority = trustme.CA()
        issued = authority.issue_cert("127.0.0.1", "localhost")
        made = cls(folder / "authority.pem", folder / "certificate.pem", folder / "key.pem")
        authority.cert_pem.write_to_path(made.authority)
        for number, blob in enumerate(issued.cert_chain_pems):
            blob.write_to_path(made.certificate, append=number > 0)
        issued.private_key_pem.write_to_path(made.key)
        return made


class Nginx:
    """A running nginx of our own, ended by its id when it is left."""

    def __init__(self, folder: Path, tls: Tls | None) -> None:
        self._folder = folder
        self._tls = tls
        self._port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.root = folder / "www"
        self.results = f"{PREFIX.strip('/')}/results"
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self._port}{PREFIX}"

    def start(self, behind: str, canned: Mapping[str, str] = {}) -> Self:
        """Serve the folder ``root``; what is not in it is asked of the sandbox *behind*, what is *canned* is answered."""
        self.root.mkdir(parents=True, exist_ok=True)
        settings = self._folder / "nginx.conf"
        settings.write_text(self._settings(behind, canned), "utf-8")
        log = self._folder / "error.log"
        command = ["nginx", "-e", os.fspath(log), "-p", os.fspath(self._folder), "-c", os.fspath(settings)]
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self._port)) == 0:
                    return self
            if self._process.poll() is not None:
                break
            time.sleep(0.05)
        self.end()
        raise MissingError(
            f"nginx did not start: {log.read_text('utf-8')[-500:] if log.exists() else 'no reason given'}"
        )

    def end(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=30)

    def files_asked(self) -> int:
        """How many requests for files there were since the last time."""
        log = self._folder / "files.log"
        count = len(log.read_text("ascii").splitlines()) if log.exists() else 0
        os.truncate(log, 0)
        return count

    def _settings(self, behind: str, canned: Mapping[str, str]) -> str:
        user = f"user {pwd.getpwuid(0).pw_name};" if os.geteuid() == 0 else ""  # its workers must read our folder
        places = "\n".join(f"  {name}_temp_path {self._folder}/{name};" for name in _PLACES)
        tls = self._tls
        secure = f"    ssl_certificate {tls.certificate};\n    ssl_certificate_key {tls.key};\n" if tls else ""
        answers = "\n".join(
            f"    location = {PREFIX}{path} {{ default_type application/json; return 200 '{answer}'; }}"
            for path, answer in canned.items()
        )
        return _SETTINGS.format(
            user=user,
            folder=self._folder,
            places=places,
            port=self._port,
            mode=" ssl" if tls else "",
            secure=secure,
            root=self.root,
            answers=answers,
            behind=behind.removesuffix(PREFIX),
            authority=behind.removesuffix(PREFIX).partition("://")[2],
            prefix=PREFIX,
        )


_SETTINGS = """\
{user}
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
events {{ worker_connections 1024; }}
http {{
{places}
  access_log off;
  log_format short '$status';
  sendfile on;
  tcp_nopush on;
  keepalive_requests 1000000;
  upstream behind {{ server {authority}; keepalive 32; }}
  server {{
    listen 127.0.0.1:{port}{mode};
{secure}
    location {prefix}/results/ {{
      root {root};
      default_type application/json;
      access_log {folder}/files.log short;
    }}
{answers}
    location {prefix}/ {{
      proxy_pass http://behind;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host; # a sandbox answers to its own names alone
    }}
  }}
}}
"""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
