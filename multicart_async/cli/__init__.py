"""The command ``multicart``, of the extra ``cli``: see docs/command.md."""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # importing typing would take longer than everything else here
if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]

_MISSING = "multicart: the command needs click and rich, which are not installed: pip install 'multicart-async[cli]'\n"
_CALLED_WRONGLY = 2
_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with *arguments*, by default those of the process, and return its exit status."""
    try:
        import click  # noqa: F401, PLC0415 # pyright: ignore[reportUnusedImport] -- part of an extra
    except ImportError:
        sys.stderr.write(_MISSING)
        return _CALLED_WRONGLY
    try:
        from multicart_async.cli._app import run  # noqa: PLC0415 -- imports click

        return run(arguments)
    except KeyboardInterrupt:  # while modules are imported
        return _INTERRUPTED
