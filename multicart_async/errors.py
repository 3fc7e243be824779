"""The errors that this library raises on purpose, under one root.

::

    MultiCartError  .report .file
    ├── ConfigurationError(ValueError)          a setting is missing or wrong
    │   └── ArgumentError  .argument            an argument of a call is wrong: nothing was sent
    ├── ClientClosedError(RuntimeError)
    ├── APIConnectionError(ConnectionError)  .path .sent .retryable .reused .attempts   no response
    │   ├── APITimeoutError(TimeoutError)
    │   └── OutcomeUnknownError  .started       sent, no response, not safe to repeat
    ├── InvalidResponseError  .path .http_status .request_id .headers   not an envelope, not the documented shape or file
    │   └── ResponseTooLargeError
    ├── APIError  .code .http_status .detail .subject .path .attempts .maybe_applied .started .in_envelope
    │             .retry_after .request_id .headers
    │   ├── BadRequestError 400 · AuthenticationError 401 · InsufficientCreditsError 402 · PermissionDeniedError 403
    │   └── NotFoundError 404 · ConflictError 409 · RateLimitError 429 · ServerError 5xx
    ├── ItemsRejectedError                      some of the items were rejected
    ├── WaitError  .started .last
    │   ├── WaitTimeoutError(TimeoutError) · ZipcodeFailedError
    │   └── RunFailedError · CategoryFailedError · RunCancelledError · AmbiguousRunError
    └── DownloadError(OSError)  .name
        ├── IncompleteDownloadError · StalledDownloadError(TimeoutError) · IntegrityError
        └── IncompleteRunError · UnreachableResultError · DiskError

Each message is one line of at most 500 characters, without control characters, headers, keys or queries of URLs. Errors
survive :mod:`pickle` and :mod:`copy`. Attributes hold values as received, including control characters. ``repr`` is one
line too, and shows the attributes that locate the error, such as ``path`` and ``code``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from multicart_async._core.exceptions import (
    ArgumentError,
    ClientClosedError,
    ConfigurationError,
    MultiCartError,
    MultiCartWarning,
)
from multicart_async._core.response_headers import FromResponse
from multicart_async._core.text import bounded_detail, printable
from multicart_async.models.items import ItemsRejectedError

if TYPE_CHECKING:
    from multicart_async.models.categories import StartedCategory
    from multicart_async.models.runs import Run, StartedRun
    from multicart_async.models.zipcodes import Zipcode

__all__ = [
    "APIConnectionError",
    "APIError",
    "APITimeoutError",
    "AmbiguousRunError",
    "ArgumentError",
    "AuthenticationError",
    "BadRequestError",
    "CategoryFailedError",
    "ClientClosedError",
    "ConfigurationError",
    "ConflictError",
    "DiskError",
    "DownloadError",
    "IncompleteDownloadError",
    "IncompleteRunError",
    "InsufficientCreditsError",
    "IntegrityError",
    "InvalidResponseError",
    "ItemsRejectedError",
    "MultiCartError",
    "MultiCartWarning",
    "NotFoundError",
    "OutcomeUnknownError",
    "PermissionDeniedError",
    "RateLimitError",
    "ResponseTooLargeError",
    "RunCancelledError",
    "RunFailedError",
    "ServerError",
    "StalledDownloadError",
    "UnreachableResultError",
    "WaitError",
    "WaitTimeoutError",
    "ZipcodeFailedError",
]

_NAME = 300  # characters of a file's name in a message


def _attempts_text(attempts: int) -> str:
    return f" (after {attempts} attempts)" if attempts > 1 else ""


class APIConnectionError(MultiCartError, ConnectionError):
    """No response was received.

    ``sent`` is ``False`` only when it is certain that no byte of the request reached the service. ``retryable`` is
    ``False`` when another attempt cannot help (a certificate that is not trusted). ``reused`` is ``True`` when the
    request used a pooled connection, which may have died while it was idle.
    """

    _shown = ("path",)

    def __init__(
        self, path: str, reason: str, *, sent: bool = True, retryable: bool = True, reused: bool = False
    ) -> None:
        super().__init__(reason)
        self.path = path
        self.sent = sent
        self.retryable = retryable
        self.reused = reused
        self.attempts = 1

    def _text(self) -> str:
        return f"{self.path}: {self.reason}{_attempts_text(self.attempts)}"


class APITimeoutError(APIConnectionError, TimeoutError):
    """No response was received in time (``Timeouts.connect`` or ``Timeouts.request``)."""


class OutcomeUnknownError(APIConnectionError):
    """The request was sent, no response was received, and sending it again might have its effect twice.

    ``started`` is set for a run: look for a run newer than ``started.after_run_id``, or wait for it, before starting
    another.
    """

    def __init__(self, path: str, reason: str, *, started: StartedRun | None = None) -> None:
        super().__init__(path, reason)
        self.started = started


class InvalidResponseError(FromResponse, MultiCartError):
    """The response is not as documented: no envelope, another shape, a redirect.

    A call that changes something may have taken effect. ``request_id`` and ``headers`` are those of an `APIError`.
    """

    _shown = ("path", "http_status")

    def __init__(self, path: str, reason: str, *, http_status: int | None = None) -> None:
        super().__init__(reason)
        self.path = path
        self.http_status = http_status

    def _text(self) -> str:
        status = "" if self.http_status is None else f"HTTP {self.http_status}: "
        return f"{self.path}: {status}{self.reason}"


class ResponseTooLargeError(InvalidResponseError):
    """A response is larger than ``Limits.response_bytes`` (eight times that in memory).

    Where it may hold a credential, the limit is 256 KiB.
    """


class APIError(FromResponse, MultiCartError):
    """The service rejected the call: the envelope's ``status`` is not 1, or HTTP reports an error without an envelope.

    ``code`` is the envelope's, or HTTP's if there is no envelope, or ``None`` if neither has one. ``detail`` is the
    service's explanation, mostly a sentence; do not rely on its wording. Above 4 KiB it is cut to its beginning; of
    an object or array, to the beginning of its JSON text. ``subject`` is what the call was about, such as
    ``collection 101``, if that is one object. ``maybe_applied`` is ``True`` if an earlier attempt of the same call
    was sent and may have taken effect. ``started`` is set for a run that may have been started and charged although
    a proxy reported a failure: wait for it before starting another. ``in_envelope`` is ``False`` if there was no
    envelope, as on the error page of a proxy. ``headers`` is a selection of the response's headers; ``request_id``
    is the id to quote to the operators of the service, or ``None``.
    """

    _shown = ("path", "code")
    subject: str | None = None
    started: StartedRun | None = None

    def __init__(
        self,
        path: str,
        code: int | None,
        detail: object,
        *,
        http_status: int = 200,
        retry_after: float | None = None,
        in_envelope: bool = True,
    ) -> None:
        self.detail = bounded_detail(detail)
        super().__init__(str(self.detail))
        self.path = path
        self.code = code
        self.http_status = http_status
        self.retry_after = retry_after
        self.in_envelope = in_envelope
        self.attempts = 1
        self.maybe_applied = False

    @classmethod
    def of(
        cls,
        path: str,
        code: int | None,
        detail: object,
        *,
        http_status: int = 200,
        retry_after: float | None = None,
        in_envelope: bool = True,
    ) -> APIError:
        """Return the most specific error for *code*."""
        kind = _FOR_CODE.get(code or 0, ServerError if code is not None and 500 <= code <= 599 else APIError)
        return kind(path, code, detail, http_status=http_status, retry_after=retry_after, in_envelope=in_envelope)

    def _text(self) -> str:
        code = "no code" if self.code is None else f"code {self.code}"
        about = self.subject if self.subject and self.in_envelope else self.path  # a proxy says nothing of the object
        return f"{about}: {code}: {self.reason}{_attempts_text(self.attempts)}"


class BadRequestError(APIError):
    """400: a field is missing or invalid."""


class AuthenticationError(APIError):
    """401: the key or token is missing, wrong or replaced."""


class InsufficientCreditsError(APIError):
    """402: there are fewer credits than items. Nothing was queued or deducted."""


class PermissionDeniedError(APIError):
    """403: it belongs to another account."""


class NotFoundError(APIError):
    """404: it does not exist, or belongs to another account."""

    def _text(self) -> str:
        if self.subject is None or not self.in_envelope:
            return super()._text()
        return f"{self.subject}: not found{_attempts_text(self.attempts)}"


class ConflictError(APIError):
    """409: it exists already, or its state does not allow the call."""


class RateLimitError(APIError):
    """429: too many requests. ``retry_after`` is the pause in seconds that the service asked for, or ``None``."""


class ServerError(APIError):
    """5xx: the service failed. A call that changes something may have taken effect."""


_FOR_CODE: dict[int, type[APIError]] = {
    400: BadRequestError,
    401: AuthenticationError,
    402: InsufficientCreditsError,
    403: PermissionDeniedError,
    404: NotFoundError,
    409: ConflictError,
    429: RateLimitError,
}


class WaitError(MultiCartError):
    """A wait ended without a result.

    ``started`` is what was waited for: wait for it again, here or in another process. ``last`` is the last state seen.
    """

    def __init__(
        self, reason: str, *, started: StartedRun | StartedCategory | int | None = None, last: Any = None
    ) -> None:
        super().__init__(reason)
        self.started = started
        self.last = last


class WaitTimeoutError(WaitError, TimeoutError):
    """``PollPolicy.wait_timeout`` has passed. The operation continues (and costs credits): wait for it again."""


class _EndedBadlyError(WaitError):
    def __init__(
        self,
        reason: str,
        *,
        started: StartedRun | StartedCategory | int | None = None,
        last: Any = None,
        failed_message: str | None = None,
    ) -> None:
        super().__init__(reason, started=started, last=last)
        self.failed_message = None if failed_message is None else str(bounded_detail(failed_message))


class RunFailedError(_EndedBadlyError):
    """The collection's ``schedule_status`` is Failed. ``failed_message`` is the service's reason, or ``None``."""


class CategoryFailedError(_EndedBadlyError):
    """The ``stage`` of a category scrape is failed."""


class RunCancelledError(_EndedBadlyError):
    """A category scrape was cancelled. It cannot be restarted: submit it again."""


class AmbiguousRunError(WaitError):
    """There is more than one new run, for example because a schedule started one too.

    ``runs`` holds them, smallest id first.
    """

    def __init__(self, reason: str, *, started: StartedRun | None = None, runs: tuple[Run, ...] = ()) -> None:
        super().__init__(reason, started=started, last=runs[0] if runs else None)
        self.runs = runs


class ZipcodeFailedError(WaitError):
    """A postcode cannot be used: its ``status`` is failed or inactive. ``zipcode`` is the postcode as listed."""

    def __init__(self, reason: str, *, zipcode: Zipcode) -> None:
        super().__init__(reason, started=zipcode.id, last=zipcode)
        self.zipcode = zipcode


class DownloadError(MultiCartError, OSError):
    """A file could not be downloaded completely; nothing is stored under its name.

    ``name`` identifies it: ``results/<collection>/<run>/<file>``.
    """

    _slots = ("errno", "strerror", "filename")
    _shown: ClassVar[tuple[str, ...]] = ("name",)

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(reason)
        self.name = name

    def _text(self) -> str:
        return f"{printable(self.name, _NAME)}: {self.reason}"


class IncompleteDownloadError(DownloadError):
    """The transfer was interrupted, or nothing proves that it was not."""


class StalledDownloadError(DownloadError, TimeoutError):
    """There was silence, or less than 1 KiB/s, for ``Timeouts.read``; or the transfer exceeded ``Timeouts.transfer``.

    Only the first is ``retryable``.
    """

    retryable = True


class IntegrityError(DownloadError):
    """The content is not the expected file, or exceeds a limit such as ``Limits.file_bytes``."""


class IncompleteRunError(DownloadError):
    """The files of a run are complete but do not add up to the totals that the service reports for the run."""


class UnreachableResultError(DownloadError):
    """The link leads to another origin or another run, or its file name has a slash or a control character.

    Also raised for a run or file that the service no longer lists.
    """


class DiskError(DownloadError):
    """The disk reported an error: full, read-only, no such folder. ``errno`` is the code; ``name`` is the path."""

    _shown = ("name", "errno")

    def __init__(self, name: str, reason: str, errno: int | None = None) -> None:
        super().__init__(name, reason)
        self.errno = errno
