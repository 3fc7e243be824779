"""Models are frozen values; what they add to the wire is little."""

from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path

import attrs
import pytest

from multicart_async import models
from multicart_async.errors import ItemsRejectedError
from multicart_async.models import (
    AddResult,
    Asin,
    CategoryRun,
    Collection,
    DeleteReport,
    DomainRef,
    DownloadedFile,
    DownloadLinks,
    ErrorRow,
    Model,
    PostcodeRef,
    Run,
    RunDownload,
    RunState,
    StartedCategory,
    StartedRun,
)

RUN = Run(id=88, collection=101, is_download_generated=True)
CLASSES = [kind for kind in (getattr(models, name) for name in models.__all__) if attrs.has(kind)]


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_a_model_cannot_be_changed(kind: type[attrs.AttrsInstance]) -> None:
    """Every model is frozen, so that several tasks can hold one."""
    value = object.__new__(kind)
    for field in attrs.fields(kind):
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            setattr(value, field.name, 1)


def test_a_model_travels_with_its_unknown_fields() -> None:
    """Pickle and copies keep ``extra``."""
    run = Run(id=1, collection=2, is_download_generated=False, extra={"a": 1})

    for again in (pickle.loads(pickle.dumps(run)), copy.deepcopy(run), copy.copy(run)):
        assert run == again
        assert again.extra == {"a": 1}


def test_unknown_fields_are_neither_shown_nor_compared() -> None:
    """They may be anything, and large."""
    run = Run(id=1, collection=2, is_download_generated=False, extra={"secret": 1})

    assert Run(id=1, collection=2, is_download_generated=False) == run
    assert "secret" not in repr(run)
    assert Model().extra == {}


def test_a_started_run_is_two_integers() -> None:
    """Another process can take it from JSON and go on waiting."""
    for started in (StartedRun(101, 87), StartedCategory(5, 6)):
        again = type(started)(**json.loads(json.dumps(attrs.asdict(started))))

        assert started == again
        assert hash(started) == hash(again)


def test_the_wires_misspelling_has_a_better_name() -> None:
    """Both give the same number."""
    run = attrs.evolve(RUN, total_exacted_result=9, total_results=10)

    assert run.total_extracted_results == 9
    assert RUN.total_extracted_results is None


EMPTY = [
    (True, DownloadLinks(), True),
    (True, DownloadLinks(all_pages=""), True),
    (True, DownloadLinks(pages=("a",)), False),
    (True, DownloadLinks(all_pages="z"), False),
    (False, DownloadLinks(), False),
]


@pytest.mark.parametrize(("finished", "links", "empty"), EMPTY)
def test_a_run_is_empty_when_finished_without_a_file(finished: bool, links: DownloadLinks, empty: bool) -> None:
    """An unfinished run is not empty: its files are to come."""
    assert empty == attrs.evolve(RUN, is_download_generated=finished, download_links=links).is_empty


def test_a_state_is_finished_with_its_run() -> None:
    """Not before the row is there, and not before it has its files."""
    unfinished = attrs.evolve(RUN, is_download_generated=False)

    assert [RunState(run=run, schedule_status="Completed", waited=0).finished for run in (None, unfinished, RUN)] == [
        False,
        False,
        True,
    ]


def test_added_batches_add_up() -> None:
    """Counts and rows; unknown fields of both are kept."""
    rows = (ErrorRow(asin="a", error="x"), ErrorRow(sku="b", error="y"))

    total = AddResult(success_count=1, error_rows=rows[:1], extra={"p": 1}) + AddResult(
        success_count=2, error_rows=rows[1:], extra={"q": 2}
    )

    assert AddResult(success_count=3, error_rows=rows) == total
    assert AddResult(success_count=0, blank_rows=2) + AddResult(success_count=1, blank_rows=1) == AddResult(
        success_count=1, blank_rows=3
    )
    assert total.extra == {"p": 1, "q": 2}


