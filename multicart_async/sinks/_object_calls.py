"""Calls of obstore in threads of their own, with errors of ours.

obstore's asynchronous functions can abort the process at its end, and leave unfinished uploads behind when they are
cancelled; its synchronous functions, in threads that end before the caller continues, do neither.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Callable
from importlib import import_module
from typing import Any, Final, TypeVar, TypeVarTuple, Unpack

from multicart_async._core.text import as_line
from multicart_async._core.threads import ThreadJob, ThreadPool, join_thread, submit_to
from multicart_async.errors import ArgumentError, DiskError, MultiCartError

__all__ = [
    "INSTALL",
    "MAX_CALLS",
    "begin_call",
    "is_missing_object",
    "is_unsupported",
    "load_obstore",
    "run_call",
    "store_error",
    "translate_store_errors",
]

T = TypeVar("T")
Args = TypeVarTuple("Args")

INSTALL: Final = "pip install 'multicart-async[objects]'"
MAX_CALLS: Final = 32
"""The number of calls to stores that are made at once."""

_POOL: Final = ThreadPool(MAX_CALLS, "multicart-objects")
_STATUS: Final = re.compile(r"\bcode: ([0-9]{3})\b")
_CODE: Final = re.compile(r"<Code>\s*([A-Za-z0-9.]{1,80})\s*</Code>")
_MESSAGE: Final = re.compile(r"<Message>\s*(?:<!\[CDATA\[)?\s*([^<\]]{1,300})")
_URL: Final = re.compile(r" ?\b[a-z][a-z0-9+.-]*://[^\s\"',)]*", re.IGNORECASE)  # may hold a signature or a token
_SETTINGS: Final = re.compile(r", max_retries: [0-9]+, retry_timeout: [0-9.]+[a-z]+")
_DENIED: Final = frozenset({"PermissionDeniedError", "UnauthenticatedError"})
_NO_BUCKET: Final = re.compile(r"<Code>\s*(NoSuchBucket|ContainerNotFound)\s*</Code>|bucket does not exist")
_NO_CONDITION: Final = frozenset({"NotImplemented", "InvalidArgument"})  # codes with HTTP status 400
_LONGEST: Final = 300  # characters of a reason


def load_obstore(argument: str) -> Any:
    """Return the module ``obstore``.

    Raises:
        ArgumentError: It is not installed.
    """
    try:
        import_module("obstore.store")
        return import_module("obstore")
    except ImportError as error:
        raise ArgumentError(argument, f"object stores need obstore; install it with: {INSTALL}") from error


def begin_call(place: str, work: Callable[[Unpack[Args]], T], *args: *Args, pool: ThreadPool = _POOL) -> ThreadJob[T]:
    """Start *work*, which calls obstore about the object *place*, in a thread of *pool*. Pass the job to `join_thread`.

    Its errors are those of `translate_store_errors`.

    Raises:
        DiskError: The process was forked from one that has called obstore, whose own threads do not survive that.
    """
    if _POOL.inherited or pool.inherited:
        reason = (
            "object stores cannot be used in a process that was forked from one that has used them: the call would never end;"
            " start processes with the method spawn or forkserver of multiprocessing"
        )
        raise DiskError(place, reason, errno.ENOTSUP)
    return submit_to(pool.executor(), translate_store_errors, place, work, *args)


async def run_call(place: str, work: Callable[[Unpack[Args]], T], *args: *Args, pool: ThreadPool = _POOL) -> T:
    """Return the result of *work*; see `begin_call`. A cancellation is raised only after the thread has ended."""
    return await join_thread(begin_call(place, work, *args, pool=pool))


def translate_store_errors(place: str, work: Callable[[Unpack[Args]], T], *args: *Args) -> T:
    """Return the result of *work*.

    Raises:
        DiskError: The store failed; see `store_error`. What obstore raised is not kept: it repeats the request.
    """
    try:
        return work(*args)
    except MultiCartError:
        raise
    except Exception as error:  # noqa: BLE001 -- those of obstore have no common class
        found = store_error(place, error)
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # of obstore, which does not export it
            raise
        found = store_error(place, error)
    raise found


def store_error(place: str, error: BaseException) -> DiskError:
    """Return *error* of obstore as a `DiskError`, without URLs, headers and bodies of the request.

    ``errno`` is EACCES for a rejected or missing credential, ENOENT for a missing bucket or object, EIO for all else.
    """
    text = str(error).partition("\n\nDebug source:")[0]
    status, code, message = _STATUS.search(text), _CODE.search(text), _MESSAGE.search(text)
    if status is not None:
        reason = f"the store answered with HTTP status {status[1]}"
        details = [found[1].strip() for found in (code, message) if found is not None]
        reason = ": ".join([reason, *details])
    else:
        reason = "the store failed: " + _SETTINGS.sub("", _URL.sub("", text))
    number = _errno_of(error, text, status[1] if status is not None else "")
    advice = next((advice for phrase, advice in _ADVICE_BY_TEXT.items() if phrase in reason), _ADVICE.get(number, ""))
    return DiskError(place, as_line(reason)[:_LONGEST] + advice, number)


def _errno_of(error: BaseException, text: str, status: str) -> int:
    if status in {"401", "403"} or type(error).__name__ in _DENIED:
        return errno.EACCES
    if _NO_BUCKET.search(text) or (_is_missing(error) and "NoSuchUpload" not in text):
        return errno.ENOENT
    return errno.EIO


_ADVICE: Final = {
    errno.EACCES: "; check the credentials of the store, and what they permit",
}
_ADVICE_BY_TEXT: Final = {
    "HTTP error: builder error": "; check the endpoint: one that begins with http:// needs the option allow_http",
    "HTTP error: error sending request": "; check the network, and the endpoint of the store",
    "invalid path": "; another program has stored an object with such a name: rename it, or choose another prefix",
}


def _is_missing(error: BaseException) -> bool:
    """Return whether *error* says that there is no such object; a missing bucket cannot always be told from that."""
    return isinstance(error, FileNotFoundError) or type(error).__name__ == "NotFoundError"


def is_missing_object(error: BaseException) -> bool:
    """Return whether *error* says that there is no such object, but does not say that there is no such bucket."""
    return _is_missing(error) and _NO_BUCKET.search(str(error)) is None


def is_unsupported(error: BaseException) -> bool:
    """Return whether *error* says that obstore or the store does not know the condition of a put."""
    if isinstance(error, NotImplementedError) or type(error).__name__ == "NotSupportedError":
        return True
    status, code = _STATUS.search(str(error)), _CODE.search(str(error))
    number, name = (found[1] if found is not None else "" for found in (status, code))
    return number == "501" or (number == "400" and name in _NO_CONDITION)
