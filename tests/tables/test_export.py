"""What `export` writes: columns and their names, what was asked for, and the report."""

from __future__ import annotations

import csv
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from support.mirror_kit import tree
from support.table_kit import csv_of, lines_of, write_run

from multicart_async.errors import ArgumentError, IntegrityError, InvalidResponseError
from multicart_async.sinks import MemorySink
from multicart_async.tables import export


async def test_rows_are_in_the_order_of_the_mirror(tmp_path: Path) -> None:
    """By collection, run, page and number, each of which has a column."""
    source = MemorySink()
    write_run(source, 102, 90, [[{"a": 5}]])
    write_run(source, 101, 100, [[{"a": 4}]])
    write_run(source, 101, 88, [[{"a": 1}, {"a": 2}], [], [{"a": 3}]], updated_at="2026-06-01T12:00:00+02:00")
    report = await export(source, tmp_path / "t.csv")

    assert (tmp_path / "t.csv").read_bytes().split(b"\r\n") == [
        b"collection_id,run_id,scraped_at,page,number,a",
        b"101,88,2026-06-01T10:00:00+00:00,1,1,1",
        b"101,88,2026-06-01T10:00:00+00:00,1,2,2",
        b"101,88,2026-06-01T10:00:00+00:00,3,1,3",
        b"101,100,,1,1,4",
        b"102,90,,1,1,5",
        b"",
    ]
    assert (report.rows, report.runs, report.parts, report.bytes) == (5, 3, 1, (tmp_path / "t.csv").stat().st_size)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, ["101/88", "101/100", "102/90"]),
        ({"runs": "all"}, ["101/88", "101/100", "102/90"]),
        ({"runs": "latest"}, ["101/100", "102/90"]),
        ({"collections": [102]}, ["102/90"]),
        ({"collections": [102, 101, 102], "runs": "latest"}, ["101/100", "102/90"]),
    ],
    ids=str,
)
async def test_runs_and_collections_are_chosen(tmp_path: Path, options: dict[str, Any], expected: list[str]) -> None:
    """All runs of a table that is written anew are new."""
    source = MemorySink()
    for collection, run in ((101, 88), (101, 100), (102, 90)):
        write_run(source, collection, run, [[{"a": 1}]])
    source.files["101/101/page-0001.json"] = b"[{}]"  # without a manifest
    await export(source, tmp_path / "t.jsonl", **options)

    lines = map(json.loads, (tmp_path / "t.jsonl").read_text().splitlines())
    assert [f"{line['collection_id']}/{line['run_id']}" for line in lines] == expected


async def test_names_that_are_taken_get_a_number(tmp_path: Path) -> None:
    """By the first columns, by another case, by a member of an object, and by a name with a number."""
    record = {"asin": 1, "ASIN": 2, "Page": 3, "page_2": 4, "_rest": 5, "a.b": 6, "a": {"b": 7}, "": 8, "x_amount": 9}
    report, (row,) = await csv_of(tmp_path, [record], amounts=["x"])

    assert [*row] == ["asin", "ASIN_2", "Page_2", "page_2_2", "_rest_2", "a.b", "a.b_2", "_", "x_amount_2", "x_amount"]
    assert [*row.values()] == [*"123456789", ""]
    assert report.columns == {
        "asin": "asin",
        "ASIN": "ASIN_2",
        "Page": "Page_2",
        "page_2": "page_2_2",
        "_rest": "_rest_2",
        "a\\.b": "a.b",
        "a.b": "a.b_2",
        "": "_",
        "x_amount": "x_amount_2",
    }


async def test_lines_change_only_names_of_first_columns(tmp_path: Path) -> None:
    """Others are as they are: in two cases, empty, with a null character or half a character in them."""
    record = {"asin": 1, "ASIN": 2, "": 3, "a\0": 4, "\ud800": 5, "page": 6, "page_2": 7, "Number": 8, "_rest": 9}
    report, lines = await lines_of(tmp_path, [record, {"page": 1}, 5, {}])

    expected = {
        "asin": 1,
        "ASIN": 2,
        "": 3,
        "a\0": 4,
        "\ud800": 5,
        "page_2": 6,
        "page_2_2": 7,
        "Number_2": 8,
        "_rest_2": 9,
    }
    assert [json.dumps(line) for line in lines] == [
        json.dumps(line) for line in (expected, {"page_2": 1}, {"_rest": 5}, {})
    ]
    assert (report.rest, report.columns) == (1, dict(zip(record, expected, strict=True)))


