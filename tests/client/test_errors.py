"""The tree of errors: what each is, what it says, that it travels."""

from __future__ import annotations

import copy
import errno
import pickle

import pytest

from multicart_async import errors
from multicart_async.errors import (
    AmbiguousRunError,
    APIConnectionError,
    APIError,
    APITimeoutError,
    ArgumentError,
    AuthenticationError,
    BadRequestError,
    CategoryFailedError,
    ClientClosedError,
    ConfigurationError,
    ConflictError,
    DiskError,
    DownloadError,
    IncompleteDownloadError,
    IncompleteRunError,
    InsufficientCreditsError,
    IntegrityError,
    InvalidResponseError,
    ItemsRejectedError,
    MultiCartError,
    MultiCartWarning,
    NotFoundError,
    OutcomeUnknownError,
    PermissionDeniedError,
    RateLimitError,
    ResponseTooLargeError,
    RunCancelledError,
    RunFailedError,
    ServerError,
    StalledDownloadError,
    UnreachableResultError,
    WaitError,
    WaitTimeoutError,
    ZipcodeFailedError,
)
from multicart_async.models import AddResult, ErrorRow, Run, RunState, StartedCategory, StartedRun, Zipcode

STARTED = StartedRun(101, 87)
RUN = Run(id=88, collection=101, is_download_generated=False, extra={"colour": "red"})
OTHER = Run(id=89, collection=101, is_download_generated=False)
STATE = RunState(run=RUN, schedule_status="Processing", waited=1.5)
ZIPCODE = Zipcode(id=15, zipcode="4500", status="failed", extra={"colour": "red"})
ADDED = AddResult(success_count=1, error_rows=(ErrorRow(asin="B0", error="Duplicate\nentry"),))
TEXT = "first line\r\nsecond\u2028third\tand   blanks"

SAMPLES: tuple[MultiCartError, ...] = (
    MultiCartError(TEXT),
    ConfigurationError(TEXT),
    ArgumentError("name", TEXT),
    ClientClosedError(),
    APIConnectionError("/p/", TEXT, sent=False, retryable=False),
    APITimeoutError("/p/", TEXT),
    OutcomeUnknownError("/p/", TEXT, started=STARTED),
    InvalidResponseError("/p/", TEXT, http_status=502),
    ResponseTooLargeError("/p/", TEXT),
    APIError("/p/", None, {"why": TEXT}, http_status=418, retry_after=2.5),
    BadRequestError("/p/", 400, TEXT),
    AuthenticationError("/p/", 401, TEXT),
    InsufficientCreditsError("/p/", 402, TEXT),
    PermissionDeniedError("/p/", 403, TEXT),
    NotFoundError("/p/", 404, [TEXT]),
    ConflictError("/p/", 409, TEXT),
    RateLimitError("/p/", 429, TEXT, http_status=429, retry_after=7.0),
    ServerError("/p/", 503, TEXT, http_status=503),
    ItemsRejectedError(ADDED),
    WaitError(TEXT, started=101, last=3),
    WaitTimeoutError(TEXT, started=STARTED, last=STATE),
    RunFailedError(TEXT, started=STARTED, last=STATE, failed_message=TEXT),
    CategoryFailedError(TEXT, started=StartedCategory(5, 6), failed_message="no"),
    RunCancelledError(TEXT, started=5),
    AmbiguousRunError(TEXT, started=STARTED, runs=(RUN, OTHER)),
    ZipcodeFailedError(TEXT, zipcode=ZIPCODE),
    DownloadError("results/1/2/page 1", TEXT),
    IncompleteDownloadError("results/1/2/page 1", TEXT),
    StalledDownloadError("results/1/2/page 1", TEXT),
    IntegrityError("results/1/2/page 1", TEXT),
    IncompleteRunError("results/1/2", TEXT),
    UnreachableResultError("results/1/2", TEXT),
    DiskError("/data/1/2", TEXT, errno.ENOSPC),
)

every_error = pytest.mark.parametrize("error", SAMPLES, ids=lambda error: type(error).__name__)


def test_each_public_error_is_among_the_samples() -> None:
    """The samples below are all there is: a new error must be added to them."""
    public = {getattr(errors, name) for name in errors.__all__}

    assert public - {MultiCartWarning} == {type(error) for error in SAMPLES}


def same(left: MultiCartError, right: MultiCartError) -> bool:
    """Whether two errors cannot be told apart."""
    return (
        type(left) is type(right)
        and vars(left) == vars(right)
        and left.args == right.args
        and str(left) == str(right)
        and getattr(left, "errno", None) == getattr(right, "errno", None)
    )


@every_error
def test_an_error_survives_pickle(error: MultiCartError) -> None:
    """Another process gets the error with all that it holds."""
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        assert same(error, pickle.loads(pickle.dumps(error, protocol)))


@every_error
def test_an_error_survives_copying(error: MultiCartError) -> None:
    """A copy and a deep copy are equal, and other objects."""
    for twin in (copy.copy(error), copy.deepcopy(error)):
        assert twin is not error
        assert same(error, twin)


@every_error
def test_an_error_is_one_line_of_text(error: MultiCartError) -> None:
    """Whatever the service or the system said, a log gets one line, and not an empty one."""
    assert len(str(error).splitlines()) == 1
    assert "\t" not in str(error)


@every_error
def test_an_error_has_one_root_and_is_no_group(error: MultiCartError) -> None:
    """``except MultiCartError`` takes everything, ``except*`` is not needed."""
    assert isinstance(error, MultiCartError)
    assert not isinstance(error, BaseExceptionGroup)


@every_error
def test_an_error_has_no_report_of_its_own(error: MultiCartError) -> None:
    """``report`` is there for every error; only rejected items bring one along."""
    assert (ADDED if isinstance(error, ItemsRejectedError) else None) == error.report


