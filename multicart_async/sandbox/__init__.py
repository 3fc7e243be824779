"""A sandbox: MultiCartAPI on your own computer, for tests, demos and benchmarks. Nothing of it reaches the network.

In a program: ``async with Sandbox() as sandbox``. In a shell: ``python -m multicart_async.sandbox``. In pytest: the
fixtures ``multicart_sandbox`` and ``multicart_client``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from multicart_async.sandbox import faults
    from multicart_async.sandbox.recording import SeenRequest
    from multicart_async.sandbox.server import Credits, Sandbox

__all__ = ["Credits", "Sandbox", "SeenRequest", "faults"]

_HOMES = {"Credits": "server", "Sandbox": "server", "SeenRequest": "recording"}


def __getattr__(name: str) -> object:
    """Load what is asked for: pytest imports this package for its plugin in every run, and that must cost nothing."""
    if name == "faults":
        return import_module("multicart_async.sandbox.faults")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"multicart_async.sandbox.{_HOMES[name]}"), name)
