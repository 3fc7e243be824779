"""Commands: a coroutine function, its parameters, how its result is shown, and one example."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import click

from multicart_async.cli._names import HELP
from multicart_async.cli._options import CommonOption, CommonOptions, common_options
from multicart_async.cli._plural import counted
from multicart_async.cli._view import PLAIN, View

__all__ = ["CommandGroup", "Leaf", "command", "group"]

_SENTENCE: Final = 200  # characters

Work = Callable[..., Awaitable[Any]]


class Leaf(click.Command):
    """A command: *work* is called with a `Call` and the parameters, and its result is shown as *view* says."""

    def __init__(
        self,
        name: str,
        work: Work,
        *,
        view: View,
        example: str,
        params: list[click.Parameter],
        offline: bool | str = False,
        progress: bool = False,
    ) -> None:
        super().__init__(
            name,
            help=work.__doc__,
            params=[*params, *common_options()],
            context_settings={**HELP, "allow_extra_args": True},
        )
        self.work = work
        self.view = view
        self.example = example
        self._offline = offline
        self.progress = progress

    def is_offline(self, values: Mapping[str, Any]) -> bool:
        """Return whether no client is made for a call with these parameters."""
        return values[self._offline] is not None if isinstance(self._offline, str) else self._offline

    def invoke(self, ctx: click.Context) -> int:
        """Run the command, and return its exit status."""
        from multicart_async.cli._runner import run_command  # noqa: PLC0415 -- not for help and completion

        if ctx.args:  # not shown: with login, it may be the key
            raise click.UsageError(f"got {counted(len(ctx.args), 'argument')} too many", ctx)
        values = dict(ctx.params)
        return run_command(self, CommonOptions.taken_from(ctx, values), values, ctx)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options of this command first, then the common ones."""
        own, common = list[tuple[str, str]](), list[tuple[str, str]]()
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None and record[1]:  # an argument is explained by the text
                (common if isinstance(parameter, CommonOption) else own).append(record)
        for title, rows in (("Options", own), ("Common options", common)):
            with formatter.section(title):
                formatter.write_dl(rows)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 -- of click
        """Write the example."""
        with formatter.section("Example"):
            formatter.write_text(self.example)


def command(
    parent: click.Group | None,
    name: str,
    *,
    example: str,
    view: View = PLAIN,
    offline: bool | str = False,
    progress: bool = False,
) -> Callable[[Work], Leaf]:
    """Make a function the command *name* of *parent*.

    *offline*: no client is made for it; the name of a parameter: if that one is given. *progress*: it is shown while the
    results of a stream come.
    """

    def make(work: Work) -> Leaf:
        declared: list[click.Parameter] = getattr(work, "__click_params__", [])
        leaf = Leaf(name, work, view=view, example=example, params=declared[::-1], offline=offline, progress=progress)
        if parent is not None:
            parent.add_command(leaf)
        return leaf

    return make


class CommandGroup(click.Group):
    """A group whose help shows the whole first sentence of each command."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 -- of click
        """Write the names and sentences."""
        rows = [(name, command.get_short_help_str(_SENTENCE)) for name, command in self.commands.items()]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def group(name: str, summary: str) -> click.Group:
    """Return a new group of commands."""
    return CommandGroup(name, help=summary, no_args_is_help=True, context_settings=HELP)
