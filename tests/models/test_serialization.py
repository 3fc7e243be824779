"""Models, reports and outcomes as dictionaries and as JSON."""

from __future__ import annotations

import copy
import json
import math
import os
import pickle
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multicart_async import Failure, Success, errors, models
from multicart_async._core.redaction import MASK, Redacted, RedactedBytes, RedactedStr
from multicart_async._core.redactor import Redactor
from multicart_async._core.short_repr import short_repr
from multicart_async._http.codec import decode
from multicart_async.models import (
    AddResult,
    Asin,
    AsinRow,
    CatalogueTree,
    CategoryRequest,
    CategoryRun,
    Collection,
    DeleteReport,
    DomainRef,
    DownloadedFile,
    ErrorRow,
    EveryMinutes,
    Login,
    Model,
    Output,
    Plan,
    Profile,
    Run,
    RunDownload,
    RunState,
    Sku,
    StartedCategory,
    StartedRun,
    Store,
    SyncFailure,
    SyncReport,
    Undocumented,
    VerifyFailure,
    VerifyReport,
    Zipcode,
)

RUN = Run(id=88, collection=101, is_download_generated=True)
ENDPOINTS = json.loads((Path(__file__).parents[1] / "data" / "endpoints.json").read_text(encoding="utf-8"))
ANSWERS = {endpoint["id"]: endpoint["response"]["data"] for endpoint in ENDPOINTS if endpoint["response"]}
KINDS: dict[str, Any] = {
    "collections.create": Collection,
    "collections.list": tuple[Collection, ...],
    "collections.get": Collection,
    "collections.update": Collection,
    "collections.results": tuple[Run, ...],
    "asins.create": Asin,
    "asins.create_multiple": AddResult,
    "asins.create_bulk": AddResult,
    "asins.list": tuple[Asin, ...],
    "asins.get": Asin,
    "asins.update": Asin,
    "asins.output_list": tuple[Output, ...],
    "asins.output": Output,
    "category.result": tuple[CategoryRun, ...],
    "users.profile": Profile,
    "zipcodes.create": Zipcode,
    "settings.officeworks_stores": tuple[Store, ...],
    "skus.create": Sku,
    "officeworks.categories": CatalogueTree,
    "plans.list": tuple[Plan, ...],
}
WHOLE = settings(max_examples=int(os.environ.get("MULTICART_EXAMPLES", "60")), deadline=None)
NAMES = st.text("0123456789_ é", max_size=5)  # none of a credential
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)


def written(value: Any) -> Any:
    """What JSON says of a model, or of several."""
    return [json.loads(one.to_json()) for one in value] if isinstance(value, tuple) else json.loads(value.to_json())


def documented(call: str) -> Any:
    """The example of the documentation, the rows of it where it is wrapped."""
    answer = ANSWERS[call]
    return answer["asin_list"] if call == "asins.list" else answer


@pytest.mark.parametrize("call", KINDS)
def test_a_documented_answer_is_written_as_it_came(call: str) -> None:
    """Each key and value is that of the wire, and nothing is added."""
    assert written(decode(documented(call), KINDS[call], "/p/")) == documented(call)


def changed(data: st.DataObject, answer: Any) -> Any:
    """A documented answer without some of its fields, with nulls in place of others, and with undocumented ones."""
    if isinstance(answer, list):
        return [changed(data, row) for row in answer]
    row = {}
    for name, value in answer.items():
        chosen = data.draw(st.sampled_from(["keep", "keep", "drop", "null"]))
        if chosen == "keep" or name in REQUIRED:
            row[name] = value
        elif chosen == "null" and name not in ROWS:
            row[name] = None
    more = data.draw(st.dictionaries(NAMES.map(lambda text: f"new {text}"), JSON, max_size=2))
    return {**row, **more}


REQUIRED = {"id", "collection", "is_download_generated", "asin", "sku", "success_count", "store_id"}
ROWS = {"children", "categories", "features", "error_rows", "asins", "pages", "download_links"}  # null is no rows


