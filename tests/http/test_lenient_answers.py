"""One odd field costs that field and not the answer; what is relied on is strict. A walk over every field of every model."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multicart_async import models
from multicart_async._http.codec import decode, decode_incrementally
from multicart_async.errors import InvalidResponseError
from multicart_async.models import Asin, CatalogueTree, CategoryRun, Collection, Plan, Run, Undocumented, Zipcode
from multicart_async.resources import asins, categories, collections
from multicart_async.resources._items.shard_journal import JournalRecord

DATE = "2026-06-20T10:00:00Z"

# Each field and the JSON that it is made of. "!" is strict: the answer is refused; anything else becomes None.
FIELDS: dict[type, dict[str, str]] = {
    models.AddResult: {"success_count": "id!", "error_rows": "rows!"},
    models.Asin: {
        "id": "id!",
        "asin": "str!",
        "collection": "id!",
        "domain": "reference",
        "customer_postcode": "reference",
        "custom_id": "str",
        "include_raw_html": "bool",
        "output": "str",
        "created_at": "date",
        "updated_at": "date",
    },
    models.CatalogueCategory: {"name": "str", "seoPath": "str", "children": "rows"},
    models.CatalogueTree: {"total": "int", "categories": "rows"},
    models.CategoryRun: {
        "id": "id!",
        "collection": "id!",
        "is_download_generated": "bool!",
        "stage": "str!",
        "progress": "object",
        "asin_count": "int",
        "asins": "rows",
        "download_links": "links!",
    },
    models.Collection: {
        "id": "id!",
        "name": "str",
        "status": "str",
        "schedule_status": "str",
        "failed_message": "str",
        "request_type": "str",
        "schedule": "str",
        "schedule_time": "object",
        "priority": "str",
        "fetch_mode": "str",
        "notification_email": "str",
        "asin_count": "int",
        "created_at": "date",
        "updated_at": "date",
    },
    models.Credits: {"available_credits": "int", "used_credits": "int", "frozen_credits": "int"},
    models.Domain: {
        "id": "id!",
        "domain": "str!",
        "country_code": "str",
        "supplier_type": "str",
        "status": "str",
    },
    models.DomainRef: {"id": "id!", "domain": "str!"},
    models.DownloadLinks: {"pages": "strings!", "all_pages": "str!"},
    models.ErrorRow: {"asin": "str!", "sku": "str!", "error": "str"},
    models.Feature: {"text": "str", "active": "bool"},
    models.Login: {"token": "str!", "user": "with id"},
    models.Output: {
        "id": "id!",
        "user": "id!",
        "collection": "id!",
        "output_json": "any",
        "output_json_count": "int",
        "created_at": "date",
        "updated_at": "date",
    },
    models.Plan: {
        "id": "id!",
        "code": "str",
        "name": "str",
        "title": "str",
        "features": "rows",
        "price_cents": "int",
        "scrape_quota": "int",
        "interval": "str",
        "currency": "str",
        "is_default": "bool",
        "is_featured": "bool",
        "is_contact_sales": "bool",
        "sort_order": "int",
        "status": "str",
        "paypal_product_id": "str",
        "paypal_plan_id": "str",
        "price": "any",
        "credits": "int",
        "duration": "str",
        "currency_symbol": "str",
        "description": "str",
    },
    models.PostcodeRef: {"id": "id!", "zipcode": "str"},
    models.Profile: {"id": "id!", "name": "str", "email": "str", "created_at": "date", "updated_at": "date"},
    models.Run: {
        "id": "id!",
        "collection": "id!",
        "is_download_generated": "bool!",
        "download_links": "links!",
        "total_exacted_result": "int",
        "total_results": "int",
        "created_at": "date",
        "updated_at": "date",
    },
    models.Sku: {"id": "id!", "sku": "str!", "store_id": "str", "customer_postcode": "str", "collection": "id!"},
    models.Store: {
        "store_id": "str!",
        "store_name": "str",
        "address": "str",
        "state": "str",
        "postcode": "str",
        "phone": "str",
        "lat": "number",
        "lon": "number",
        "status": "str",
    },
    models.User: {"id": "id!", "name": "str", "email": "str"},
    models.Zipcode: {
        "id": "id!",
        "zipcode": "str",
        "status": "str",
        "domain": "object",
        "created_at": "date",
        "updated_at": "date",
    },
    asins._Counted: {"total_count": "id!", "asin_list": "rows with id"},
    categories._Submitted: {"id": "id!", "runner_id": "id!"},
    categories._Cancelled: {"id": "id!", "revoked": "bool!"},
    collections._Deleted: {"detail": "str"},
    JournalRecord: {
        "state": "str!",
        "shard": "id!",
        "name": "str!",
        "domain": "str!",
        "postcode": "str!",
        "items": "strings!",
        "collection": "id!",
        "added": "with count!",
    },
}
OURS = {"ambiguous", "assumed", "blank_rows", "extra"}  # the service does not know these
REQUIRED = {
    models.AddResult: ["success_count"],
    models.Asin: ["id", "asin"],
    models.CategoryRun: ["id", "collection", "is_download_generated"],
    models.Login: ["token"],
    models.Run: ["id", "collection", "is_download_generated"],
    models.Sku: ["id", "sku"],
    models.Store: ["store_id"],
    asins._Counted: ["total_count"],
    categories._Submitted: ["id", "runner_id"],
    categories._Cancelled: ["revoked"],
    JournalRecord: ["state"],
    **{
        kind: ["id"]
        for kind in (
            *(models.Collection, models.DomainRef, models.Output, models.PostcodeRef),
            *(models.Profile, models.User, models.Zipcode),
        )
    },
}
GOOD: dict[str, Any] = {
    "id": 7,
    "int": 7,
    "bool": True,
    "str": "x",
    "number": 1.5,
    "date": DATE,
    "any": [1],
    "object": {"a": [1]},
    "strings": ["x", "y"],
    "rows": [{"colour": "red"}, {}],
    "rows with id": [{"id": 7, "asin": "x"}],
    "reference": {"id": 7},
    "with id": {"id": 7},
    "with count": {"success_count": 7},
    "links": {"pages": ["x"], "all_pages": ""},
}
VALUES: list[Any] = [
    *(None, True, False, 0, -1, 5, 1760000000, 2**53 + 1, -(2**53) - 1, 10**400, 2.0, 1.5, float("inf")),
    *("", "x", "3", "true", DATE, "0000-00-00T00:00:00Z", "2026-06-20 10:00:00 UTC", "20 June 2026", "2026-13-01"),
    *([], [5], ["x"], [None], [{}], [[]], {}, {"id": 1}, {"id": "x"}, {"id": 2**60}, {"pages": "x"}, {"pages": [5]}),
    {"success_count": 5},
]


def is_id(value: object) -> bool:
    """Whether it can be the id of a row."""
    return type(value) is int and abs(value) <= 2**53


def all_of(kind: type) -> Callable[[Any], bool]:
    """Whether it is an array of such values."""
    return lambda value: type(value) is list and all(type(one) is kind for one in value)


FITS: dict[str, Callable[[Any], bool]] = {
    "id": is_id,
    "int": lambda value: type(value) is int,
    "bool": lambda value: type(value) is bool,
    "str": lambda value: type(value) is str,
    "number": lambda value: type(value) in {int, float} and value != 10**400,
    "date": lambda value: value == DATE,
    "any": lambda _: True,
    "object": lambda value: type(value) is dict and is_id(value.get("id", 0)),
    "strings": all_of(str),
    "rows": all_of(dict),
    "rows with id": lambda value: value == [],
    "reference": lambda value: is_id(value) or (type(value) is dict and is_id(value.get("id"))),
    "with id": lambda value: type(value) is dict and is_id(value.get("id")),
    "with count": lambda value: type(value) is dict and "success_count" in value,
    "links": lambda value: type(value) is dict and "pages" not in value,
}
# What is of the right JSON type, and has a wrong or missing strict field inside: the answer is refused.
WRONG_INSIDE: dict[str, Callable[[Any], bool]] = {
    "object": lambda value: type(value) is dict,
    "rows with id": lambda value: value == [{}],
    "reference": lambda value: type(value) is int or type(value) is dict,
    "with id": lambda value: type(value) is dict,
}
FREE = {"progress", "schedule_time"}  # objects of any content


def row_of(kind: type) -> dict[str, Any]:
    """A whole row of a model."""
    return {name: GOOD[json.removesuffix("!")] for name, json in FIELDS[kind].items()}


def outcome(kind: type, name: str, value: Any) -> str:
    """What a value in a field is worth: it is read, or null, or set aside, or refused."""
    json = FIELDS[kind][name]
    strict, json = json.endswith("!"), json.removesuffix("!")
    if value is None and json != "any":
        return "refused" if name in REQUIRED.get(kind, ()) else "null"
    if FITS[json](value) or (name in FREE and type(value) is dict):
        return "read"
    inside = WRONG_INSIDE.get(json, lambda _: False)(value)
    return "refused" if strict or inside else "aside"


def all_models(kind: type[models.Model] = models.Model) -> set[type]:
    """Every class of answers, private ones too."""
    return {one for child in kind.__subclasses__() for one in {child, *all_models(child)}} - {Undocumented}


def test_no_model_is_left_out() -> None:
    """Nor any field of one."""
    ours = {kind for kind in all_models() if kind.__module__.startswith("multicart_async.")}

    assert ours == set(FIELDS)
    for kind, fields in FIELDS.items():
        assert {field.name for field in attrs.fields(kind)} - OURS == set(fields)


@pytest.mark.parametrize("kind", FIELDS, ids=lambda kind: kind.__name__)
def test_a_whole_row_is_read_whole(kind: Any) -> None:
    """Nothing is set aside."""
    model = decode(row_of(kind), kind, "/p/")

    assert model.extra == {}
    assert not any(getattr(model, name) is None for name in FIELDS[kind])


@pytest.mark.parametrize("kind", FIELDS, ids=lambda kind: kind.__name__)
def test_an_odd_field_costs_that_field_or_the_answer(kind: Any) -> None:
    """A strict one is refused by name; any other is None, its value stays in ``extra``, and the rest is as it was."""
    whole = decode(row_of(kind), kind, "/p/")
    for name, value in itertools.product(FIELDS[kind], VALUES):
        row = {**row_of(kind), name: value}
        what = outcome(kind, name, value)
        if what == "refused":
            with pytest.raises(InvalidResponseError, match=rf"@ data\.{name}\b"):
                decode(row, kind, "/p/")
            continue
        model = decode(row, kind, "/p/")

        assert model.extra == ({name: value} if what == "aside" else {}), (name, value)
        assert what != "aside" or getattr(model, name) is None, (name, value)
        assert attrs.evolve(model, **{name: getattr(whole, name)}) == whole, (name, value)


@pytest.mark.parametrize("kind", FIELDS, ids=lambda kind: kind.__name__)
def test_nothing_is_converted(kind: Any) -> None:
    """What is read is what came: ``2.0`` is no integer and ``1`` is not true; only a number may be a whole one."""
    for name, json in FIELDS[kind].items():
        for value in VALUES:
            if json.removesuffix("!") in {"id", "int", "bool", "str", "any"} and outcome(kind, name, value) == "read":
                read = getattr(decode({**row_of(kind), name: value}, kind, "/p/"), name)
                assert (type(read), read) == (type(value), value), name


@pytest.mark.parametrize("kind", FIELDS, ids=lambda kind: kind.__name__)
def test_only_what_is_relied_on_must_be_there(kind: Any) -> None:
    """A strict field that every documented answer has; any other that is missing is None, or no rows."""
    required = REQUIRED.get(kind, [])
    model = decode({name: row_of(kind)[name] for name in required}, kind, "/p/")

    assert model.extra == {}
    for name in required:
        with pytest.raises(InvalidResponseError, match=rf"required field missing @ data\.{name}\b"):
            decode({other: value for other, value in row_of(kind).items() if other != name}, kind, "/p/")


RUN = {"id": 88, "collection": 101, "is_download_generated": True}
ODD_DATES = ["", "yesterday", "0000-00-00T00:00:00Z", "2026-06-20T10:00:00 UTC", "2026-02-30", 1760000000, 1.76e9, True]


@pytest.mark.parametrize("value", ODD_DATES, ids=repr)
def test_an_odd_date_does_not_hide_a_finished_run(value: object) -> None:
    """The run is finished all the same, and what came is there to be looked at."""
    run = decode({**RUN, "updated_at": value, "total_results": "3"}, Run, "/p/")

    assert run.is_download_generated
    assert (run.updated_at, run.total_results) == (None, None)
    assert run.extra == {"updated_at": value, "total_results": "3"}


@pytest.mark.parametrize("rows", [Run, Collection, Asin, Plan, Zipcode], ids=lambda kind: kind.__name__)
def test_null_is_no_rows(rows: Any) -> None:
    """At once and in steps."""
    assert decode(None, tuple[rows, ...], "/p/") == ()
    with pytest.raises(StopIteration) as ended:
        next(decode_incrementally(None, tuple[rows, ...], "/p/"))
    assert ended.value.value == ()


def test_null_is_no_rows_inside_a_row_either() -> None:
    """None of them is set aside."""
    tree = decode({"total": 0, "categories": None}, CatalogueTree, "/p/")
    scrape = decode({**RUN, "asins": None, "download_links": {"pages": None}}, CategoryRun, "/p/")

    assert (tree.categories, scrape.asins, scrape.download_links.pages) == ((), (), ())
    assert (tree.extra, scrape.extra, scrape.download_links.extra) == ({}, {}, {})


def test_an_array_with_one_odd_row_is_set_aside_whole() -> None:
    """No row of it is lost, and none is made up."""
    features = [{"text": "a"}, "1 000 scrapes"]
    plan = decode({"id": 1, "features": features}, Plan, "/p/")

    assert plan.features is None
    assert plan.extra == {"features": features}


def test_an_odd_field_of_a_joined_row_stays_there() -> None:
    """Each row keeps its own."""
    row = decode({"id": 1, "domain": {"id": 2, "country_code": 61}}, Zipcode, "/p/")

    assert row.extra == {}
    assert row.domain is not None
    assert row.domain.extra == {"country_code": 61}


def test_what_is_ours_is_not_lost_to_an_odd_field_of_that_name() -> None:
    """A field that the service does not know keeps its default: there is no null for it."""
    run = decode({**RUN, "ambiguous": "maybe"}, Run, "/p/")

    assert run.ambiguous is False
    assert run.extra == {"ambiguous": "maybe"}


def test_all_strict_faults_of_a_row_are_named() -> None:
    """Those inside of it, too; lenient ones are no faults."""
    row = {"id": "x", "is_download_generated": 1, "download_links": {"pages": [1], "all_pages": 2}, "updated_at": 3}
    with pytest.raises(InvalidResponseError) as caught:
        decode([row], tuple[Run, ...], "/p/")

    assert str(caught.value) == (
        "/p/: not the documented shape: expected an integer, got a string @ data[0].id; "
        "expected true or false, got an integer @ data[0].is_download_generated; "
        "expected a string, got an integer @ data[0].download_links.pages[0]; "
        "expected a string, got an integer @ data[0].download_links.all_pages; "
        "required field missing @ data[0].collection"
    )


def test_ids_that_would_collide_are_refused() -> None:
    """Python's integers hash modulo 2 ** 61 - 1: a dict of such ids would be quadratic. Zero and below are read."""
    with pytest.raises(InvalidResponseError, match=r"expected an integer within ±2\*\*53, got a larger one @ data\.id"):
        decode({**RUN, "id": 2**61 - 1}, Run, "/p/")

    assert [decode({**RUN, "id": number}, Run, "/p/").id for number in (0, -1, 2**53)] == [0, -1, 2**53]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from([DATE, 2**53 + 1]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["id", "pages", "success_count", "asin", "x"]), inner, max_size=3)
    ),
    max_leaves=5,
)


@st.composite
def rows(draw: st.DrawFn) -> tuple[Any, dict[str, Any]]:
    """A model, and a row of it in which some fields hold anything."""
    kind = draw(st.sampled_from([*FIELDS]))
    names = draw(st.lists(st.sampled_from([*FIELDS[kind], "colour"]), max_size=4))
    return kind, {**row_of(kind), **{name: draw(json_values) for name in names}}


@settings(max_examples=int(os.environ.get("MULTICART_EXAMPLES", "300")))
@given(rows())
def test_every_row_is_read_or_refused(case: tuple[Any, dict[str, Any]]) -> None:
    """No other exception; and what was set aside is there as it came. MULTICART_EXAMPLES=100000 runs it at length."""
    kind, row = case
    try:
        model = decode(row, kind, "/p/")
    except InvalidResponseError:
        return

    for name, value in model.extra.items():
        assert row[name] is value
        assert getattr(model, name, None) is None
