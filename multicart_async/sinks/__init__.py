"""Where files go: a protocol, the folder that a path means, and memory."""

from multicart_async.sinks._directory import DirectorySink
from multicart_async.sinks._error_mapping import guarded
from multicart_async.sinks._memory import MemorySink
from multicart_async.sinks._protocol import BrowsableSink, Sink, check_browsable, closing, put_bytes, written_again

__all__ = [
    "BrowsableSink",
    "DirectorySink",
    "MemorySink",
    "Sink",
    "check_browsable",
    "closing",
    "guarded",
    "put_bytes",
    "written_again",
]