@given(st.sampled_from(sorted(KINDS)), st.data())
@WHOLE
def test_any_answer_is_written_as_it_came(call: str, data: st.DataObject) -> None:
    """Fields that are missing stay missing, nulls stay nulls, and undocumented fields are kept with their values."""
    answer = changed(data, documented(call))

    assert written(decode(copy.deepcopy(answer), KINDS[call], "/p/")) == json.loads(json.dumps(answer))


@given(st.dictionaries(st.sampled_from(["name", "created_at", "asin_count", "schedule_time"]), JSON))
@WHOLE
def test_a_value_of_another_type_is_written_as_it_came(fields: dict[str, Any]) -> None:
    """What is set aside as unreadable wins over the null that stands for it."""
    answer = {"id": 1, **fields}
    row = decode(copy.deepcopy(answer), Collection, "/p/")

    assert row.created_at is not None or written(row) == answer


def test_what_came_is_known_after_pickle_copy_and_change() -> None:
    """A null of the answer is written by each copy, and by a changed value; a field that was missing is not."""
    row = decode({"id": 1, "name": None, "new": 1}, Collection, "/p/")

    for again in (
        pickle.loads(pickle.dumps(row, 0)),
        pickle.loads(pickle.dumps(row)),
        copy.copy(row),
        copy.deepcopy(row),
    ):
        assert again.to_dict() == {"id": 1, "name": None, "new": 1}
    assert attrs.evolve(row, priority="High").to_dict() == {"id": 1, "name": None, "new": 1, "priority": "High"}


def test_a_null_of_any_type_is_written() -> None:
    """Also of a field that may hold any value of JSON."""
    assert decode({"id": 1, "price": None}, Plan, "/p/").to_dict() == {"id": 1, "price": None}
    assert decode({"id": 1, "output_json": None}, Output, "/p/").to_dict() == {"id": 1, "output_json": None}


def test_a_model_made_by_hand_has_the_fields_that_were_set() -> None:
    """Required fields and all that are not as by default."""
    assert Collection(id=1, name="x").to_dict() == {"id": 1, "name": "x"}
    assert attrs.evolve(RUN, ambiguous=True).to_dict() == {
        "id": 88,
        "collection": 101,
        "is_download_generated": True,
        "ambiguous": True,
    }
    assert Asin(id=5, asin="B0", domain=DomainRef(id=1)).to_dict() == {"id": 5, "asin": "B0", "domain": {"id": 1}}


def test_a_reference_by_id_is_an_object_by_itself() -> None:
    """Within its row it is the id that came."""
    row = decode({"id": 5, "asin": "B0", "domain": 1}, Asin, "/p/")

    assert row.to_dict() == {"id": 5, "asin": "B0", "domain": 1}
    assert row.domain is not None
    assert row.domain.to_dict() == {"id": 1}


def test_dates_are_iso_8601() -> None:
    """UTC is ``Z``, any other offset is kept."""
    brisbane = timezone(timedelta(hours=10))
    row = Collection(
        id=1, created_at=datetime(2026, 6, 20, 10, tzinfo=UTC), updated_at=datetime(2026, 6, 20, 10, 0, 0, 5, brisbane)
    )

    assert row.to_dict() == {
        "id": 1,
        "created_at": "2026-06-20T10:00:00Z",
        "updated_at": "2026-06-20T10:00:00.000005+10:00",
    }


def test_the_token_of_a_login_is_written_as_dots() -> None:
    """Neither form shows it, nor another credential beside it."""
    login = decode({"token": "9a8b7c6d5e4f", "refresh_token": "c4n4ry", "user": {"id": 1}}, Login, "/p/")

    assert login.to_dict() == {"token": MASK, "refresh_token": MASK, "user": {"id": 1}}
    assert "9a8b7c6d5e4f" not in login.to_json()
    assert login.token == "9a8b7c6d5e4f"


CREDENTIALS = [
    "token",
    "api_key",
    "apiKey",
    "x-api-key",
    "key",
    "API key",
    "password",
    "client_secret",
    "Authorization",
]
HARMLESS = ["keywords", "monkey", "keyed", "name", "turkey_id"]