def test_rejected_items_can_be_made_an_error() -> None:
    """Only where there are some; the error holds all."""
    AddResult(success_count=2).raise_for_errors()
    added = AddResult(success_count=1, error_rows=(ErrorRow(asin="a", error="x"),))

    with pytest.raises(ItemsRejectedError) as caught:
        added.raise_for_errors()

    assert added is caught.value.added
    assert added is caught.value.report


def test_an_error_row_may_be_about_an_empty_asin() -> None:
    """The row of a CSV whose cell was empty."""
    assert ErrorRow(asin="", sku="s").item == ""


def test_an_error_row_is_about_an_asin_or_a_sku() -> None:
    """Whichever it has."""
    assert [row.item for row in (ErrorRow(asin="a"), ErrorRow(sku="s"), ErrorRow())] == ["a", "s", None]


def test_a_delete_report_is_ok_when_everything_is_gone() -> None:
    """Uncertain and untouched ids are both not gone."""
    assert DeleteReport(deleted=(1,)).ok
    assert not DeleteReport(uncertain=(2,)).ok
    assert not DeleteReport(untouched=(3,)).ok
    assert DeleteReport(deleted=(1,), uncertain=(2,), untouched=(3,)).failed == (2, 3)


def test_records_of_a_category_are_not_shown() -> None:
    """There can be thousands of them."""
    run = CategoryRun(id=1, collection=2, is_download_generated=True, asins=({"asin": "B0"},))

    assert "B0" not in repr(run)


def test_a_collection_needs_an_id_only() -> None:
    """Answers of create and update lack most fields; those are ``None``."""
    fields = attrs.asdict(Collection(id=1), filter=lambda field, _: field.name not in {"id", "extra"})

    assert set(fields.values()) == {None}


@pytest.mark.parametrize(
    ("status", "flags"),
    [("Failed", (True, False)), ("Processing", (False, True)), ("failed", (False, False)), (None, (False, False))],
)
def test_a_collection_says_how_its_last_run_went(status: str | None, flags: tuple[bool, bool]) -> None:
    """By the words of the service, as they are spelt there."""
    row = Collection(id=1, schedule_status=status)

    assert flags == (row.is_failed, row.is_processing)


@pytest.mark.parametrize("request_type", ["amazon", "amazon_category_scrape", None])
def test_a_collection_says_whether_it_is_a_category(request_type: str | None) -> None:
    """By its request type."""
    assert Collection(id=1, request_type=request_type).is_category is (request_type == "amazon_category_scrape")


def test_an_asin_has_the_names_of_its_place() -> None:
    """Where the answer joined them; an id alone has no name."""
    row = Asin(
        id=1,
        asin="B0",
        domain=DomainRef(id=1, domain="amazon.com.au"),
        customer_postcode=PostcodeRef(id=2, zipcode="0800"),
    )
    by_id = Asin(id=1, asin="B0", domain=DomainRef(id=1), customer_postcode=PostcodeRef(id=2))

    assert (row.domain_name, row.postcode_text) == ("amazon.com.au", "0800")
    assert [(one.domain_name, one.postcode_text) for one in (by_id, Asin(id=1, asin="B0"))] == [(None, None)] * 2


def test_a_download_is_a_value() -> None:
    """Equal if all parts are."""
    file = DownloadedFile("a.json", Path("d/a.json"), 3, "ab")

    assert RunDownload(RUN, Path("d"), (file,), 0, 3) == RunDownload(RUN, Path("d"), (attrs.evolve(file),), 0, 3)


def test_a_download_names_the_class_of_its_run() -> None:
    """``RunDownload[Run]`` can be built, compared and pickled; the parameter is for type checkers alone."""
    download = RunDownload[Run](RUN, Path("d"), (), 0, 0)

    assert download == RunDownload(RUN, Path("d"), (), 0, 0)
    assert pickle.loads(pickle.dumps(download)) == download
