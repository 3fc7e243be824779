"""What is the same for all servers: how they are described, and what a test has of one that runs."""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

import attrs

__all__ = ["RunningServer", "StoreBucket", "StoreServer", "names_of_settings", "no_retries"]

_NUMBERS = itertools.count(1)


def no_retries() -> Any:
    """The retry settings of obstore with which the first failure is the answer."""
    return {"max_retries": 0, "retry_timeout": timedelta(seconds=30)}


@attrs.frozen
class StoreBucket(ABC):
    """An empty bucket (of Azure: a container) on the server at *url*. Stores reach it by way of a proxy, if there is one."""

    name: str
    url: str
    proxy: str | None = None

    @property
    def endpoint(self) -> str:
        """Where stores send their requests."""
        return self.proxy or self.url

    @property
    @abstractmethod
    def location(self) -> str:
        """What a user writes: ``s3://bucket`` or ``az://container``."""

    @abstractmethod
    def options(self) -> dict[str, str]:
        """How to reach it and with which credentials, as `ObjectStoreSink.from_url` takes it."""

    @abstractmethod
    def uploads(self) -> list[str]:
        """The names of objects that have an upload which was neither completed nor aborted.

        Azure has no abort: there it is the names of which only uncommitted blocks are there, and nothing is seen of them.
        """

    @abstractmethod
    def with_wrong_key(self) -> Self:
        """The same bucket with a secret that the server does not know."""

    def through(self, url: str) -> Self:
        """The same bucket by way of the proxy at *url*; what the bucket itself tells is asked without it."""
        return attrs.evolve(self, proxy=url)

    def store(self, *, timeout: float = 30, prefix: str | None = None, retry_config: Any = None) -> Any:
        """A store of obstore, which does not retry unless *retry_config* says so. *timeout* in seconds is of one request."""
        from obstore.store import from_url  # noqa: PLC0415 -- the servers can be described without it

        config: Any = self.options()
        client: Any = {"allow_http": config.pop("allow_http"), "timeout": timedelta(seconds=timeout)}
        place = f"{self.location}/{prefix}" if prefix else self.location
        return from_url(place, config=config, client_options=client, retry_config=retry_config or no_retries())

    def keys(self) -> list[str]:
        """The names of all objects."""
        return sorted(row["path"] for rows in attrs.evolve(self, proxy=None).store().list() for row in rows)


@attrs.frozen
class RunningServer:
    """A server on *port*. It takes a name for a bucket and its own URL to make one."""

    port: int
    make_bucket: Callable[[str, str], StoreBucket]

    @property
    def url(self) -> str:
        """``http://127.0.0.1:PORT``."""
        return f"http://127.0.0.1:{self.port}"

    def new_bucket(self) -> StoreBucket:
        """An empty bucket of which no other test knows."""
        return self.make_bucket(f"bucket-{next(_NUMBERS)}", self.url)


@attrs.frozen
class StoreServer:
    """One kind of server. *program* is where it is, or None; *launch* takes that, and a folder for its files."""

    name: str
    install: str
    program: Callable[[], str | None]
    launch: Callable[[str, Path], AbstractContextManager[RunningServer]]

    def available(self) -> bool:
        """Whether it is installed."""
        return self.program() is not None

    def start(self, folder: Path) -> AbstractContextManager[RunningServer]:
        """Start it, and end it with the ``with``. All that it writes is in *folder*."""
        program = self.program()
        assert program is not None, f"{self.name} is not installed: {self.install}"
        return self.launch(program, folder)


def names_of_settings(environment: Mapping[str, str]) -> list[str]:
    """The names in an environment that stores read settings from."""
    return [
        name for name in environment if name.startswith(("AWS_", "AZURE_", "AZURITE_", "GOOGLE_", "MSI_", "IDENTITY_"))
    ]
