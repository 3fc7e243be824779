"""Results of commands as rows: dictionaries with the wire's names, for JSON and for tables. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from multicart_async._core.text import as_line
from multicart_async.errors import APIError, OutcomeUnknownError
from multicart_async.models import CategoryRequest, RunDownload, StartedRun, SyncReport
from multicart_async.models._serialization import Serializable
from multicart_async.models.outcome import Failure, Outcome, Success

__all__ = ["row_of"]


def row_of(value: object) -> dict[str, Any]:
    """Return the row of a result."""
    known: Any = value
    if isinstance(value, Success | Failure):
        return _outcome(known)
    if isinstance(value, SyncReport):
        return _sync_report(value)
    if isinstance(value, Serializable):
        return value.to_dict()
    assert isinstance(value, Mapping)
    return {str(name): member for name, member in cast("Mapping[str, Any]", value).items()}


def _outcome(outcome: Outcome[Any, Any]) -> dict[str, Any]:
    if outcome.error is not None:
        return {**_key(outcome.key, None), "ok": False, **_error(outcome.error), **_unknown_start(outcome.error)}
    value: Any = outcome.value
    run: Any = getattr(value, "run", None)
    if isinstance(value, StartedRun):
        return value.to_dict()
    if not isinstance(value, RunDownload):
        return {**_key(outcome.key, value.collection), "ok": True, "run": value.to_dict()}
    return {**_key(outcome.key, run.collection), "ok": True, "run": run.to_dict(), **_download_fields(outcome.value)}


def _download_fields(download: RunDownload[Any]) -> dict[str, Any]:
    """Return what is known of the files of a run."""
    return {
        "directory": str(download.directory),
        "files": len(download.files),
        "skipped": download.skipped,
        "bytes": download.bytes,
        "differences": list(download.differences),
    }


def _key(key: Any, collection_id: int | None) -> dict[str, Any]:
    """Return what an outcome is about: a collection; with the URL of the category that it was made for."""
    if isinstance(key, CategoryRequest):
        return {"collection_id": collection_id, "category_url": key.category_url}
    return {"collection_id": getattr(key, "collection_id", key)}


def _sync_report(report: SyncReport) -> dict[str, Any]:
    row = report.to_dict()
    row["failures"] = [
        {"collection": one.collection, "run": one.run, "file": one.file, **_error(one.error)} for one in report.failures
    ]
    return {"ok": row.pop("ok"), **row}


def _error(error: BaseException) -> dict[str, Any]:
    return {"error": as_line(str(error)), "code": _code_of(error)}


def _unknown_start(error: BaseException) -> dict[str, Any]:
    """Return what to wait for if it is not known whether a run was started, so that `runs wait -` can do it."""
    started = error.started if isinstance(error, OutcomeUnknownError | APIError) else None
    return {} if started is None else {"after_run_id": started.after_run_id}


def _code_of(error: BaseException) -> int | None:
    """Return the code of the service's envelope or of HTTP, if *error* has one."""
    code = getattr(error, "code", None)
    return code if isinstance(code, int) else None
