"""``client.asins.export_csv``: the inverse of ``import_csv``, there whole or not at all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.fakes import FakeTransport, ok, refused
from support.groups import groups_over
from support.wire_rows import ByPath, pages_of

from multicart_async._http import MultipartForm, Response
from multicart_async.errors import APIError, ArgumentError, DiskError, InvalidResponseError
from multicart_async.sandbox import Sandbox

LIST = "/schedules/amazon/asin/list/"
HEADER = "domain,customer_postcode,asin,include_raw_html\n"
CSV = f"{HEADER}amazon.com.au,4500,B0DJQQ38TG,true\namazon.com.au,0800,B0ABC12345,false\n".encode()


def row(number: int, **fields: object) -> dict[str, Any]:
    """A row as the list has it."""
    joined = {"domain": {"id": 1, "domain": "amazon.com.au"}, "customer_postcode": {"id": 15, "zipcode": "0800"}}
    return {"id": number, "asin": f"B{number}", **joined, "include_raw_html": False, **fields}


def line(number: int) -> str:
    """The same in the CSV."""
    return f"amazon.com.au,0800,B{number},false\n"


def names_in(folder: Path) -> list[str]:
    """Everything in a folder, temporary files too."""
    return [path.name for path in folder.iterdir()]


class Watched(FakeTransport):
    """Looks at something before each answer."""

    def __init__(self, look: Callable[[], object], *answers: Response | Exception) -> None:
        super().__init__(*answers)
        self.look = look
        self.seen: list[object] = []

    async def post(
        self, path: str, body: bytes | MultipartForm, *, new_connection: bool = False, public: bool = False
    ) -> Response:
        """The next answer of the script."""
        self.seen.append(self.look())
        return await super().post(path, body, new_connection=new_connection, public=public)


async def test_what_is_exported_is_imported_again_byte_for_byte(tmp_path: Path) -> None:
    """Through the sandbox, from one collection to another and to the same file again."""
    async with Sandbox(instant=True) as sandbox, sandbox.client() as client:
        sandbox.add_zipcode("0800")
        first, second = [
            (await client.collections.create(name, notification_email="ops@example.com")).id for name in ("A", "B")
        ]
        await client.asins.import_csv(first, CSV)
        assert await client.asins.export_csv(first, tmp_path / "first.csv") == 2
        await client.asins.import_csv(second, tmp_path / "first.csv")
        assert await client.asins.export_csv(second, str(tmp_path / "second.csv")) == 2

    assert (tmp_path / "first.csv").read_bytes() == CSV
    assert (tmp_path / "second.csv").read_bytes() == CSV


async def test_all_pages_are_written_each_row_once(tmp_path: Path) -> None:
    """A page begins with the last row of the page before, which is written once."""
    groups = groups_over(ByPath({LIST: pages_of([row(number) for number in range(1, 203)])}))
    place = tmp_path / "asins.csv"

    assert await groups.asins.export_csv(101, place) == 202
    assert HEADER + "".join(map(line, range(1, 203))) == place.read_text()
    assert {(path, fields["collection_id"]) for path, fields in groups.transport.sent} == {(LIST, 101)}


async def test_an_empty_collection_gives_the_header_alone(tmp_path: Path) -> None:
    """Which nobody can import, as the documentation of the method says."""
    groups = groups_over(FakeTransport(ok([])))

    assert await groups.asins.export_csv(101, tmp_path / "asins.csv") == 0
    assert (tmp_path / "asins.csv").read_text() == HEADER


async def test_a_page_is_written_before_the_next_but_one_is_asked_for(tmp_path: Path) -> None:
    """So memory does not grow with the collection; under its final name nothing is there yet."""
    wide = {"id": 1, "domain": "a" * 200}
    pages = [[row(number, domain=wide) for number in range(*ends)] for ends in ((1, 101), (100, 200))]

    def sizes() -> dict[str, int]:
        return {path.name[:4]: path.stat().st_size for path in tmp_path.iterdir()}

    transport = Watched(sizes, *map(ok, pages), ok([]))
    await groups_over(transport).asins.export_csv(101, tmp_path / "asins.csv")

    assert [list(seen) for seen in transport.seen] == [[".mc-"]] * 3
    assert [seen[".mc-"] > count * 10_000 for count, seen in enumerate(transport.seen[1:], 1)] == [True, True]
    assert names_in(tmp_path) == ["asins.csv"]


async def test_an_older_file_is_replaced_and_a_folder_made(tmp_path: Path) -> None:
    """In one step: whoever reads sees the old file or the new one."""
    old = tmp_path / "old.csv"
    old.write_text("old")
    groups = groups_over(FakeTransport(*[ok([row(1)]), ok([])] * 2))
    await groups.asins.export_csv(101, old)
    await groups.asins.export_csv(101, tmp_path / "new folder" / "ASINs of 101 (1).csv")

    assert HEADER + line(1) == old.read_text()
    assert HEADER + line(1) == (tmp_path / "new folder" / "ASINs of 101 (1).csv").read_text()


async def test_a_relative_path_is_meant_where_the_call_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process may go to another folder meanwhile."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(tmp_path)
    transport = Watched(lambda: monkeypatch.chdir(elsewhere), ok([row(1)]), ok([]))
    await groups_over(transport).asins.export_csv(101, "asins.csv")

    assert (tmp_path / "asins.csv").is_file()


LACKING: dict[str, dict[str, Any]] = {
    "no domain": {"domain": None},
    "the id of a domain": {"domain": 1},
    "no postcode": {"customer_postcode": None},
    "the id of a postcode": {"customer_postcode": 15},
    "no switch": {"include_raw_html": None},
    "a domain of two lines": {"domain": {"id": 1, "domain": "a\nb"}},
    "an empty postcode": {"customer_postcode": {"id": 15, "zipcode": ""}},
    "an ASIN with a comma": {"asin": "B1,B2"},
}


@pytest.mark.parametrize("fields", LACKING.values(), ids=LACKING)
async def test_a_row_that_cannot_be_written_is_named(tmp_path: Path, fields: dict[str, Any]) -> None:
    """By the id of its row; the older file stays, and nothing else is there."""
    place = tmp_path / "asins.csv"
    place.write_text("old")
    groups = groups_over(
        FakeTransport(ok([row(number) for number in range(1, 101)]), ok([row(100), row(101), row(102, **fields)]))
    )
    with pytest.raises(InvalidResponseError, match=r"^/schedules/amazon/asin/list/: item 102 "):
        await groups.asins.export_csv(101, place)

    assert names_in(tmp_path) == ["asins.csv"]
    assert place.read_text() == "old"


async def test_nothing_is_left_when_a_later_page_fails(tmp_path: Path) -> None:
    """The service's error leaves the call as it is."""
    groups = groups_over(FakeTransport(ok([row(number) for number in range(1, 101)]), refused(404)))
    with pytest.raises(APIError):
        await groups.asins.export_csv(101, tmp_path / "asins.csv")

    assert names_in(tmp_path) == []