@every_error
def test_what_a_call_adds_to_an_error_travels_too(error: MultiCartError) -> None:
    """Attempts, reports and notes are set after construction, and survive pickle."""
    twin = copy.copy(error)
    twin.report = ADDED
    twin.add_note("a note")

    revived = pickle.loads(pickle.dumps(twin))

    assert revived.report == ADDED
    assert revived.__notes__ == ["a note"]


BUILTINS = {
    ConfigurationError: ValueError,
    ArgumentError: ValueError,
    ClientClosedError: RuntimeError,
    APIConnectionError: ConnectionError,
    APITimeoutError: TimeoutError,
    OutcomeUnknownError: ConnectionError,
    WaitTimeoutError: TimeoutError,
    DownloadError: OSError,
    StalledDownloadError: TimeoutError,
    DiskError: OSError,
}


@pytest.mark.parametrize(("kind", "builtin"), BUILTINS.items(), ids=lambda kind: kind.__name__)
def test_errors_are_the_builtin_ones_too(kind: type, builtin: type) -> None:
    """Who knows only Python's own errors catches the fitting one."""
    assert issubclass(kind, builtin)


PARENTS = {
    ArgumentError: ConfigurationError,
    APITimeoutError: APIConnectionError,
    OutcomeUnknownError: APIConnectionError,
    ResponseTooLargeError: InvalidResponseError,
    RunFailedError: WaitError,
    CategoryFailedError: WaitError,
    RunCancelledError: WaitError,
    AmbiguousRunError: WaitError,
    ZipcodeFailedError: WaitError,
    IncompleteDownloadError: DownloadError,
    IntegrityError: DownloadError,
    IncompleteRunError: DownloadError,
    UnreachableResultError: DownloadError,
    DiskError: DownloadError,
}


@pytest.mark.parametrize(("kind", "parent"), PARENTS.items(), ids=lambda kind: kind.__name__)
def test_the_tree_has_the_documented_branches(kind: type, parent: type) -> None:
    """The branches that the documentation draws."""
    assert issubclass(kind, parent)


CODES = [
    (400, BadRequestError),
    (401, AuthenticationError),
    (402, InsufficientCreditsError),
    (403, PermissionDeniedError),
    (404, NotFoundError),
    (409, ConflictError),
    (429, RateLimitError),
    (500, ServerError),
    (503, ServerError),
    (599, ServerError),
    (600, APIError),
    (418, APIError),
    (0, APIError),
    (None, APIError),
]


@pytest.mark.parametrize(("code", "kind"), CODES)
def test_a_code_has_its_class(code: int | None, kind: type[APIError]) -> None:
    """The most specific class for a code; others are plain `APIError`."""
    error = APIError.of("/p/", code, "no", http_status=200, retry_after=3.0)

    assert kind is type(error)
    assert (code, 3.0, 200, "no") == (error.code, error.retry_after, error.http_status, error.detail)


def test_an_api_error_says_where_what_and_how_often() -> None:
    """Path, code, the service's sentence, and the attempts if there was more than one."""
    error = APIError("/p/", 400, "no name")
    assert str(error) == "/p/: code 400: no name"

    error.attempts = 3
    assert str(error) == "/p/: code 400: no name (after 3 attempts)"


def test_an_api_error_without_a_code_says_so() -> None:
    """An envelope can fail without a code."""
    assert str(APIError("/p/", None, {"a": 1})) == "/p/: no code: {'a': 1}"


def test_a_lost_connection_says_how_often_it_was_tried() -> None:
    """The attempts are in the text when there was more than one."""
    error = APIConnectionError("/p/", "reset")
    assert str(error) == "/p/: reset"

    error.attempts = 5
    assert str(error) == "/p/: reset (after 5 attempts)"


def test_an_invalid_response_tells_the_http_status() -> None:
    """A proxy's page is easier to understand with its status."""
    assert str(InvalidResponseError("/p/", "no envelope", http_status=502)) == "/p/: HTTP 502: no envelope"
    assert str(InvalidResponseError("/p/", "no envelope")) == "/p/: no envelope"


def test_rejected_items_are_counted_and_the_first_is_named() -> None:
    """The text helps without reading ``added``."""
    assert str(ItemsRejectedError(ADDED)) == "1 items added, 1 rejected; the first: B0: Duplicate entry"
    assert str(ItemsRejectedError(AddResult(success_count=2))) == "2 items added, 0 rejected"


def test_a_disk_error_has_an_errno() -> None:
    """``errno`` is where `OSError` has it, and the text names the file."""
    error = DiskError("/data/x", "no space left", errno.ENOSPC)

    assert error.errno == errno.ENOSPC
    assert str(error) == "/data/x: no space left"


def test_an_ambiguous_run_shows_the_first_as_last_seen() -> None:
    """``last`` is the smallest of ``runs``, and ``None`` if there are none."""
    assert AmbiguousRunError("two", runs=(RUN, OTHER)).last == RUN
    assert AmbiguousRunError("two").last is None


def test_a_failed_postcode_is_what_was_waited_for() -> None:
    """Its row, and the id of that row."""
    error = ZipcodeFailedError("no", zipcode=ZIPCODE)

    assert (error.started, error.last, error.zipcode) == (15, ZIPCODE, ZIPCODE)


def test_an_argument_error_names_the_argument() -> None:
    """The text begins with the argument's name."""
    assert str(ArgumentError("limit", "too small")) == "limit: too small"


def test_the_warning_is_a_user_warning() -> None:
    """It shows without any configuration, and can be filtered."""
    assert issubclass(MultiCartWarning, UserWarning)