@pytest.mark.parametrize("name", CREDENTIALS)
def test_undocumented_credentials_are_written_as_dots(name: str) -> None:
    """By their names, however deep, in objects and arrays; what is null or a flag reveals nothing."""
    data = {"a": [{name: "c4n4ry", "b": 1}], name: {"c": "c4n4ry"}}

    for value in (decode(copy.deepcopy(data), Undocumented, "/p/"), Model(extra=copy.deepcopy(data))):
        assert value.to_dict() == {"a": [{name: MASK, "b": 1}], name: MASK}
    assert Model(extra={name: None}).to_dict() == {name: None}
    assert Model(extra={name: True}).to_dict() == {name: True}


@pytest.mark.parametrize("name", HARMLESS)
def test_other_undocumented_fields_are_written_as_they_came(name: str) -> None:
    """A name that merely contains the letters of another is none of a credential."""
    assert Model(extra={name: "x"}).to_dict() == {name: "x"}


def test_records_are_written_as_they_came() -> None:
    """They are what was scraped: a field called key is the shop's."""
    run = CategoryRun(id=1, collection=2, is_download_generated=True, asins=({"asin": "B0", "key": "x"},))

    assert run.to_dict()["asins"] == [{"asin": "B0", "key": "x"}]


@pytest.mark.parametrize("data", [None, "text", [1], 5])
def test_an_undocumented_value_is_written_under_data(data: Any) -> None:
    """to_dict() of an undocumented answer that is not an object is a dictionary with the value under "data"."""
    assert decode(data, Undocumented, "/p/").to_dict() == {"data": data}


@pytest.mark.parametrize("value", [RedactedStr("c4n4ry"), RedactedBytes(b"c4n4ry"), Redacted("c4n4ry")])
def test_redacted_values_are_written_as_their_mask(value: Any) -> None:
    """Wherever one has got to."""
    assert Success(1, {"a": [value]}).to_dict()["value"] == {"a": [MASK]}


def test_numbers_that_json_lacks_are_null() -> None:
    """The service can send 1e999, and JSON can not."""
    assert Model(extra={"a": math.inf, "b": math.nan, "c": 1.5}).to_dict() == {"a": None, "b": None, "c": 1.5}


def test_json_is_one_line_of_ascii() -> None:
    """A lone surrogate, which UTF-8 cannot hold, is in it too."""
    text = Collection(id=1, name="Kühl\n\u2028\ud800").to_json()

    assert text == '{"id": 1, "name": "K\\u00fchl\\n\\u2028\\ud800"}'


def test_a_dictionary_can_be_changed() -> None:
    """It shares nothing with the model."""
    row = decode({"id": 1, "schedule_time": {"hours": ["08.00"]}, "new": {"a": [1]}}, Collection, "/p/")
    found = row.to_dict()
    found["schedule_time"]["hours"].append("x")
    found["new"]["a"].append("x")

    assert row.to_dict() == {"id": 1, "schedule_time": {"hours": ["08.00"]}, "new": {"a": [1]}}


def test_what_is_nested_deeply_is_written() -> None:
    """Deeper than Python's limit of recursion."""
    deep: Any = 1
    for _ in range(5_000):
        deep = [deep]
    found = Model(extra={"a": deep}).to_dict()["a"]
    for _ in range(5_000):
        (found,) = found

    assert found == 1


def test_what_was_started_can_be_started_from_json() -> None:
    """Another process goes on waiting for it."""
    for started in (StartedRun(101, 87), StartedCategory(5, 6)):
        assert type(started)(**json.loads(started.to_json())) == started


