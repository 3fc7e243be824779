"""Where files go: a protocol, the folder that a path means, and memory."""

from multicart_async.sinks._directory import DirectorySink
from multicart_async.sinks._error_mapping import map_sink_errors
from multicart_async.sinks._memory import MemorySink
from multicart_async.sinks._protocol import (
    ListableSink,
    Sink,
    VerifyingSink,
    Write,
    check_listable,
    closing,
    join_name,
    put_bytes,
    retry_if_removed,
)

__all__ = [
    "DirectorySink",
    "ListableSink",
    "MemorySink",
    "Sink",
    "VerifyingSink",
    "Write",
    "check_listable",
    "closing",
    "join_name",
    "map_sink_errors",
    "put_bytes",
    "retry_if_removed",
]
