"""openapi.yaml as Python values, for the checks beside it."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import attrs
import yaml

OPENAPI = Path(__file__).with_name("openapi.yaml")


@attrs.frozen
class Operation:
    """One endpoint of the contract."""

    method: str
    path: str
    raw: dict[str, Any] = attrs.field(repr=False)

    @property
    def id(self) -> str:
        """The name that the documentation's endpoint has here: ``collections.create``."""
        name: str = self.raw["operationId"]
        return name

    @property
    def answer(self) -> dict[str, Any] | None:
        """The media type of an answer that comes in an envelope; ``None`` where bytes come."""
        content = resolved(self.raw["responses"]["200"])["content"]
        return dict(content["application/json"]) if len(content) == 1 else None

    @property
    def body(self) -> dict[str, Any] | None:
        """The media type of the request's body, with its schema; ``None`` where nothing is sent."""
        for media in self.raw.get("requestBody", {}).get("content", {}).values():
            return dict(media)
        return None

    def fits(self, method: str, path: str) -> bool:
        """Whether a request belongs here: the method, and the path to its last slash."""
        pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(self.path))
        return method == self.method and re.fullmatch(pattern, path, re.DOTALL) is not None


@cache
def document() -> dict[str, Any]:
    """The whole of openapi.yaml, to be read only."""
    loaded: dict[str, Any] = yaml.safe_load(OPENAPI.read_text("utf-8"))
    return loaded


def operations() -> tuple[Operation, ...]:
    """Every endpoint of openapi.yaml, in its order."""
    return tuple(
        Operation(method.upper(), path, raw)
        for path, methods in document()["paths"].items()
        for method, raw in methods.items()
    )


def resolved(value: dict[str, Any]) -> dict[str, Any]:
    """What a ``$ref`` names, or the value itself."""
    if "$ref" not in value:
        return value
    found: Any = document()
    for step in value["$ref"].removeprefix("#/").split("/"):
        found = found[step]
    return dict(found)
