"""Asyncio client for MultiCartAPI: run collections, wait for the right result, download it whole."""

from multicart_async import errors, events, models
from multicart_async._outcome import Outcome
from multicart_async._unset import UNSET
from multicart_async._version import __version__
from multicart_async.client import AsyncMultiCart
from multicart_async.config import Limits, RetryPolicy, Timeouts
from multicart_async.errors import MultiCartError
from multicart_async.polling import PollPolicy
from multicart_async.sharding import plan_collections as plan_collections
from multicart_async.sinks import DirectorySink, Sink

__all__ = [
    "UNSET",
    "AsyncMultiCart",
    "DirectorySink",
    "Limits",
    "MultiCartError",
    "Outcome",
    "PollPolicy",
    "RetryPolicy",
    "Sink",
    "Timeouts",
    "__version__",
    "errors",
    "events",
    "models",
]
