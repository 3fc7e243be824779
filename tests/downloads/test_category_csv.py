"""A category scrape: its JSON, and the CSV that is made from it."""

from __future__ import annotations

import csv
import hashlib
import io
import json

import anyio
import pytest
from support.download_kit import BASE, files_below, open_below, temporaries_below
from support.fake_sinks import PlainSink
from support.fakes import FakeFile, FakeTransport
from support.groups import Groups, groups_over

from multicart_async import Limits
from multicart_async._downloads.category_csv import COLUMNS, category_csv
from multicart_async.errors import DiskError, IntegrityError
from multicart_async.models import CategoryRun, DownloadLinks
from multicart_async.sinks import DirectorySink

FULL = {
    "asin": "B0DJQQ38TG",
    "parent_asin": "B0PARENT00",
    "is_variant": True,
    "is_brand": False,
    "is_store": False,
    "is_prime": True,
    "seller_name": 'Quoll, "Sons" & Co\nLtd',
    "price_cents": 12999,
    "in_stock": None,
    "not_a_column": 7,
}
ROW = ["B0DJQQ38TG", "B0PARENT00", "true", "false", "false", "true", 'Quoll, "Sons" & Co\nLtd', "12999", ""]
HEAD = [list(COLUMNS)]


def category(collection: int = 7, run: int = 3) -> CategoryRun:
    """A finished scrape."""
    links = DownloadLinks(pages=(f"{BASE}/results/{collection}/{run}/category_asins.json",), all_pages="")
    return CategoryRun(id=run, collection=collection, is_download_generated=True, stage="done", download_links=links)


def over(content: bytes, *runs: CategoryRun) -> Groups:
    """Groups whose scrapes all have this JSON."""
    places = [run.download_links.pages[0] for run in runs or [category()]]
    return groups_over(FakeTransport(files={place: FakeFile.whole(content) for place in places}))


def rows_of(content: bytes) -> list[list[str]]:
    """What a program reads from a CSV."""
    return list(csv.reader(io.StringIO(content.decode(), newline="")))


async def csv_of(content: bytes) -> list[list[str]]:
    """The rows of the CSV that is made from a JSON."""
    sink = PlainSink()
    sink.files["a.json"] = content
    await category_csv(sink, "a.json", "a.csv")
    return rows_of(sink.files["a.csv"])


async def test_the_json_and_the_csv_lie_side_by_side(tmp_path) -> None:
    """Both are listed with their sizes and hashes, and counted."""
    content = json.dumps([FULL]).encode()

    done = await over(content).categories.download(category(), tmp_path)

    files = files_below(tmp_path)
    assert files.keys() == {"7/3/category_asins.json", "7/3/category_asins.csv", "7/3/manifest.json"}
    assert rows_of(files["7/3/category_asins.csv"]) == [*HEAD, ROW]
    table = files["7/3/category_asins.csv"]
    assert (len(table), hashlib.sha256(table).hexdigest()) == (done.files[1].size, done.files[1].sha256)
    assert (len(content), 0) == (done.bytes, done.skipped)
    listed = {file["name"]: file for file in json.loads(files["7/3/manifest.json"])["files"]}
    assert (None, done.files[1].sha256) == (listed["category_asins.csv"]["url"], listed["category_asins.csv"]["sha256"])


async def test_the_csv_can_be_left_out_and_come_later(tmp_path) -> None:
    """Later it is made from what is there, without a request; and then it is there too."""
    content = json.dumps([FULL]).encode()
    await over(content).categories.download(category(), tmp_path, csv=False)
    assert "7/3/category_asins.csv" not in files_below(tmp_path)

    found = []
    for _ in range(2):
        groups = over(content)
        done = await groups.categories.download(category(), tmp_path)
        found.append((len(groups.transport.opened), done.skipped, done.bytes, len(done.files)))

    assert found == [(0, 1, 0, 2), (0, 2, 0, 2)]


async def test_a_csv_that_was_changed_is_made_anew(tmp_path) -> None:
    """From the JSON, which is not fetched again."""
    content = json.dumps([FULL]).encode()
    await over(content).categories.download(category(), tmp_path)
    good = (tmp_path / "7/3/category_asins.csv").read_bytes()
    (tmp_path / "7/3/category_asins.csv").write_bytes(b"half")
    groups = over(content)

    await groups.categories.download(category(), tmp_path)

    assert groups.transport.opened == []
    assert good == (tmp_path / "7/3/category_asins.csv").read_bytes()


