"""Where files go: a protocol, the folder that a path means, and memory."""

from multicart_async.sinks._directory import DirectorySink
from multicart_async.sinks._error_mapping import map_sink_errors
from multicart_async.sinks._memory import MemorySink
from multicart_async.sinks._protocol import ListableSink, Sink, check_listable, closing, put_bytes, retry_if_removed

__all__ = [
    "DirectorySink",
    "ListableSink",
    "MemorySink",
    "Sink",
    "check_listable",
    "closing",
    "map_sink_errors",
    "put_bytes",
    "retry_if_removed",
]