async def test_more_fields_than_columns_are_in_the_rest(tmp_path: Path) -> None:
    """Those that are seen last, in every record; the columns are those of the first."""
    records = [{f"k{number}": number for number in range(300)}, {"k299": 1, "k0": {"deep": 1}}, {"k1": None}]
    report, rows = await csv_of(tmp_path, records, [7, None, "x"])

    assert [*rows[0]] == [*(f"k{number}" for number in range(256)), "_rest"]
    assert json.loads(rows[0]["_rest"]) == {f"k{number}": number for number in range(256, 300)}
    assert [(row["k0"], row["_rest"]) for row in rows[1:]] == [
        ('{"deep":1}', '{"k299":1}'),
        ("", ""),
        ("", "7"),
        ("", "null"),
        ("", '"x"'),
    ]
    assert (report.rest, len(report.columns)) == (44 + 1 + 3, 256)


async def test_ten_thousand_names_take_no_longer(tmp_path: Path) -> None:
    """Each record has another one. What has no column is in the rest, and lines keep all."""
    records = [{f"k{number}": number} for number in range(10_100)]
    report, rows = await csv_of(tmp_path, records, max_columns=3)
    assert (report.rest, [*report.columns]) == (10_097, ["k0", "k1", "k2"])
    assert (rows[2]["k2"], rows[-1]["_rest"]) == ("2", '{"k10099":10099}')

    report, lines = await lines_of(
        tmp_path, records, [{"page": 1, "page_2": 2, "y_amount": "$5"}], amounts=["y_amount"]
    )
    assert lines[:-1] == [{**record, "y_amount_amount": None} for record in records]
    assert lines[-1] == {"page_2": 2, "y_amount": "$5", "_rest": {"page": 1}, "y_amount_amount": 5.0}
    assert report.rest == 1


async def test_a_late_name_of_lines_never_hides_another(tmp_path: Path) -> None:
    """A name that came after ten thousand others, and that a column has by now, is in the rest."""
    names = {"page": 1, **{f"k{number}": 0 for number in range(9_999)}}
    report, lines = await lines_of(tmp_path, [names], [{"page": 2, "page_2": 3, "x_amount": 4, "z": 5}], amounts=["x"])

    assert lines[1] == {"page_2": 2, "z": 5, "_rest": {"page_2": 3, "x_amount": 4}, "x_amount": None}
    assert report.rest == 2


@pytest.mark.parametrize(
    ("flatten", "expected"),
    [
        (0, {"a": '{"b":{"c":1}}', "d": "{}"}),
        (1, {"a.b": '{"c":1}', "d": "{}"}),
        (2, {"a.b.c": "1", "d": "{}"}),
    ],
)
async def test_objects_are_flattened_to_a_level(tmp_path: Path, flatten: int, expected: dict[str, str]) -> None:
    """An object below it is JSON; one without members has a column that tells so."""
    _, (row,) = await csv_of(tmp_path, [{"a": {"b": {"c": 1}}, "d": {}}], flatten=flatten)

    assert row == expected


async def test_an_object_that_varies_is_json(tmp_path: Path) -> None:
    """If it was ever something else, or had more than 32 names."""
    wide = [{"a": {f"m{number}": 1}} for number in range(33)]
    _, rows = await csv_of(tmp_path, [{"a": {"b": 1}}, {"a": 5}])
    assert rows == [{"a": '{"b":1}'}, {"a": "5"}]

    _, rows = await csv_of(tmp_path, wide)
    assert rows == [{"a": f'{{"m{number}":1}}'} for number in range(33)]
    _, rows = await csv_of(tmp_path, wide[:32])
    assert len(rows[0]) == 32


async def test_amounts_have_two_exact_decimals(tmp_path: Path) -> None:
    """Null where unsure, with more decimals, or with more digits than fit; a member is found by its path."""
    texts = ["$1,049.99", "5", 7, None, "from $5", "$1.005", "9999999999999999.99", "10000000000000000"]
    records = [{"offer": {"price": text}} for text in texts]
    expected = ["1049.99", "5.00", "7.00", "", "", "", "9999999999999999.99", ""]
    _, rows = await csv_of(tmp_path, records, [5, {"offer": 1}], amounts=["offer.price"])
    assert [row["offer.price_amount"] for row in rows] == [*expected, "", ""]

    _, lines = await lines_of(tmp_path, records, amounts=["offer.price"])
    assert lines[0] == {"offer": {"price": "$1,049.99"}, "offer.price_amount": 1049.99}
    assert [line["offer.price_amount"] is None for line in lines] == [not text for text in expected]


@pytest.mark.parametrize("write", [csv_of, lines_of])
async def test_keep_record_adds_the_whole_record(tmp_path: Path, write: Any) -> None:
    """As JSON, whatever columns were asked for; without the numbers and characters that JSON and UTF-8 lack."""
    page = b'[{"a": 1, "b": [NaN, "\\ud800", "\\u00e9"]}, 7]'
    _, rows = await write(tmp_path, page, columns=["a"], keep_record=True)

    assert [row["_record"] for row in rows] == ['{"a":1,"b":["NaN","\\ud800","\\u00e9"]}', "7"]


