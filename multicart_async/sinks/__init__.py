"""Places for files: a folder, memory, an object store, and the protocols for a place of your own."""

from multicart_async.sinks._directory import DirectorySink
from multicart_async.sinks._memory import MemorySink
from multicart_async.sinks._object_store import ObjectStoreSink
from multicart_async.sinks._protocol import ListableSink, Sink

__all__ = ["DirectorySink", "ListableSink", "MemorySink", "ObjectStoreSink", "Sink"]
