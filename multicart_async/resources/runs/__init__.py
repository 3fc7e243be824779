"""``client.runs``: start runs, wait for them, and read their files and records."""

from multicart_async.resources.runs.runs import Runs

__all__ = ["Runs"]
