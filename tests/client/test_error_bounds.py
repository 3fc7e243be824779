"""Errors, warnings, events and reports: what they keep of others is bounded, what they show is safe to print."""

from __future__ import annotations

import copy
import json
import pickle
import traceback
import unicodedata
import warnings
from pathlib import Path
from typing import Any

import pytest
from test_errors import SAMPLES, STARTED

from multicart_async.errors import (
    APIConnectionError,
    APIError,
    CategoryFailedError,
    DiskError,
    ItemsRejectedError,
    MultiCartError,
    MultiCartWarning,
    RunFailedError,
    WaitTimeoutError,
)
from multicart_async.events import Retrying, RunProgress
from multicart_async.models import (
    AddResult,
    Collection,
    ErrorRow,
    RunDownload,
    RunState,
    SyncFailure,
    SyncReport,
    VerifyFailure,
)
from multicart_async.models import Run as RunRow

EVIL = "\x1b]52;c;aGk=\x07 \u202e\u2028\x85\ud800\U000e0001\x00\x9b"
LONG = "x" * 20_000_000
ADVICE = "call it again with a new journal"
RUN = RunRow(id=88, collection=101, is_download_generated=True)


def is_safe(text: str) -> bool:
    """Whether a terminal can be given the text."""
    return not {unicodedata.category(letter) for letter in text} & {"Cc", "Cf", "Cs", "Zl", "Zp"}


def with_text(error: MultiCartError, text: str) -> MultiCartError:
    """The same error, with *text* in each attribute that holds one."""
    twin = copy.copy(error)
    for name, value in vars(twin).items():
        if isinstance(value, str):
            setattr(twin, name, text)
    return twin


