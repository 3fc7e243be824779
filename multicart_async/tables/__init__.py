"""Records as tables: read, export and compare the runs of a mirror, without any request.

Each name is imported on first use.
"""

from multicart_async._core.lazy import lazy_names

_MODULES = {  # the imports below, for the interpreter; a test compares the two
    "Batches": "_batches",
    "Change": "_comparison",
    "ExportReport": "_export",
    "MirrorRecord": "_records",
    "ReportSummary": "_report.making",
    "amount": "_amount",
    "batches": "_batches",
    "changes": "_changes",
    "export": "_export",
    "read_records": "_records",
    "report": "_report.making",
}

# type checkers know the name; not a plain False, because completion by jedi would leave out what is below it
TYPE_CHECKING = not __name__
if TYPE_CHECKING:
    from multicart_async.tables._amount import amount
    from multicart_async.tables._batches import Batches, batches
    from multicart_async.tables._changes import changes
    from multicart_async.tables._comparison import Change
    from multicart_async.tables._export import ExportReport, export
    from multicart_async.tables._records import MirrorRecord, read_records
    from multicart_async.tables._report.making import ReportSummary, report
else:
    __getattr__, __dir__ = lazy_names(__name__, _MODULES)

__all__ = [
    "Batches",
    "Change",
    "ExportReport",
    "MirrorRecord",
    "ReportSummary",
    "amount",
    "batches",
    "changes",
    "export",
    "read_records",
    "report",
]
