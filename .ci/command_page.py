"""Renew the parts of docs/command.md that are made from the command: `.venv/bin/python .ci/command_page.py`.

A part begins with a line `<!-- made: NAME -->` and ends with `<!-- end -->`. Everything else there is written by hand.
"""

import argparse
import re
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import click

from multicart_async.cli import _exit_status as status
from multicart_async.cli._app import ROOT
from multicart_async.cli._command import Leaf
from multicart_async.cli._options import CommonOption, common_options
from multicart_async.sandbox.__main__ import parser

PAGE = Path(__file__).parents[1] / "docs" / "command.md"
WIDTH = 132
PROGRAM = "multicart"
CODE = re.compile(r"`[^`]+`")
MEANINGS = {
    status.OK: "everything is in place, also if there was nothing to do",
    status.FAILED: "something failed; the rest is in place",
    status.CALLED_WRONGLY: "called wrongly, no configuration, or a confirmation is missing: nothing was sent",
    status.REFUSED: "the credential was rejected",
    status.NOT_ENOUGH_CREDITS: "not enough credits, or more than `--max-credits`",
    status.UNREACHABLE: "not reached, 5xx or 429: repeating helps",
    status.TIMED_OUT: "a wait has timed out; the command that continues it is printed",
    status.UNKNOWN: "the outcome is unknown: it may have been charged",
    status.INTERRUPTED: "SIGINT, ^C; a second one ends the process at once",
    status.BROKEN_PIPE: "the reader of stdout has gone, such as `head`",
    143: "SIGTERM",
}


def leaves(command: click.Command = ROOT, path: str = PROGRAM) -> Iterator[tuple[str, click.Command]]:
    """Each command that does something, with what is typed to call it, in the order of the help."""
    if not isinstance(command, click.Group):
        yield path, command
        return
    context = click.Context(command, info_name=path)
    for name in command.list_commands(context):
        child = command.get_command(context, name)
        assert child is not None
        yield from leaves(child, f"{path} {name}")


def exit_statuses() -> str:
    """The table of exit statuses, with the errors of the library that each stands for."""
    lines = ["| status | means | errors |", "|---|---|---|"]
    for number, meaning in sorted(MEANINGS.items()):
        names = [f"`{kind.__name__}`" for kind, found in status.statuses().items() if found == number]
        if number == status.FAILED:
            names = ["all others"]
        lines.append(f"| {number} | {meaning} | {', '.join(names)} |")
    return "\n".join(lines)


def shared_options() -> str:
    """The list of the options that all commands have."""
    return "\n".join(map(option, common_options()))


def reference() -> str:
    """The section of each command."""
    return "\n\n".join(section(path, command) for path, command in leaves())


def section(path: str, command: click.Command) -> str:
    """What a command is for, its own options, and its example."""
    context = click.Context(command, info_name=path)
    usage = " ".join([path, *command.collect_usage_pieces(context)])
    example: str = getattr(command, "example")  # noqa: B009 -- of all commands, and of no class of click
    parts = [f"### `{path}`", f"`{usage}`", description(command), own_options(command), fenced(example)]
    return "\n\n".join(part for part in parts if part)


def description(command: click.Command) -> str:
    """The help of a command, wrapped anew."""
    paragraphs = re.split(r"\n\s*\n", (command.help or "").strip())
    return "\n\n".join(filled(" ".join(part.split())) for part in paragraphs)


def own_options(command: click.Command) -> str:
    """The list of the options that other commands do not have."""
    if not isinstance(command, Leaf):
        actions = parser(f"{PROGRAM} sandbox")._actions  # noqa: SLF001 -- there is no other way
        return "\n".join(sandbox_option(each) for each in actions if each.dest != "help")
    own = [each for each in command.params if isinstance(each, click.Option) and not isinstance(each, CommonOption)]
    return "\n".join(map(option, own))


def option(each: click.Option) -> str:
    """One line of a list. It is made here, because what click shows differs between its versions."""
    names = ", ".join(sorted([*each.opts, *each.secondary_opts], key=len))
    shown = names if each.is_flag or each.count else f"{names} {value_name(each)}"
    default = f" Default: {_plain(each.default)}." if each.show_default else ""
    return item(shown, f"{each.help or ''}{default}")


def _plain(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def value_name(each: click.Option) -> str:
    """What stands for the value of an option."""
    if each.metavar:
        return each.metavar
    if isinstance(each.type, click.Choice):
        return "|".join(map(str, each.type.choices))
    if isinstance(each.type, click.Path):
        return "FILE" if each.type.file_okay else "FOLDER"
    return "N" if isinstance(each.type, click.IntRange | click.FloatRange) else "TEXT"


def sandbox_option(action: argparse.Action) -> str:
    """One line of the list of the sandbox's options."""
    value = "|".join(map(str, action.choices)) if action.choices else action.metavar
    if value is None and action.nargs != 0:
        value = action.dest.upper()
    shown = " ".join([", ".join(action.option_strings), *([str(value)] if value else [])])
    return item(shown, action.help or "")


def item(code: str, text: str) -> str:
    """One item of a list, wrapped."""
    return filled(f"* `{code}`: {text}", indent="  ")


def filled(text: str, indent: str = "") -> str:
    """A paragraph in lines of the width of the page; code is not divided."""
    whole = CODE.sub(lambda found: found[0].replace(" ", "\0"), text)
    lines = textwrap.fill(whole, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
    return lines.replace("\0", " ")


def fenced(example: str) -> str:
    """An example as a block, in as many lines as it needs."""
    lines = textwrap.wrap(example, WIDTH - 2, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
    return "```sh\n" + " \\\n".join(lines) + "\n```"


PARTS: dict[str, Callable[[], str]] = {
    "exit statuses": exit_statuses,
    "common options": shared_options,
    "commands": reference,
}


def render(page: str) -> str:
    """The page with its made parts renewed."""
    for name, make in PARTS.items():
        begin = f"<!-- made: {name} -->\n"
        before, found, rest = page.partition(begin)
        _, ended, after = rest.partition("<!-- end -->")
        assert found, f"docs/command.md lacks {begin}"
        assert ended, f"docs/command.md lacks an end of {begin}"
        page = f"{before}{begin}\n{make()}\n\n{ended}{after}"
    return page


if __name__ == "__main__":
    PAGE.write_text(render(PAGE.read_text("utf-8")), "utf-8")