async def test_spreadsheets_see_no_formulas(tmp_path: Path) -> None:
    """An apostrophe stands before text that begins like one, also in the header; numbers stay, and a BOM tells the encoding."""
    starts = ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "\nx", "\0=", "a=1", "", "é"]
    await csv_of(tmp_path, [{"t": text, "n": -1, "d": -0.5, "b": True, "=x": 1} for text in starts], excel=True)
    content = (tmp_path / "t.csv").read_bytes()

    assert content.startswith(b"\xef\xbb\xbfcollection_id,run_id,scraped_at,page,number,t,n,d,b,'=x\r\n")
    rows = [*csv.reader(content.decode("utf-8-sig").splitlines(keepends=True))][1:]
    assert [row[5] for row in rows] == ["'=1+1", "'+1", "'-1", "'@x", "'\tx", "'\rx", "'\nx", "'\0=", "a=1", "", "é"]
    assert {(*row[6:],) for row in rows} == {("-1", "-0.5", "true", "1")}


async def test_a_record_too_deep_for_json_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It names the page, and nothing is written. How deep that is depends on the version of Python."""

    def too_deep(*_: object, **__: object) -> str:
        raise RecursionError

    monkeypatch.setattr("multicart_async.tables._frames.text_of", too_deep)
    page = b'[{"a": 1}, {"a": [[1]]}]'

    with pytest.raises(
        InvalidResponseError, match=r"101/88/page-0001\.json: one of the records 1 to 2 is nested too deeply"
    ):
        await csv_of(tmp_path, page)
    assert tree(tmp_path) == {}


async def test_short_records_are_written_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a table with many columns takes no more memory; no row is lost or repeated."""
    monkeypatch.setattr("multicart_async.tables._pages._CELLS", 20)
    records = [{"a": number, f"b{number}": 1} for number in range(10)]
    report, rows = await csv_of(tmp_path, records)
    assert (report.rows, [row["a"] for row in rows]) == (10, [*map(str, range(10))])


async def test_a_report_is_json(tmp_path: Path) -> None:
    """Like that of a mirror."""
    report, _ = await csv_of(tmp_path, [{"a": 1}])

    assert report.to_dict() == {
        "rows": 1, "runs": 1, "skipped": 0, "columns": {"a": "a"}, "widened": [], "rest": 0, "replaced": 0, "parts": 1,
        "bytes": report.bytes,
    }  # fmt: skip


async def test_a_table_that_grows_gets_what_it_lacks(tmp_path: Path) -> None:
    """Runs that are there are skipped, changed ones replaced; the report tells which types are wider now."""
    source, dest = MemorySink(), tmp_path / "t.sqlite"
    write_run(source, 101, 88, [[{"a": 1}]])
    write_run(source, 101, 89, [[{"a": 2}]])
    assert (await export(source, dest)).rows == 2
    again = await export(source, dest)
    assert (again.rows, again.runs, again.skipped, again.columns) == (0, 0, 2, {"a": "a"})

    write_run(source, 101, 89, [[{"a": 0.5}, {"b": 1}]])
    write_run(source, 101, 90, [[{"b": 2}]])
    more = await export(source, dest)
    assert (more.rows, more.runs, more.skipped, more.replaced, more.widened) == (3, 2, 1, 1, ("a",))
    assert [[*row] for row in _rows(dest, "SELECT run_id, a, b FROM history ORDER BY run_id, number")] == [
        [88, 1.0, None],
        [89, 0.5, None],
        [89, None, 1],
        [90, None, 2],
    ]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"flatten": 2}, "flatten: the table was made with flatten=1; pass the same, or choose another dest"),
        ({"columns": ["a"]}, "columns: the table was made with columns=None; pass the same, or choose another dest"),
        ({"amounts": []}, r"amounts: the table was made with amounts=\['a'\]; pass the same, or choose another dest"),
    ],
    ids=str,
)
async def test_a_table_grows_with_the_same_options_alone(tmp_path: Path, options: dict[str, Any], said: str) -> None:
    """Others would make other columns."""
    source = MemorySink()
    write_run(source, 101, 88, [[{"a": 1}]])
    await export(source, tmp_path / "t.sqlite", amounts=["a"])

    with pytest.raises(ArgumentError, match=said):
        await export(source, tmp_path / "t.sqlite", **{"amounts": ["a"], **options})


async def test_an_incomplete_page_that_was_listed_so_is_an_error(tmp_path: Path) -> None:
    """Downloads never list one; it is no damage that a repair would mend."""
    with pytest.raises(IntegrityError, match=r"page-0001\.json: the JSON is incomplete: it ends in record 2$"):
        await csv_of(tmp_path, b'[{"a": 1}, {')


def _rows(database: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(database)) as db:
        return db.execute(query).fetchall()