async def test_fifty_scrapes_are_fifty_folders(tmp_path) -> None:
    """All have a file of the same name, and none lies on another."""
    runs = [category(collection, 3) for collection in range(1, 51)]
    groups = over(b"[]", *runs)

    async with anyio.create_task_group() as group:
        for run in runs:
            group.start_soon(groups.categories.download, run, tmp_path)

    names = files_below(tmp_path)
    assert len([name for name in names if name.endswith("category_asins.json")]) == 50
    assert len([name for name in names if name.endswith("category_asins.csv")]) == 50


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ('"text, with \\"quotes\\" and é"', 'text, with "quotes" and é'),
        ('""', ""),
        ('"true"', "true"),
        ("true", "true"),
        ("false", "false"),
        ("null", ""),
        ("0", "0"),
        ("-7", "-7"),
        ("12.5", "12.5"),
        ("1e3", "1000.0"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
        ("[1, 2.5, null]", "[1, 2.5, null]"),
        ('{"a": 1.5}', '{"a": 1.5}'),
    ],
)
async def test_values_are_written_as_in_json_and_texts_as_they_are(value, text) -> None:
    """Numbers of any size, lists and objects too; what is missing is empty."""
    row = ["", "", "", "", "", "", "", text, ""]

    assert await csv_of(b'[{"price_cents": ' + value.encode() + b"}]") == [*HEAD, row]


@pytest.mark.parametrize(
    "content",
    [
        json.dumps(FULL).encode(),
        b" \r\n\t " * 9 + json.dumps(FULL).encode(),
        b"\xef\xbb\xbf" + json.dumps([FULL]).encode(),
        b"\xef\xbb\xbf  \n" + json.dumps(FULL).encode(),
        b"\n\n\n\n\n\n[" + json.dumps(FULL).encode() + b"]\n",
    ],
)
async def test_one_object_is_one_row(content) -> None:
    """With blanks or a byte order mark before it, too."""
    assert await csv_of(content) == [*HEAD, ROW]


async def test_many_rows_come_in_pieces(tmp_path) -> None:
    """More rows than are written at once: each is there once, in its order."""
    rows = [{"asin": f"B0{number:08d}"} for number in range(5_000)]
    (tmp_path / "a.json").write_bytes(json.dumps(rows).encode())

    fetched = await category_csv(DirectorySink(tmp_path), "a.json", "a.csv")

    content = files_below(tmp_path)["a.csv"]
    assert [row["asin"] for row in rows] == [row[0] for row in rows_of(content)[1:]]
    assert (len(content), hashlib.sha256(content).hexdigest()) == (fetched.size, fetched.sha256)


async def test_no_rows_are_a_head(tmp_path) -> None:
    """An empty category has a CSV as well."""
    done = await over(b"[]").categories.download(category(), tmp_path)

    assert rows_of(done.files[1].path.read_bytes()) == HEAD


NOT_MADE = {
    b"[{]": "invalid JSON: Expecting property name enclosed in double quotes, at byte 2 in record 1",
    b'[{"a": 1}, }]': "invalid JSON: Expecting value, at byte 11 in record 2",
    b'[{"a": "\xff"}]': "invalid JSON: byte 8 is not UTF-8",
    b'[{"a": 1}, {"b": 2]]': "invalid JSON: Expecting ',' delimiter, at byte 18 in record 2",
    b'{"a" 1}': "invalid JSON: Expecting ':' delimiter, at byte 5 in record 1",
    b"[[}]]": "invalid JSON: Expecting value, at byte 2 in record 1",
}


@pytest.mark.parametrize("content", NOT_MADE, ids=repr)
async def test_a_json_that_cannot_be_read_has_no_csv(tmp_path, content) -> None:
    """The JSON is there as the service sent it, with a manifest, and a difference says why there is no CSV; each time."""
    difference = f"category_asins.csv: not written: category_asins.json: {NOT_MADE[content]}"
    for opened, skipped in ((1, 0), (0, 1)):
        groups = over(content)

        done = await groups.categories.download(category(), tmp_path)

        assert done.differences == (difference,)
        assert ([file.name for file in done.files], done.skipped) == (["category_asins.json"], skipped)
        assert len(groups.transport.opened) == opened
        files = files_below(tmp_path)
        assert files.keys() == {"7/3/category_asins.json", "7/3/manifest.json"}
        assert json.loads(files["7/3/manifest.json"])["differences"] == [difference]
    assert (temporaries_below(tmp_path), open_below(tmp_path)) == ([], [])


async def test_a_csv_of_an_older_json_does_not_stay(tmp_path) -> None:
    """Where the new JSON has none, the old table would lie."""
    await over(json.dumps([FULL]).encode()).categories.download(category(), tmp_path)

    done = await over(b"[{]").categories.download(category(), tmp_path, overwrite=True)

    assert [file.name for file in done.files] == ["category_asins.json"]
    assert files_below(tmp_path).keys() == {"7/3/category_asins.json", "7/3/manifest.json"}


