"""The envelope of nearly every response, and the failures that it can hold."""

from __future__ import annotations

import json

OK = 200
BAD_REQUEST = 400
UNAUTHORIZED = 401
INSUFFICIENT_CREDITS = 402
FORBIDDEN = 403
NOT_FOUND = 404
METHOD_NOT_ALLOWED = 405
CONFLICT = 409

NOT_FOUND_PAGE = b"""
<!doctype html>
<html lang="en">
<head>
  <title>Not Found</title>
</head>
<body>
  <h1>Not Found</h1><p>The requested resource was not found on this server.</p>
</body>
</html>
"""


class ApiFailure(RuntimeError):  # noqa: N818 - a response of the service, not a bug
    """A failure that the service reports: a code and a sentence."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"{code}: {text}")
        self.code = code
        self.text = text


def success(data: object) -> bytes:
    """Return the envelope of a successful response."""
    return dump({"code": OK, "data": data, "status": 1})


def failure(code: int, data: object) -> bytes:
    """Return the envelope of a failure; *data* is a sentence."""
    return dump({"code": code, "data": data, "status": 0})


def dump(value: object) -> bytes:
    """Return JSON as the service's framework writes it: compact, UTF-8 unescaped."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
