"""A service with known files: nginx in front of a sandbox, or the sandbox alone."""

from __future__ import annotations

import http.client
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote, urlsplit

import attrs

from harness.account import Account, Plan
from harness.nginx import Nginx, Tls
from harness.race import FailedError

RUNS = "/schedules/collections/results/download/"
_PIECE = 1 << 20


@attrs.frozen
class Page:
    """A result file: where it is, where the service's own place for it is below the root, and how large it is."""

    url: str
    place: str
    size: int


class Site:
    """What the contenders talk to. Enter it to start it; everything is ended and removed when it is left."""

    def __init__(
        self,
        plan: Plan,
        folder: Path,
        environment: Mapping[str, str],
        *,
        server: str,
        https: bool,
        answer_runs: bool = False,
    ) -> None:
        self._plan = plan
        self._folder = folder
        self._environment = environment
        self._server = server
        self._https = https
        self._answer_runs = answer_runs
        self._open = ExitStack()
        self._nginx: Nginx | None = None
        self.pages: list[Page] = []
        self._tls: Tls | None = None

    def __enter__(self) -> Self:
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True)
        self._open.callback(shutil.rmtree, self._folder, ignore_errors=True)
        try:
            self._start()
        except BaseException:
            self._open.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def _start(self) -> None:
        tls = self._tls = Tls.made(self._folder) if self._https else None
        if self._server == "nginx":
            self._nginx = Nginx(self._folder, tls)
            self.account = self._open.enter_context(Account(self._plan, self._environment, links_base=self._nginx.url))
            answers = self._fill(self._nginx.root / self._nginx.results, None)
            self._open.callback(self._nginx.end)
            self._nginx.start(self.account.url, answers if self._answer_runs else {})
            self.url = self._nginx.url
        else:
            files = [os.fspath(tls.certificate), os.fspath(tls.key)] if tls else []
            self.account = self._open.enter_context(Account(self._plan, self._environment, tls=files))
            self.url = self.account.url
            self._fill(None, self._tls)
        self.authority = os.fspath(tls.authority) if tls else None
        self.list = self._folder / "pages"
        self.list.write_text("".join(f"{page.url}\t{page.size}\n" for page in self.pages), "utf-8")
        self.requests()

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(page.size for page in self.pages)

    @property
    def options(self) -> dict[str, Any]:
        """What a contender in Python must know."""
        return {
            "base": self.url,
            "key": self.account.key,
            "authority": self.authority,
            "pages": os.fspath(self.list),
            "ids": self.account.ids if len(self.account.ids) == 1 else None,
        }

    def source(self) -> str:
        """The first file, as it lies beside the service; fetched once if the service makes it while it sends it."""
        if self._nginx is not None:
            return os.fspath(self._nginx.root / self._nginx.results / self.pages[0].place)
        place = self._folder / "source.json"
        parts = urlsplit(self.url)
        assert parts.port is not None
        connection = _connection(parts.scheme, parts.port, self._tls)
        self._keep(connection, urlsplit(self.pages[0].url).path, place)
        connection.close()
        self.requests()
        return os.fspath(place)

    def sources(self) -> str:
        """A list of all files as they lie beside the service; without nginx it has the first one, as often."""
        if self._nginx is None:
            found = [self.source()] * len(self.pages)
        else:
            found = [os.fspath(self._nginx.root / self._nginx.results / page.place) for page in self.pages]
        place = self._folder / "sources"
        place.write_text("".join(f"{name}\n" for name in found), "utf-8")
        return os.fspath(place)

    def check_size(self, folder: Path) -> None:
        """Raises unless the folder has the bytes of all files, and at most a little besides: a manifest."""
        sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
        pages = sum(1 for size in sizes if size == self.pages[0].size)
        if pages < len(self.pages):
            raise FailedError(f"{pages} of {len(self.pages)} files are there, of the right size")

    def requests(self) -> dict[str, int]:
        """How many requests there were since the last time: for files, and for everything else."""
        counts = self.account.requests()
        files = sum(count for path, count in counts.items() if path.startswith("/results/"))
        calls = sum(counts.values()) - files
        return {"calls": calls, "files": self._nginx.files_asked() if self._nginx else files}

    def _fill(self, root: Path | None, tls: Tls | None) -> dict[str, str]:
        """Learn what files there are, and put them into *root*; the answer about the first collection's runs."""
        place = urlsplit(self.account.url)
        assert place.port is not None
        connection = _connection(place.scheme, place.port, tls)
        answers: dict[str, str] = {}
        for number in self.account.ids:
            asked = json.dumps({"collection_id": number, "skip": 0, "limit": 50})
            answer = self._ask(connection, "POST", place.path + RUNS, asked).read().decode()
            answers = answers or {RUNS: answer}
            for link in _links(answer):
                raw = link.partition("/results/")[2]
                path = f"{place.path}/results/{quote(raw)}"
                size = self._measure(connection, path) if root is None else 0
                if root is not None:
                    size = self._keep(connection, path, root / raw)
                self.pages.append(Page(f"{link.partition('/results/')[0]}/results/{quote(raw)}", raw, size))
        connection.close()
        return answers

    def _measure(self, connection: http.client.HTTPConnection, path: str) -> int:
        if self.pages:
            return self.pages[0].size  # they all have one size
        return len(self._ask(connection, "GET", path).read())

    def _keep(self, connection: http.client.HTTPConnection, path: str, place: Path) -> int:
        place.parent.mkdir(parents=True, exist_ok=True)
        answer = self._ask(connection, "GET", path)
        with place.open("wb") as file:
            while piece := answer.read(_PIECE):
                file.write(piece)
        return place.stat().st_size

    def _ask(
        self, connection: http.client.HTTPConnection, method: str, path: str, body: str | None = None
    ) -> http.client.HTTPResponse:
        headers = {"x-api-key": self.account.key, "Content-Type": "application/json"}
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        if answer.status != 200:
            raise RuntimeError(f"{method} {path}: status {answer.status}")
        return answer


def _links(answer: str) -> Iterator[str]:
    for run in json.loads(answer)["data"]:
        yield from run["download_links"]["pages"]


def _connection(scheme: str, port: int, tls: Tls | None) -> http.client.HTTPConnection:
    if scheme == "http":
        return http.client.HTTPConnection("127.0.0.1", port)
    import ssl  # noqa: PLC0415 -- most sites do without

    assert tls is not None
    return http.client.HTTPSConnection("127.0.0.1", port, context=ssl.create_default_context(cafile=tls.authority))
