"""Asyncio client for MultiCartAPI: run collections, wait for the right result, download complete files.

Each name is imported on first use: the import of the package itself loads neither the client nor aiohttp.
"""

from multicart_async._core.lazy import lazy_names

_MODULES = {  # the imports below, for the interpreter; a test compares the two
    "UNSET": "_core.unset",
    "AsyncMultiCart": "client",
    "DirectorySink": "sinks",
    "Failure": "models",
    "Limits": "config",
    "ListableSink": "sinks",
    "MemorySink": "sinks",
    "MultiCartError": "errors",
    "ObjectStoreSink": "sinks",
    "Outcome": "models",
    "PollPolicy": "config",
    "RetryPolicy": "config",
    "Sink": "sinks",
    "Success": "models",
    "Timeouts": "config",
    "__version__": "_core.version",
    "errors": "errors",
    "events": "events",
    "models": "models",
    "plan_shards": "resources._items.shard_plan",
}

# type checkers know the name, and importing typing would take longer than the rest of the import; not a plain False,
# because completion by jedi (IPython, Jupyter) would leave out what is below it
TYPE_CHECKING = not __name__
if TYPE_CHECKING:
    from multicart_async import errors, events, models
    from multicart_async._core.unset import UNSET
    from multicart_async._core.version import __version__
    from multicart_async.client import AsyncMultiCart
    from multicart_async.config import Limits, PollPolicy, RetryPolicy, Timeouts
    from multicart_async.errors import MultiCartError
    from multicart_async.models import Failure, Outcome, Success
    from multicart_async.resources._items.shard_plan import plan_shards
    from multicart_async.sinks import DirectorySink, ListableSink, MemorySink, ObjectStoreSink, Sink
else:  # hidden from type checkers, which would take any name for one of this package
    __getattr__, __dir__ = lazy_names(__name__, _MODULES)

__all__ = [
    "UNSET",
    "AsyncMultiCart",
    "DirectorySink",
    "Failure",
    "Limits",
    "ListableSink",
    "MemorySink",
    "MultiCartError",
    "ObjectStoreSink",
    "Outcome",
    "PollPolicy",
    "RetryPolicy",
    "Sink",
    "Success",
    "Timeouts",
    "__version__",
    "errors",
    "events",
    "models",
    "plan_shards",
]
