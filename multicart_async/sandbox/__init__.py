"""Run MultiCartAPI on this computer, for tests, demos and benchmarks, without any access to the network.

In a program: ``async with Sandbox() as sandbox``. In a shell: ``python -m multicart_async.sandbox``. In pytest: the
fixtures ``multicart_sandbox`` and ``multicart_client``.

Each name is imported on first use, because pytest imports this package for its plugin in every run.
"""

from multicart_async._core.lazy import lazy_names

_MODULES = {  # the imports below, in the form that is used at run time; a test compares the two
    "Credits": "server",
    "Sandbox": "server",
    "RecordedRequest": "recording",
    "faults": "faults",
}

# Type checkers know the name, and importing typing would take longer than the rest of the import. It is not the literal
# False, because completion by jedi (IPython, Jupyter) would then ignore the block.
TYPE_CHECKING = not __name__
if TYPE_CHECKING:
    from multicart_async.sandbox import faults
    from multicart_async.sandbox.recording import RecordedRequest
    from multicart_async.sandbox.server import Credits, Sandbox
else:  # hidden from type checkers, which would accept any name of this package
    __getattr__, __dir__ = lazy_names(__name__, _MODULES)

__all__ = ["Credits", "RecordedRequest", "Sandbox", "faults"]