@pytest.mark.parametrize("error", SAMPLES, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("text", [EVIL, EVIL * 1_000, "x" * 100_000], ids=["evil", "long and evil", "long"])
def test_the_text_of_an_error_is_short_and_safe(error: MultiCartError, text: str) -> None:
    """For any attributes the text is one line of at most 500 characters, also in a traceback; attributes are kept."""
    twin = with_text(error, text)

    assert len(str(twin)) <= 500
    assert is_safe(str(twin))
    assert is_safe(traceback.format_exception_only(twin)[-1].removesuffix("\n"))
    assert is_safe(repr(twin))


REFUSED: dict[str, Any] = {
    "text": LONG,
    "rows": ["abcdefgh"] * 1_000_000,
    "object": {"errors": {"asin": LONG}},
}


@pytest.mark.parametrize("detail", REFUSED.values(), ids=REFUSED)
def test_a_refusal_keeps_4_kib_of_its_detail(detail: Any) -> None:
    """The bound holds in ``args``, pickles and copies too; a structure becomes the beginning of its JSON text."""
    error = APIError.of("/p/", 400, detail)

    for one in (error, copy.copy(error), copy.deepcopy(error), pickle.loads(pickle.dumps(error))):
        assert isinstance(one.detail, str)
        assert len(one.detail) <= 4096
        assert len(one.reason) <= 500
        assert len(one.args[0]) <= 500
        assert len(str(one)) <= 500
        assert one.detail[:100] == (detail if isinstance(detail, str) else json.dumps(detail))[:100]
    assert len(pickle.dumps(error)) < 10_000


def test_a_small_detail_stays_as_it_came() -> None:
    """A small detail keeps its control characters, and a structure stays a structure."""
    assert APIError("/p/", 400, {"why": EVIL}).detail == {"why": EVIL}
    assert APIError("/p/", 400, EVIL).detail == EVIL
    assert str(APIError("/p/", 400, "a\x1bb")) == r"/p/: code 400: a\x1bb"


def test_our_own_words_at_the_end_are_not_cut() -> None:
    """A long text of the service loses its middle; attempts and advice after it stay."""
    refused = APIError("/p/", 500, LONG)
    lost = APIConnectionError("/p/", LONG)
    refused.attempts = lost.attempts = 3

    assert str(refused).startswith("/p/: code 500: xxx")
    assert str(refused).endswith("xxx… (after 3 attempts)")
    assert str(lost).endswith("xxx (after 3 attempts)")
    assert str(DiskError("/" + "d" * 5_000, f"{LONG}; {ADVICE}")).endswith(f"x; {ADVICE}")
    assert str(DiskError("/" + "d" * 5_000, ADVICE)).endswith(f"d: {ADVICE}")


def test_a_file_name_is_shown_with_its_line_breaks_escaped() -> None:
    """A line break in a name is escaped, so that two names do not look alike; the attribute is unchanged."""
    error = DiskError("/data/a\nb\x1b", "no")

    assert str(error) == r"/data/a\nb\x1b: no"
    assert error.name == "/data/a\nb\x1b"


@pytest.mark.parametrize("kind", [RunFailedError, CategoryFailedError])
def test_a_failed_message_is_kept_in_part(kind: type[RunFailedError]) -> None:
    """Of a long message the first 4 KiB are kept, unescaped; a short one is kept whole."""
    error = kind(f"the run failed: {LONG}", started=STARTED, failed_message=LONG)

    assert error.failed_message is not None
    assert len(error.failed_message) <= 4096
    assert len(str(error)) <= 500
    assert str(error).startswith("the run failed: xxx")
    assert kind("no", failed_message=EVIL).failed_message == EVIL


def test_what_the_service_answered_is_not_cut_in_a_model() -> None:
    """``last`` and the ``failed_message`` of a row are values of the service, and are not cut."""
    state = RunState(run=None, schedule_status="x" * 10_000, waited=1.0)

    assert WaitTimeoutError("no", last=state).last.schedule_status == "x" * 10_000
    assert Collection(id=1, failed_message="x" * 10_000).failed_message == "x" * 10_000


def test_rejected_rows_are_shown_in_part() -> None:
    """The text shows the first item and its reason; ``added`` has all rows whole."""
    added = AddResult(success_count=1, error_rows=(ErrorRow(asin="B" * 10_000, error=LONG + EVIL),))
    error = ItemsRejectedError(added)

    assert len(str(error)) <= 500
    assert str(error).startswith("1 items added, 1 rejected; the first: BBB")
    assert is_safe(str(error))
    assert error.added.error_rows[0].error == LONG + EVIL


def test_a_warning_is_safe_to_print() -> None:
    """Names of collections are escaped in warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.warn(f"the name {EVIL}", MultiCartWarning, stacklevel=1)

    assert str(caught[0].message).startswith(r"the name \x1b]52;c;")
    assert is_safe(str(caught[0].message))


def test_an_event_keeps_a_short_status_and_shows_it_escaped() -> None:
    """A long status is cut, and the ``repr`` of the event escapes it."""
    event = RunProgress(collection_id=1, run_id=None, status=EVIL + LONG, waited=0.0, finished=False)
    again = Retrying(path="/p/", attempt=2, error=APIError("/p/", 500, EVIL + LONG))

    assert event.status is not None
    assert len(event.status) == 500
    assert event.status.startswith(EVIL)
    assert is_safe(repr(event))
    assert is_safe(repr(again))
    assert len(repr(again)) < 2_000
    assert RunProgress(collection_id=1, run_id=None, status=None, waited=0.0, finished=False).status is None


def test_a_report_is_safe_to_print() -> None:
    """Failures, differences and reasons are escaped, also those of other libraries' errors; paths are unchanged."""
    failures = (SyncFailure(101, 88, f"page{EVIL}", ValueError(EVIL)), SyncFailure(None, None, None, OSError(EVIL)))
    report = SyncReport(failures=failures, differences=(f"a{EVIL}", LONG))
    verified = VerifyFailure(f"101/88/{EVIL}", f"cannot be read: {EVIL}{LONG}")
    download = RunDownload(RUN, Path(), (), 0, 0, (EVIL,))

    texts = [*map(str, failures), *report.differences, *download.differences, str(verified), verified.reason]
    assert [text for text in [*texts, repr(report), repr(verified), repr(download)] if not is_safe(text)] == []
    assert max(map(len, texts)) <= 1_002
    assert str(failures[0]).startswith(r"101/88/page\x1b]52;c;")
    assert verified.path == f"101/88/{EVIL}"
