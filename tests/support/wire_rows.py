"""Rows as the service writes them, and a service that answers by path instead of from a script."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import anyio.lowlevel

from multicart_async._http import MultipartForm, Response
from multicart_async.errors import APIConnectionError
from support.fakes import FakeTransport, ok, refused

RUN = "/schedules/run/result/"
RUNS = "/schedules/collections/results/download/"
GET = "/schedules/get/"
RESULT = "/schedules/amazon/category/result/"
BASE = "https://multicartapi.com/api/v1"


def collection_row(number: int = 101, status: str = "Processing", **fields: object) -> dict[str, Any]:
    """A collection as `/schedules/get/` answers it."""
    return {"id": number, "name": "AU Laptops", "status": "enable", "schedule_status": status, **fields}


def run_row(number: int, *, collection: int = 101, finished: bool = False, pages: int = 1) -> dict[str, Any]:
    """A run in the list of runs; its links are there when it is finished."""
    folder = f"{BASE}/results/{collection}/{number}/AU Laptops_{number}_Results"
    links = {
        "pages": [f"{folder}_Page_{page}.json" for page in range(1, pages + 1)],
        "all_pages": f"{folder}_All_Pages.zip" if pages else "",
    }
    return {
        "id": number,
        "collection": collection,
        "is_download_generated": finished,
        "download_links": links if finished else {"pages": [], "all_pages": ""},
    }


def category_row(
    number: int = 412, *, collection: int = 20326, finished: bool = False, **fields: object
) -> dict[str, Any]:
    """A category scrape as `/result/` answers it, inside of its array of one."""
    stage = "done" if finished else "scraping"
    return {"id": number, "collection": collection, "is_download_generated": finished, "stage": stage, **fields}


def lost(path: str = "/") -> APIConnectionError:
    """A request that went out and got no answer."""
    return APIConnectionError(path, "the connection broke")


def unsent(path: str = "/") -> APIConnectionError:
    """A request that did not go out."""
    return APIConnectionError(path, "cannot connect", sent=False)


Answer = Callable[[dict[str, Any]], Response | Exception]


class ByPath(FakeTransport):
    """Answers each path with what its function makes of the fields, at the moment when the request arrives."""

    def __init__(self, answers: Mapping[str, Answer]) -> None:
        super().__init__()
        self.answers = dict(answers)

    async def post(
        self, path: str, body: bytes | MultipartForm, *, new_connection: bool = False, public: bool = False
    ) -> Response:
        """The answer of that path."""
        assert isinstance(body, bytes)
        fields = json.loads(body)
        self.sent.append((path, fields))
        self.fresh.append(new_connection)
        answer = self.answers[path](fields)
        await anyio.lowlevel.checkpoint()
        if isinstance(answer, Exception):
            raise answer
        return answer

    def count(self, path: str) -> int:
        """How many requests of that path there were."""
        return sum(path == sent for sent, _ in self.sent)


def pages_of(rows: list[dict[str, Any]]) -> Answer:
    """Answers ``skip`` and ``limit`` from *rows*, as they are at the moment."""
    return lambda fields: ok(rows[fields["skip"] :][: fields["limit"]])


def each_look(*looks: Response | Exception | list[Any]) -> Answer:
    """Answers the first page of one look after the other, the last one stays; further pages are the rest of that look."""
    left = list(looks)
    now: list[Response | Exception | list[Any]] = []

    def answer(fields: dict[str, Any]) -> Response | Exception:
        if not fields["skip"]:
            now[:] = [left.pop(0) if len(left) > 1 else left[0]]
        return now[0] if isinstance(now[0], Response | Exception) else pages_of(now[0])(fields)

    return answer


def in_turn(*answers: Response | Exception | dict[str, Any] | list[Any]) -> Answer:
    """Answers one after the other; the last one stays."""
    left = list(answers)

    def answer(_: dict[str, Any]) -> Response | Exception:
        found = left.pop(0) if len(left) > 1 else left[0]
        return found if isinstance(found, Response | Exception) else ok(found)

    return answer


__all__ = [
    "BASE",
    "GET",
    "RESULT",
    "RUN",
    "RUNS",
    "Answer",
    "ByPath",
    "category_row",
    "collection_row",
    "each_look",
    "in_turn",
    "lost",
    "ok",
    "pages_of",
    "refused",
    "run_row",
    "unsent",
]
