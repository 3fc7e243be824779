"""Bodies of requests, and answers to models: strict about types, generous about what is new."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from multicart_async._core.unset import UNSET
from multicart_async._http import codec
from multicart_async._http.codec import decode, encode_body
from multicart_async.errors import ArgumentError, InvalidResponseError
from multicart_async.models import (
    AddResult,
    Asin,
    CategoryRun,
    Collection,
    Credits,
    Domain,
    DomainRef,
    DownloadLinks,
    ErrorRow,
    Model,
    Output,
    Plan,
    Run,
)
from multicart_async.models._base import Strict

RUN = {"id": 88, "collection": 101, "is_download_generated": True}


def wrong(data: object, returns: Any) -> InvalidResponseError:
    """The error that *data* is worth."""
    with pytest.raises(InvalidResponseError) as caught:
        decode(data, returns, "/p/")
    return caught.value


def test_a_body_lacks_what_is_unset_and_nothing_else() -> None:
    """None, 0, False and empty texts are values and are sent."""
    fields = {"a": UNSET, "b": None, "c": 0, "d": False, "e": "", "f": [], "g": "x"}

    assert {name: value for name, value in fields.items() if name != "a"} == json.loads(encode_body(fields))


def test_a_body_is_utf_8() -> None:
    """Letters are sent as they are."""
    assert '{"name":"é日😀"}'.encode() == encode_body({"name": "é日😀"})


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_body_holds_no_constant_that_json_lacks(value: float) -> None:
    """NaN and infinity cannot be sent."""
    with pytest.raises(ValueError, match="JSON"):
        encode_body({"price": value})


@given(
    st.dictionaries(
        st.text(), st.none() | st.booleans() | st.integers() | st.text(alphabet=st.characters(codec="utf-8"))
    )
)
def test_a_body_comes_back_as_it_was(fields: dict[str, object]) -> None:
    """Whatever is sent is what the service reads."""
    try:
        sent = encode_body(fields)
    except UnicodeEncodeError:  # a name with half a character in it
        return

    assert fields == json.loads(sent)


@pytest.mark.parametrize("value", ["false", "true", "", 0, 1, 1.0, [], {}], ids=repr)
def test_a_run_is_never_ready_by_coercion(value: object) -> None:
    """``is_download_generated`` is true, false or an error: a poller must not believe ``"false"``."""
    error = wrong({**RUN, "is_download_generated": value}, Run)

    assert "data.is_download_generated" in str(error)


def test_a_run_whose_readiness_is_null_is_not_ready() -> None:
    """Null is no answer to the question whether the run is finished."""
    error = wrong({**RUN, "is_download_generated": None}, Run)

    assert "data.is_download_generated" in str(error)


@pytest.mark.parametrize("value", [1.9, 1.0, True, "88", None, [88]], ids=repr)
def test_an_id_is_a_whole_number(value: object) -> None:
    """No float, bool or text becomes an id."""
    assert "data.id" in str(wrong({**RUN, "id": value}, Run))


@pytest.mark.parametrize("value", [7, 1.5, True, ["x"], {"a": 1}], ids=repr)
def test_a_text_is_a_text(value: object) -> None:
    """Nothing is turned into a text."""
    collection = decode({"id": 1, "name": value}, Collection, "/p/")

    assert collection.name is None
    assert collection.extra == {"name": value}


def test_a_number_that_may_be_a_fraction_takes_both() -> None:
    """Integers fit, texts, bools and what no float can hold do not."""

    @attrs.frozen(kw_only=True)
    class Priced(Model):
        price: Strict[float]

    assert decode({"price": 3}, Priced, "/p/").price == 3.0
    assert decode({"price": 3.5}, Priced, "/p/").price == 3.5
    for value in ("3", True, None, 10**400):
        assert "data.price" in str(wrong({"price": value}, Priced))


def test_unknown_fields_are_kept_aside() -> None:
    """What is not documented is in ``extra``, and does not count when rows are compared."""
    run = decode({**RUN, "colour": "red", "nested": {"a": [1]}}, Run, "/p/")

    assert run.extra == {"colour": "red", "nested": {"a": [1]}}
    assert decode(RUN, Run, "/p/") == run


def test_a_field_of_the_wire_named_extra_is_no_special_one() -> None:
    """The service could name a field so; then it is one of the unknown ones."""
    assert decode({**RUN, "extra": 5}, Run, "/p/").extra == {"extra": 5}


def test_unknown_fields_of_nested_rows_are_kept_there() -> None:
    """Each row keeps its own."""
    run = decode({**RUN, "download_links": {"pages": [], "new": 1}}, Run, "/p/")

    assert run.download_links.extra == {"new": 1}
    assert run.extra == {}


def test_unknown_words_are_kept() -> None:
    """Vocabularies that we receive are open: a stage of tomorrow is no error."""
    row = {"id": 1, "collection": 2, "is_download_generated": False, "stage": "washing up"}

    assert decode(row, CategoryRun, "/p/").stage == "washing up"


@pytest.mark.parametrize("links", [None, {}, {"pages": None, "all_pages": None}], ids=repr)
def test_null_where_only_a_default_makes_sense_is_the_default(links: object) -> None:
    """A run without files has empty links, however the service says so."""
    assert DownloadLinks() == decode({**RUN, "download_links": links}, Run, "/p/").download_links


def test_what_is_required_is_missed() -> None:
    """An answer without what every documented answer has is not the documented shape; all gaps are named."""
    text = str(wrong({"id": 88}, Run))

    assert "data.collection" in text
    assert "data.is_download_generated" in text


@pytest.mark.parametrize("data", ["text", 5, True, {}, {"0": RUN}], ids=repr)
def test_rows_are_an_array(data: object) -> None:
    """A text and an object can be iterated too, and are no rows."""
    assert "@ data" in str(wrong(data, tuple[Run, ...]))


def test_rows_become_a_tuple() -> None:
    """In the order of the service."""
    rows = decode([{**RUN, "id": 2}, {**RUN, "id": 1}], tuple[Run, ...], "/p/")

    assert isinstance(rows, tuple)
    assert [row.id for row in rows] == [2, 1]


def test_a_wrong_row_is_named_by_its_number() -> None:
    """The path leads to the field."""
    assert "data[1].id" in str(wrong([RUN, {**RUN, "id": "x"}], tuple[Run, ...]))


@pytest.mark.parametrize("pages", ["http://a", {"0": "http://a"}, [1], [None]], ids=repr)
def test_links_are_an_array_of_texts(pages: object) -> None:
    """A single text is no array of one-letter links."""
    assert "data.download_links.pages" in str(wrong({**RUN, "download_links": {"pages": pages}}, Run))


@pytest.mark.parametrize("value", [[], "x", 5, [["a", 1]]], ids=repr)
def test_an_open_mapping_is_an_object(value: object) -> None:
    """Free-form fields are objects or null, and are handed on as they came."""
    row = {"id": 1, "name": "x"}

    assert decode({**row, "schedule_time": {"day": [1]}}, Collection, "/p/").schedule_time == {"day": [1]}
    assert decode({**row, "schedule_time": None}, Collection, "/p/").schedule_time is None
    odd = decode({**row, "schedule_time": value}, Collection, "/p/")
    assert (odd.schedule_time, odd.extra) == (None, {"schedule_time": value})


def test_open_mappings_can_be_asked_for() -> None:
    """``dict`` and ``Mapping`` are what JSON objects are."""
    for kind in (dict[str, Any], Mapping[str, Any]):
        assert decode({"a": 1}, kind, "/p/") == {"a": 1}
        assert "@ data" in str(wrong([], kind))


MOMENTS = {
    "2026-11-20T10:00:00Z": datetime(2026, 11, 20, 10, tzinfo=UTC),
    "2026-11-20T10:00:00": datetime(2026, 11, 20, 10, tzinfo=UTC),
    "2026-11-20T10:00:00.123456+10:00": datetime(2026, 11, 20, 10, 0, 0, 123456, timezone(timedelta(hours=10))),
}


@pytest.mark.parametrize("text", MOMENTS)
def test_a_moment_has_a_zone(text: str) -> None:
    """ISO 8601; without a zone it is UTC."""
    moment = decode({**RUN, "created_at": text}, Run, "/p/").created_at

    assert MOMENTS[text] == moment
    assert moment is not None
    assert moment.tzinfo is not None


def test_an_id_stands_for_a_joined_row() -> None:
    """``create`` answers ids where ``list`` answers rows: both arrive as the same type."""
    created = decode({"id": 1, "asin": "B0", "domain": 3, "customer_postcode": 4}, Asin, "/p/")
    listed = decode({"id": 1, "asin": "B0", "domain": {"id": 3, "domain": "amazon.com.au"}}, Asin, "/p/")

    assert DomainRef(id=3) == created.domain
    assert DomainRef(id=3, domain="amazon.com.au") == listed.domain
    assert created.customer_postcode is not None
    assert created.customer_postcode.id == 4
    assert listed.customer_postcode is None


@pytest.mark.parametrize("value", [True, "3", 3.0, [3]], ids=repr)
def test_a_reference_is_an_id_or_a_row(value: object) -> None:
    """Nothing else stands for a row."""
    row = decode({"id": 1, "asin": "B0", "domain": value}, Asin, "/p/")

    assert (row.domain, row.extra) == (None, {"domain": value})


def test_a_reference_is_no_id_that_no_row_can_have() -> None:
    """An id beyond 2 ** 53 is no display field."""
    assert "@ data.domain" in str(wrong({"id": 1, "asin": "B0", "domain": 2**53 + 1}, Asin))


@pytest.mark.parametrize("value", [{"a": 1}, [{"a": 1}], None, "text", 5], ids=repr)
def test_an_output_is_handed_on_as_it_is(value: object) -> None:
    """``output_json`` is an object or an array: its shape is the supplier's."""
    assert value == decode({"id": 1, "output_json": value}, Output, "/p/").output_json


