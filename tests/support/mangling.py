"""What a hostile service does to one answer: its values, its bytes, its head, its framing, and how it comes over the wire."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Sequence
from typing import Any

import attrs
from hypothesis import strategies as st

from support.scanner import escapes

__all__ = ["Mangling", "Reply", "manglings"]

HOSTILE_VALUES: Sequence[Any] = (
    *(
        None,
        True,
        False,
        0,
        1,
        -1,
        2**53,
        2**53 + 1,
        -(2**63),
        2**61 - 1,
        10**400,
        1.5,
        1e308,
        float("nan"),
        float("inf"),
    ),
    *(
        "",
        "n/a",
        "1",
        "0",
        "true",
        "2026-13-45T99:99:99Z",
        "\x1b]52;c;AAAA\x07\x1b[31m",
        "\u202e\u2066txt.exe",
        "\ud800",
    ),
    *("a\r\nSet-Cookie: x=1", "../../etc/passwd", "x" * 70_000, "//other.example/x", "http://127.0.0.1:9/x"),
    *([], {}, [[]], [None], [1, "2", {}], {"error": "x"}, {"": {"": {}}}, [[[[[[[[[[]]]]]]]]]]),
)
HOSTILE_BODIES: Sequence[bytes] = (
    *(b"", b"null", b"[]", b"{}", b"0", b'"', b"[", b"{" * 5_000, b"[" * 5_000, b"\xff\xfe\x00", b"\x00" * 100),
    *(b"<html>" + b"x" * 5_000, b'{"status": 1}', b'{"status": 0}', b'{"status": 1, "code": 200, "data": null}'),
    *(b'{"status": 1, "data": [' + b"{}," * 20_000 + b"{}]}", b'{"status":1,"data":"' + b"\\u0000" * 20_000 + b'"}'),
    *(
        b"%PDF-1.7\n%%EOF",
        b"PK\x05\x06" + b"\x00" * 18,
        b"PK\x03\x04" + b"\x00" * 400,
        b"\x1f\x8b\x08\x00" + b"\x00" * 30,
    ),
    *(
        b'[{"asin": "B0", "x": "' + b"y" * 300_000 + b'"}]',
        b'[{"asin": 1}, 2, "3", null, NaN, {"a": ' + b"9" * 5_000 + b"}]",
    ),
)
HOSTILE_HEADERS: Sequence[tuple[str, str]] = (
    *(
        ("Retry-After", text)
        for text in ("0", "-1", "1e9", "99999999", "Wed, 31 Jun 2026 07:28:00 GMT", "soon", "0.001")
    ),
    *(
        ("Location", text)
        for text in ("/", "//other.example/", "http://[", "https://127.0.0.1:9/", "?x", "\\\\x", "a b")
    ),
    *(("Content-Type", text) for text in ("text/html", "application/json; charset=utf-16", "x", "multipart/form-data")),
    *(("Content-Encoding", text) for text in ("gzip", "deflate", "br", "zstd", "gzip, gzip", "identity", "x-none")),
    *(("X-Request-Id", text) for text in ("\x1b[2J", "x" * 5_000, "\xff", "")),
    *(
        ("Set-Cookie", "session=1; Domain=127.0.0.1"),
        ("Connection", "close"),
        ("ETag", '"1"'),
        ("Accept-Ranges", "bytes"),
    ),
    *(("Content-Range", "bytes 0-5/6"), ("Transfer-Encoding", "gzip, chunked"), ("Transfer-Encoding", "identity")),
    *(("X-Long", "x" * 30_000), ("X-Very-Long", "x" * 100_000), ("Bad Name", "x"), ("X-Control", "a\x00b"), ("", "x")),
)
STATUSES = (
    200,
    200,
    200,
    100,
    101,
    103,
    201,
    204,
    206,
    301,
    302,
    304,
    307,
    308,
    400,
    401,
    402,
    403,
    404,
    408,
    409,
    413,
    416,
)
LATE_STATUSES = (421, 425, 429, 451, 499, 500, 502, 503, 504, 520, 599, 600, 999)
FRAMINGS = (
    "length",
    "length",
    "length",
    "chunked",
    "close",
    "longer",
    "shorter",
    "extensions",
    "two lengths",
    "no end",
    "smuggled",
)
DELIVERIES = ("whole", "whole", "whole", "pieces", "reset", "fin", "hang", "interim", "drip", "twice")


@attrs.frozen
class Reply:
    """Pieces of bytes, and what comes after them: ``keep``, ``close``, ``reset`` or ``hang``."""

    pieces: tuple[bytes, ...]
    end: str = "keep"
    pause: float = 0.0


@attrs.frozen
class Mangling:
    """What is done to one answer; what is ``None`` is left as it was. *chance* decides where.

    *value*, *body*, *headers* are places in the lists above, which are long to show.
    """

    chance: int
    value: int = 0
    changes: int = 0
    body: int | bytes | None = None
    echo: int | None = None
    damage: str | None = None
    status: int | None = None
    headers: tuple[int, ...] = ()
    framing: str = "length"
    delivery: str = "whole"
    bomb: bool = False

    def reply(self, status: int, body: bytes, secrets: Sequence[str]) -> Reply:
        """What is sent in the place of an answer with that *status* and *body*."""
        chance = random.Random(self.chance)
        body = self._content(body, chance, secrets)
        head = f"HTTP/1.1 {self.status or status} {chance.choice(['OK', '', 'x' * 200, secrets[0]])}\r\n"
        headers = [("Content-Type", "application/json"), *(HOSTILE_HEADERS[place] for place in self.headers)]
        if self.bomb:
            body = _bomb()
            headers.append(("Content-Encoding", "gzip"))
        framing, body = _framed(self.framing, body, chance)
        lines = "".join(f"{name}: {value}\r\n" for name, value in [*headers, *framing])
        return self._delivered((head + lines + "\r\n").encode("latin-1", "replace"), body, chance)

    def _content(self, body: bytes, chance: random.Random, secrets: Sequence[str]) -> bytes:
        if self.body is not None:
            body = HOSTILE_BODIES[self.body] if isinstance(self.body, int) else self.body
        if self.changes or self.echo is not None:
            body = _changed(body, self, chance, secrets)
        if self.damage == "cut":
            body = body[: chance.randrange(len(body) + 1)]
        elif self.damage == "flip" and body:
            place = chance.randrange(len(body))
            body = body[:place] + bytes([body[place] ^ (1 << chance.randrange(8))]) + body[place + 1 :]
        elif self.damage == "again":
            body *= 2
        elif self.damage == "tail":
            body += chance.choice([b"\x00" * 50, b" " * 50, b"]", b"{}", b"\n[]"])
        return body

    def _delivered(self, head: bytes, body: bytes, chance: random.Random) -> Reply:
        end = "close" if self.framing in {"close", "two lengths", "shorter", "smuggled"} else "keep"
        whole = head + body
        cut = chance.randrange(len(whole) + 1)
        match self.delivery:
            case "reset" | "hang":
                return Reply((whole[:cut],), self.delivery)
            case "fin":
                return Reply((whole[:cut],), "close")
            case "interim":
                return Reply((b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * chance.randrange(1, 4), whole), end)
            case "pieces":
                size = max(1, len(whole) // chance.randrange(2, 30))
                return Reply(tuple(whole[start : start + size] for start in range(0, len(whole), size)), end)
            case "drip":
                return Reply((head, *(body[place : place + 1] for place in range(min(len(body), 40)))), "close", 0.01)
            case "twice":  # an answer without a request
                return Reply((whole, whole), end)
        return Reply((whole,), end)


def _bomb() -> bytes:
    """40 KB that unpack to 40 MB."""
    return gzip.compress(b"[" + b" " * (40 << 20) + b"]", 9)


def _framed(framing: str, body: bytes, chance: random.Random) -> tuple[list[tuple[str, str]], bytes]:
    length = [("Content-Length", str(len(body)))]
    match framing:
        case "chunked":
            return [("Transfer-Encoding", "chunked")], _chunked(body, chance, b"")
        case "extensions":
            return [("Transfer-Encoding", "chunked")], _chunked(body, chance, b";x=" + b"y" * chance.randrange(1_000))
        case "no end":
            return [("Transfer-Encoding", "chunked")], _chunked(body, chance, b"")[:-5]
        case "close":
            return [("Connection", "close")], body
        case "longer":
            return [("Content-Length", str(chance.choice([len(body) + 1, 10**9, 10**30])))], body
        case "shorter":
            return [("Content-Length", str(chance.choice([0, len(body) // 2])))], body
        case "two lengths":
            return [*length, ("Content-Length", chance.choice(["0", "-5", "+7", "0x10", ""]))], body
        case "smuggled":
            return length, body + b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
    return length, body


def _chunked(body: bytes, chance: random.Random, extension: bytes) -> bytes:
    size = max(1, len(body) // chance.randrange(1, 6))
    parts = [body[start : start + size] for start in range(0, len(body), size)]
    return b"".join(b"%x%b\r\n%b\r\n" % (len(part), extension, part) for part in parts) + b"0\r\n\r\n"


def _changed(body: bytes, mangling: Mangling, chance: random.Random, secrets: Sequence[str]) -> bytes:
    """*body* with other values in some places of its JSON; as it is where it is none."""
    try:
        tree: Any = json.loads(body)
    except (ValueError, RecursionError):
        return body
    places: list[tuple[Any, Any]] = []
    _walk(tree, places, 5_000)
    for _ in range(mangling.changes):
        if places:
            owner, key = chance.choice(places)
            owner[key] = HOSTILE_VALUES[mangling.value]
    text = json.dumps(tree)
    if mangling.echo is not None and isinstance(tree, dict) and "status" in tree:
        tree["status"] = 0  # a refusal: the values of a success are handed on as they came
        forms = [*escapes(chance.choice(secrets)).items()]
        name, form = forms[mangling.echo % len(forms)]
        secret = form if name.startswith("JSON") else json.dumps(form)[1:-1]
        marker = "ECHOED"
        owner, key = chance.choice(places)
        owner[key] = f"you sent {marker}, which is wrong"
        text = json.dumps(tree).replace(marker, secret)
    return text.encode("utf-8", "surrogatepass")


def _walk(tree: Any, places: list[tuple[Any, Any]], left: int) -> None:
    waiting = [tree]
    while waiting and len(places) < left:
        node = waiting.pop()
        pairs = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
        for key, value in pairs:
            places.append((node, key))
            if isinstance(value, dict | list):
                waiting.append(value)


def manglings() -> st.SearchStrategy[Mangling]:
    """One in four answers is left as it is; the others suffer one thing or several."""
    chance = st.integers(0, 2**32)
    values = st.integers(0, len(HOSTILE_VALUES) - 1)
    headers = st.lists(st.integers(0, len(HOSTILE_HEADERS) - 1), max_size=3).map(tuple)
    statuses = st.sampled_from((*STATUSES, *LATE_STATUSES))
    hurt = st.builds(
        Mangling,
        chance=chance,
        value=values,
        changes=st.sampled_from([0, 0, 1, 1, 2, 5, 50]),
        body=st.none() | st.none() | st.integers(0, len(HOSTILE_BODIES) - 1) | st.binary(max_size=200),
        echo=st.none() | st.integers(0, 12),
        damage=st.sampled_from([None, None, None, "cut", "flip", "again", "tail"]),
        status=st.none() | statuses,
        headers=headers,
        framing=st.sampled_from(FRAMINGS),
        delivery=st.sampled_from(DELIVERIES),
        bomb=st.sampled_from([False] * 15 + [True]),
    )
    one_thing = (  # alone it gets further than with others
        st.builds(Mangling, chance=chance, value=values, changes=st.just(1)),
        st.builds(Mangling, chance=chance, echo=st.integers(0, 12), status=st.sampled_from([None, 400, 500])),
        st.builds(Mangling, chance=chance, damage=st.sampled_from(["cut", "flip", "again", "tail"])),
        st.builds(Mangling, chance=chance, framing=st.sampled_from(FRAMINGS)),
        st.builds(Mangling, chance=chance, delivery=st.sampled_from(DELIVERIES)),
        st.builds(Mangling, chance=chance, headers=headers),
        st.builds(Mangling, chance=chance, status=statuses),
    )
    plain = st.builds(Mangling, chance=chance)
    return st.one_of(plain, st.one_of(*one_thing), st.one_of(*one_thing), hurt)
