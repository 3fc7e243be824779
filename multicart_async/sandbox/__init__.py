"""A sandbox: MultiCartAPI on your own computer, for tests, demos and benchmarks. Nothing of it reaches the network.

In a program: ``async with Sandbox() as sandbox``. In a shell: ``python -m multicart_async.sandbox``. In pytest: the
fixtures ``multicart_sandbox`` and ``multicart_client``.

Each name is imported on first use: pytest imports this package for its plugin in every run.
"""

from multicart_async._core.lazy import lazy_names

_MODULES = {  # the imports below, for the interpreter; a test compares the two
    "Credits": "server",
    "Sandbox": "server",
    "RecordedRequest": "recording",
    "faults": "faults",
}

# type checkers know the name, and importing typing would take longer than the rest of the import; it is no plain False,
# because completion by jedi (IPython, Jupyter) would leave out what is below it
TYPE_CHECKING = not __name__
if TYPE_CHECKING:
    from multicart_async.sandbox import faults
    from multicart_async.sandbox.recording import RecordedRequest
    from multicart_async.sandbox.server import Credits, Sandbox
else:  # hidden from type checkers, which would take any name for one of this package
    __getattr__, __dir__ = lazy_names(__name__, _MODULES)

__all__ = ["Credits", "RecordedRequest", "Sandbox", "faults"]