async def test_a_folder_that_takes_no_file_is_found_before_the_rows(tmp_path: Path) -> None:
    """No request is made for what cannot be kept."""
    (tmp_path / "file").write_text("x")
    groups = groups_over(FakeTransport())
    with pytest.raises(DiskError) as caught:
        await groups.asins.export_csv(101, tmp_path / "file" / "asins.csv")

    assert str(tmp_path / "file" / "asins.csv") == caught.value.name
    assert groups.transport.sent == []


async def test_a_folder_is_not_replaced(tmp_path: Path) -> None:
    """It is no file."""
    (tmp_path / "asins.csv").mkdir()
    groups = groups_over(FakeTransport(ok([row(1)]), ok([])))
    with pytest.raises(DiskError):
        await groups.asins.export_csv(101, tmp_path / "asins.csv")

    assert names_in(tmp_path / "asins.csv") == []
    assert names_in(tmp_path) == ["asins.csv"]


async def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    """Its temporary file has no owner."""
    (tmp_path / ".mc-0123456789abcdef.part").write_text("half")
    groups = groups_over(FakeTransport(ok([row(1)]), ok([])))
    await groups.asins.export_csv(101, tmp_path / "asins.csv")

    assert names_in(tmp_path) == ["asins.csv"]


@pytest.mark.parametrize("path", [5, None, b"asins.csv", "", "/", "a\0b"], ids=repr)
async def test_a_path_that_is_none_is_refused(path: Any) -> None:
    """Before anything is sent."""
    groups = groups_over(FakeTransport())

    with pytest.raises(ArgumentError, match=r"^path: "):
        await groups.asins.export_csv(101, path)
    assert groups.transport.sent == []


async def test_the_collection_is_an_id(tmp_path: Path) -> None:
    """Nothing is written otherwise."""
    groups = groups_over(FakeTransport())

    with pytest.raises(ArgumentError, match=r"^collection_id: "):
        await groups.asins.export_csv("101", tmp_path / "asins.csv")  # type: ignore[arg-type]
    assert names_in(tmp_path) == []
