"""``multicart completion``."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from multicart_async.cli._call import Call
from multicart_async.cli._command import command
from multicart_async.cli._names import COMPLETION, PROGRAM
from multicart_async.cli._view import View

__all__ = ["completion"]


@command(
    None,
    "completion",
    example="multicart completion bash >> ~/.bash_completion",
    view=View(noun=""),
    offline=True,
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
async def completion(call: Call, *, shell: str) -> None:
    """Print the completion script of a shell.

    Store it where that shell looks for such scripts.
    """
    from multicart_async.cli._app import ROOT  # noqa: PLC0415 -- which imports the commands

    kind = get_completion_class(shell)
    assert kind is not None, "click has the three shells"
    call.output.text(kind(ROOT, {}, PROGRAM, COMPLETION).source() + "\n")
