"""What goes to stdout, in each mode."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from multicart_async.cli._options import CommonOptions
from multicart_async.cli._output import Mode, Output, mode_of
from multicart_async.cli._table import render_properties, render_table
from multicart_async.cli._view import PLAIN, View, cell

VIEW = View(("id", "name", "domain=domain.domain"), "id", "things")
ROWS = [
    {"id": 1, "name": "Lamp\x1b[2J\t", "domain": {"id": 1, "domain": "amazon.com.au"}, "more": [1]},
    {"id": 2, "name": None, "domain": 7, "ok": True},
]


def written(mode: Mode, rows: list[dict[str, Any]] = ROWS, view: View = VIEW) -> str:
    stream = io.StringIO()
    output = Output(view, mode, stream=stream)
    output.begin()
    for row in rows:
        output.add(row)
    output.end()
    return stream.getvalue()


def single(mode: Mode, row: dict[str, Any] = ROWS[0], view: View = VIEW) -> str:
    stream = io.StringIO()
    Output(view, mode, stream=stream).single(row)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("options", "terminal", "mode"),
    [
        (CommonOptions(as_json=True), True, "json"),
        (CommonOptions(jsonl=True), True, "jsonl"),
        (CommonOptions(quiet=True), True, "ids"),
        (CommonOptions(), True, "table"),
        (CommonOptions(), False, "tsv"),
        (CommonOptions(quiet=True, as_json=True), False, "json"),
    ],
)
def test_options_and_the_terminal_decide_the_mode(options: CommonOptions, terminal: bool, mode: str) -> None:
    """A pipe gets tab-separated values, a terminal a table."""
    assert mode_of(options, VIEW, terminal=terminal) == mode


def test_records_are_lines_of_json() -> None:
    """Their fields are not known, so there are no columns."""
    assert mode_of(CommonOptions(), View(records=True), terminal=True) == "jsonl"


def test_tsv_has_no_header_and_no_control_characters() -> None:
    """A tab in a name must not move the columns, an escape sequence must not reach a terminal."""
    assert written("tsv") == "1\tLamp\\x1b[2J\\t\tamazon.com.au\n2\t\t7\n"


def test_json_is_one_document_and_jsonl_a_line_each() -> None:
    """Objects keep all their fields."""
    assert json.loads(written("json")) == ROWS
    assert [json.loads(line) for line in written("jsonl").splitlines()] == ROWS
    assert "\x1b" not in written("json") + written("jsonl")


def test_no_object_is_an_empty_document() -> None:
    """A program can read it."""
    assert json.loads(written("json", [])) == []
    assert [written(mode, []) for mode in ("jsonl", "tsv", "table", "ids")] == [""] * 4


def test_quiet_prints_ids_alone() -> None:
    """For a loop in a shell."""
    assert written("ids") == "1\n2\n"
    assert written("ids", [{"name": "without"}]) == ""
    assert single("ids", view=PLAIN) == ""


def test_a_table_has_headers_and_aligned_columns() -> None:
    """On a terminal."""
    assert written("table").splitlines() == [
        "id  name           domain",
        " 1  Lamp\\x1b[2J\\t  amazon.com.au",
        " 2                 7",
    ]


def test_a_document_consists_of_whole_lines() -> None:
    """So a progress display on the same terminal can be drawn between them."""
    assert [line.count("{") > 0 for line in written("json").splitlines()] == [False, True, True, False]


def test_a_streamed_table_shows_rows_as_they_come() -> None:
    """In columns of fixed widths, because it is not known what follows; times are to the minute."""
    stream = io.StringIO()
    output = Output(View(("id", "name", "at=updated_at"), streamed=True), "table", stream=stream)
    output.add({"id": 1, "name": "Lamp", "updated_at": "2026-11-29T02:11:43Z"})

    assert stream.getvalue() == "id        name      at\n1         Lamp      2026-11-29 02:11\n"
    output.add({"id": 2})
    output.add({"id": 3, "name": "x" * 200})
    output.end()
    assert stream.getvalue().splitlines()[2:] == ["2", f"{'3':<10}{'x' * 69}…"]


def test_one_object_is_cut_to_the_width() -> None:
    """Each of its fields, in cells of the terminal."""
    assert render_properties({"id": "1", "name": "商" * 30}, width=20) == "id    1\nname  商商商商商商 …\n"


def test_a_table_without_declared_columns_shows_all_fields() -> None:
    """Of the first object."""
    assert written("table", [{"a": 1, "b": [2]}], PLAIN).splitlines() == ["a  b", "1  [2]"]


def test_one_object_is_a_line_for_each_field() -> None:
    """On a terminal; in a pipe it is a row like those of a list."""
    assert single("table") == ("id      1\nname    Lamp\\x1b[2J\\t\ndomain  amazon.com.au\nmore    [1]\n")
    assert single("tsv") == "1\tLamp\\x1b[2J\\t\tamazon.com.au\n"
    assert json.loads(single("json")) == json.loads(single("jsonl")) == ROWS[0]
    assert single("tsv", {"a": 1, "b": False}, PLAIN) == "1\tfalse\n"
    assert single("table", {}, PLAIN) == ""


def test_a_document_is_json_in_every_mode() -> None:
    """Of a call whose response can have any shape."""
    stream = io.StringIO()
    Output(PLAIN, "tsv", stream=stream).document({"a": [1]})
    Output(PLAIN, "jsonl", stream=stream).document({"a": [1]})

    assert stream.getvalue() == '{\n  "a": [\n    1\n  ]\n}\n{"a": [1]}\n'


def test_a_terminal_that_knows_ascii_alone_gets_escapes() -> None:
    """A name with an accent must not end the command."""
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    Output(View(("name",)), "tsv", stream=stream).single({"name": "Café"})

    assert raw.getvalue() == b"Caf\\xe9\n"


def test_a_table_is_cut_to_the_width_and_keeps_short_columns() -> None:
    """Ids and times stay whole, long names end with an ellipsis; times are to the minute."""
    rows = [["1", "x" * 50, "2026-11-29T02:11:43Z"]]

    assert render_table(["id", "name", "updated_at"], rows, width=40).splitlines() == [
        "id  name                updated_at",
        " 1  xxxxxxxxxxxxxxxxx…  2026-11-29 02:11",
    ]


def test_colours_are_for_the_header_alone() -> None:
    """And only if they are asked for."""
    assert "\x1b[1m" in render_table(["id"], [["1"]], color=True, width=40)
    assert "\x1b" not in render_table(["id"], [["[red]1[/red]"]], width=40)


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, ""), (True, "true"), (False, "false"), (1.5, "1.5"), ({"a": None}, '{"a": null}'), ("é\u202e", "é\\u202e")],
)
def test_a_cell_is_one_piece_of_text(value: object, text: str) -> None:
    """Of any value."""
    assert cell(value) == text
