"""``client.runs``."""

from multicart_async.resources.runs.runs import Runs

__all__ = ["Runs"]
