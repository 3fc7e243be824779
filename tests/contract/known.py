"""Hooks for Schemathesis: half of what it invents gets fields that the sandbox knows, and each success is noted.

Whether a case gets them, and which, follows from its content alone, so that a case is the same each time it is sent.
"""

from __future__ import annotations

import json
import os
import zlib
from pathlib import Path
from typing import Any

import schemathesis

KNOWN: dict[str, list[dict[str, Any]]] = json.loads(os.environ["CONTRACT_KNOWN"])
SUCCESSES = Path(os.environ["CONTRACT_SUCCESSES"])


def operation_id(case: Any) -> str:
    """The name of the endpoint in openapi.yaml."""
    name: str = case.operation.definition.raw["operationId"]
    return name


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
    """Put known fields into every other case."""
    known = KNOWN.get(operation_id(case))
    number = zlib.crc32(repr((case.body, case.path_parameters)).encode("utf-8", "replace"))
    if not known or number % 2:
        return
    chosen = known[number // 2 % len(known)]
    if isinstance(case.body, dict):
        case.body = {**case.body, **chosen}
    elif case.path_parameters:
        case.path_parameters = {**case.path_parameters, **chosen}


@schemathesis.hook
def after_call(context: Any, case: Any, response: Any) -> None:
    """Note the name of a call that has succeeded: only then is more checked than the shape of a refusal."""
    if response.status_code == 200 and not is_refusal(response):
        with SUCCESSES.open("a", encoding="utf-8") as file:
            file.write(operation_id(case) + "\n")


def is_refusal(response: Any) -> bool:
    """Whether an envelope says no."""
    if response.headers["content-type"] != ["application/json"]:
        return False
    answer = response.json()
    return isinstance(answer, dict) and answer.get("status") != 1