def test_error_rows_become_values() -> None:
    """What was not taken, and why."""
    added = decode({"success_count": 1, "error_rows": [{"asin": "B0", "error": "Duplicate entry"}]}, AddResult, "/p/")

    assert [(row.item, row.error) for row in added.error_rows] == [("B0", "Duplicate entry")]


@pytest.mark.parametrize(
    ("data", "returns"),
    [
        ({**RUN, "is_download_generated": "SECRET"}, Run),
        ({**RUN, "id": "SECRET"}, Run),
        ({**RUN, "download_links": "SECRET"}, Run),
        ("SECRET", Run),
        (["SECRET"], tuple[Run, ...]),
    ],
    ids=repr,
)
def test_no_value_is_shown(data: object, returns: Any) -> None:
    """The error names fields; what was in them is not repeated, and no other error hangs on it."""
    error = wrong(data, returns)

    assert "SECRET" not in str(error)
    assert str(error).startswith("/p/: not the documented shape: ")
    assert (error.__cause__, error.__context__) == (None, None)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(["id", "collection", "is_download_generated", "download_links", "x"]), inner
            )
        ),
    )
)
def test_whatever_comes_is_a_run_or_one_error(data: object) -> None:
    """No answer, however odd, is another exception."""
    try:
        run = decode(data, Run, "/p/")
    except InvalidResponseError:
        return
    assert isinstance(run.is_download_generated, bool)