ODD = [
    (b'[{"asin": "B0"}, null]', [["B0"]], "1 (number 2)"),
    (b'[1, [], "x", {"asin": "B0"}]', [["B0"]], "3 (number 1, 2, 3)"),
    (b"[" + b"7," * 14 + b"7]", [], "15 (number 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 5 more)"),
]


@pytest.mark.parametrize(("content", "rows", "left_out"), ODD, ids=range(3))
async def test_values_that_are_no_records_are_left_out(tmp_path, content, rows, left_out) -> None:
    """The CSV has the others, and a difference says which are missing; a later call, which makes nothing, says it too."""
    for _ in range(2):
        done = await over(content).categories.download(category(), tmp_path)

        table = rows_of((tmp_path / "7/3/category_asins.csv").read_bytes())
        assert [row[:1] for row in table[1:]] == rows
        assert done.differences == (f"category_asins.csv: values left out because they are not objects: {left_out}",)
        assert len(done.files) == 2
    assert json.loads((tmp_path / "7/3/manifest.json").read_bytes())["differences"] == list(done.differences)


async def test_a_whole_csv_forgets_what_an_older_one_lacked(tmp_path) -> None:
    """The JSON was fetched again, and all of its values are records now."""
    await over(b'[{"asin": "B0"}, null]').categories.download(category(), tmp_path)

    done = await over(json.dumps([FULL]).encode()).categories.download(category(), tmp_path, overwrite=True)

    assert done.differences == ()
    assert json.loads((tmp_path / "7/3/manifest.json").read_bytes())["differences"] == []


async def test_nan_and_infinity_are_written_to_the_csv() -> None:
    """The CSV has NaN and Infinity as Python reads them from the JSON."""
    table = await csv_of(b'[{"price_cents": NaN, "in_stock": [-Infinity], "asin": 1e999}]')

    assert table[1] == ["Infinity", "", "", "", "", "", "", "NaN", "[-Infinity]"]


async def test_a_lone_surrogate_becomes_a_replacement_character() -> None:
    """UTF-8 has no bytes for half of a pair; whole pairs, and what stands beside a half, stay as they are."""
    content = r'[{"asin": "x\ud83d\u2026", "seller_name": "\ude00abc\ud83d\ude00", "parent_asin": ["\ud83d"]}]'
    table = await csv_of(content.encode())

    assert table[1] == ["x\ufffd\u2026", r'["\ud83d"]', "", "", "", "", "\ufffdabc\U0001f600", "", ""]


async def test_a_record_above_the_limit_has_no_csv() -> None:
    """The table is made record by record, and the limit holds for each."""
    sink = PlainSink()
    sink.files["a.json"] = json.dumps([FULL, {"asin": "x" * 2000}]).encode()

    with pytest.raises(
        IntegrityError, match=r"record 2 takes more than 1,000 bytes of JSON: raise Limits.record_bytes"
    ):
        await category_csv(sink, "a.json", "a.csv", Limits(record_bytes=1000))
    assert "a.csv" not in sink.files


async def test_a_json_that_is_gone_meanwhile_is_a_disk_error(tmp_path) -> None:
    """Somebody tidied up between the two."""
    with pytest.raises(DiskError, match=r"a\.json"):
        await category_csv(DirectorySink(tmp_path), "a.json", "a.csv")
    with pytest.raises(IntegrityError, match="empty"):
        await category_csv(PlainSink(), "a.json", "a.csv")

    assert files_below(tmp_path) == {}


async def test_a_sink_that_is_no_folder_gets_both() -> None:
    """The JSON is read back from it."""
    sink = PlainSink()

    done = await over(json.dumps([FULL]).encode()).categories.download(category(), sink)

    assert rows_of(sink.files["7/3/category_asins.csv"]) == [*HEAD, ROW]
    assert [file.name for file in done.files] == ["category_asins.json", "category_asins.csv"]
    assert sink.order[-1] == "7/3/manifest.json"


async def test_a_scrape_is_listed_again_when_its_link_is_stale(tmp_path) -> None:
    """The result is asked for, and its fresh link is used."""
    place = category().download_links.pages[0]
    row = {"id": 3, "collection": 7, "is_download_generated": True, "stage": "done"}
    fresh = {**row, "download_links": {"pages": [place + "?sig=2"], "all_pages": ""}}
    files = {place: FakeFile([b"expired"], status=403), place + "?sig=2": FakeFile.whole(b"[]")}
    transport = FakeTransport(files=files)
    transport.script(*_answers(fresh))

    done = await groups_over(transport).categories.download(category(), tmp_path)

    assert len(done.files) == 2


def _answers(row: dict[str, object]):
    from support.fakes import ok  # noqa: PLC0415 -- used here alone

    return [ok([row])]
