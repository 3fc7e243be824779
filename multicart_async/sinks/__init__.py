"""Places for files: a folder, memory, and the protocols for a place of your own."""

from multicart_async.sinks._directory import DirectorySink
from multicart_async.sinks._memory import MemorySink
from multicart_async.sinks._protocol import ListableSink, Sink

__all__ = ["DirectorySink", "ListableSink", "MemorySink", "Sink"]
