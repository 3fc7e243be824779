"""Mirror, run and export by the workers of a Dask cluster. Only bytes are distributed: nothing is started by a worker.

Needs the extra ``dask``. Each name is imported on first use.
"""

from multicart_async._core.lazy import lazy_names

_MODULES = {  # the imports below, for the interpreter; a test compares the two
    "export": "_export",
    "mirror": "_mirror",
    "run_many": "_run_many",
}

# type checkers know the name; not a plain False, because completion by jedi would leave out what is below it
TYPE_CHECKING = not __name__
if TYPE_CHECKING:
    from multicart_async.distributed._export import export
    from multicart_async.distributed._mirror import mirror
    from multicart_async.distributed._run_many import run_many
else:
    __getattr__, __dir__ = lazy_names(__name__, _MODULES)

__all__ = [
    "export",
    "mirror",
    "run_many",
]