FAILURE = errors.NotFoundError("/schedules/get/", 404, "no\x1bne")
NOT_FOUND = {
    "type": "NotFoundError",
    "message": "/schedules/get/: code 404: no\\x1bne",
    "path": "/schedules/get/",
    "code": 404,
}
FILE = DownloadedFile("a.json", Path("d/a.json"), 3, "ab")
OURS = [
    (Success(7, RUN), {"key": 7, "value": RUN.to_dict(), "ok": True, "error": None}),
    (
        Failure(StartedRun(1, 2), FAILURE),
        {"key": {"collection_id": 1, "after_run_id": 2}, "error": NOT_FOUND, "ok": False, "value": None},
    ),
    (
        Failure(7, ValueError("a\nbug")),
        {"key": 7, "error": {"type": "ValueError", "message": "a bug"}, "ok": False, "value": None},
    ),
    (SyncFailure(1, None, None, FAILURE), {"collection": 1, "run": None, "file": None, "error": NOT_FOUND}),
    (VerifyFailure("1/2/a", "gone"), {"path": "1/2/a", "reason": "gone"}),
    (VerifyReport(runs=1), {"runs": 1, "files": 0, "bytes": 0, "failures": [], "repaired": [], "ok": True}),
    (DeleteReport(uncertain=(1,)), {"deleted": [], "uncertain": [1], "untouched": [], "details": [], "ok": False}),
    (FILE, {"name": "a.json", "path": "d/a.json", "size": 3, "sha256": "ab"}),
    (
        RunState(run=None, schedule_status="Pending", waited=0.5),
        {"run": None, "schedule_status": "Pending", "waited": 0.5, "finished": False},
    ),
    (
        CategoryRequest("https://…", domain="d", postcode="0800", price_min_cents=0),
        {"category_url": "https://…", "domain": "d", "postcode": "0800", "price_min_cents": 0},
    ),
    (AsinRow("d", "0800", "B0"), {"domain": "d", "customer_postcode": "0800", "asin": "B0", "include_raw_html": False}),
    (EveryMinutes(30, ["monday"], [8]), {"minutes_frequency": "30", "days_of_week": ["monday"], "hours": ["08.00"]}),
    (
        Success(object, {1: object()}),
        {"key": "<class 'object'>", "value": {"1": "an object of type object"}, "ok": True, "error": None},
    ),
]


@pytest.mark.parametrize(("value", "expected"), OURS, ids=lambda part: type(part).__name__)
def test_reports_and_outcomes_are_written(value: Any, expected: dict[str, Any]) -> None:
    """Each field, and whether all is well; an error has its type, its text and where it happened."""
    assert value.to_dict() == expected
    assert json.loads(value.to_json()) == expected


def test_parts_of_a_report_are_written() -> None:
    """Rows of a download, failures of a mirror and rejected items."""
    download = RunDownload(RUN, Path("d"), (FILE,), 0, 3)
    report = SyncReport(failures=(SyncFailure(1, 2, "a", FAILURE),), failed=1)
    added = AddResult(success_count=1, error_rows=(ErrorRow(asin="a", error="x"),))

    assert download.to_dict()["files"] == [FILE.to_dict()]
    assert (report.to_dict()["ok"], report.to_dict()["failures"]) == (False, [report.failures[0].to_dict()])
    assert added.to_dict() == {"success_count": 1, "error_rows": [{"asin": "a", "error": "x"}]}


def test_every_model_can_be_written() -> None:
    """Each exported class of values has both methods."""
    kinds = [kind for kind in (getattr(models, name) for name in models.__all__) if attrs.has(kind)]

    assert [kind for kind in kinds if not (hasattr(kind, "to_dict") and hasattr(kind, "to_json"))] == []


def test_a_sum_of_results_keeps_what_was_received() -> None:
    """An empty ``error_rows`` of the service is written, also after the results of batches were added."""
    parts = [decode({"success_count": 2, "error_rows": [], "note": "x"}, AddResult, "/p/") for _ in range(2)]

    assert (parts[0] + parts[1]).to_dict() == {"success_count": 4, "error_rows": [], "note": "x"}


def test_a_redacted_copy_keeps_what_was_received() -> None:
    """Only the text that repeats the key differs; nulls and empty arrays of the response stay."""
    row = {
        "id": 7,
        "name": "a",
        "schedule_status": None,
        "domain": 3,
        "note": "the key c4n4ry-c4n4ry",
        "more": {"a": []},
    }
    collection = decode(row, Collection, "/p/")
    shown = Redactor([Redacted("c4n4ry-c4n4ry")]).value(collection)
    unchanged = Redactor([Redacted("another-secret")]).value(collection)

    assert unchanged is collection
    assert shown.to_dict() == {**collection.to_dict(), "note": f"the key {MASK}"}


def test_a_key_that_contains_itself_is_written_short() -> None:
    """An invalid item of a generator is the key of its failure, and may be any object."""
    item: list[Any] = []
    item.append(item)

    assert Failure(item, FAILURE).to_dict()["key"] == short_repr(item)