@pytest.mark.parametrize("value", [object(), float("nan"), {1, 2}, "\ud800"], ids=type)
def test_what_is_not_json_is_refused(value) -> None:
    """A field that cannot be sent is an error of ours, before anything is sent."""
    with pytest.raises(ArgumentError, match="fields: expected values that can be sent as JSON"):
        encode_body({"schedule_time": value})


@pytest.mark.parametrize("kind", [Domain, Credits, Plan, ErrorRow])
@pytest.mark.parametrize("value", ["text", 7, None, []])
def test_what_is_no_row_at_all_is_still_an_error(kind: Any, value: object) -> None:
    """Nothing of it could be found anywhere."""
    assert f"expected a {kind.__name__} object, got " in str(wrong([value], tuple[kind, ...]))
    assert "@ data[0]" in str(wrong([value], tuple[kind, ...]))


@pytest.mark.parametrize("step", [True, False], ids=["in steps", "at once"])
def test_many_wrong_rows_cost_as_much_as_one(step: bool) -> None:
    """Only the first is looked at with care: with all of them a small answer could hold the program for minutes."""
    tracemalloc.start()
    try:
        if step:
            with pytest.raises(InvalidResponseError) as caught:
                list(codec.decode_incrementally([{}] * 20_000, tuple[Run, ...], "/p/"))
        else:
            with pytest.raises(InvalidResponseError) as caught:
                decode([{}] * 20_000, tuple[Run, ...], "/p/")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert "data[0].id" in str(caught.value)
    assert len(str(caught.value)) < 1_000
    assert peak < 2_000_000


def test_a_wrong_row_is_named_by_its_number_in_steps_too() -> None:
    """Decoding in steps names a wrong row by its number, at any place in a step."""
    rows: list[Any] = [RUN] * 600
    rows[517] = {**RUN, "id": "x"}

    with pytest.raises(InvalidResponseError) as caught:
        list(codec.decode_incrementally(rows, tuple[Run, ...], "/p/"))

    assert "data[517].id" in str(caught.value)
    assert "data[518]" not in str(caught.value)


def test_a_row_of_very_many_members_is_refused() -> None:
    """They would be kept aside in one go; no row has a hundredth of them."""
    row = {**RUN, **{f"m{number}": number for number in range(10_000)}}

    assert "expected at most 10000 members, got 100" in str(wrong(row, Run))
