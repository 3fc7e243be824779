"""The tree of commands. A group is imported when one of its commands is called, so that help and completion are fast."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, Final

import click

from multicart_async._core.text import printable
from multicart_async._core.version import __version__
from multicart_async.cli._exit_status import BROKEN_PIPE, CALLED_WRONGLY, FAILED, INTERRUPTED, OK
from multicart_async.cli._names import COMPLETION, HELP, PREFIX, PROGRAM

__all__ = ["COMMANDS", "ROOT", "run"]

COMMANDS: Final[Mapping[str, tuple[str, str]]] = {  # name: module below `_commands`, summary in the help of the root
    "login": ("credentials", "Store the key of an account in a profile."),
    "logout": ("credentials", "Forget the key of a profile."),
    "whoami": ("credentials", "Show which credential is used, and check it."),
    "credits": ("account", "Show the credits of the account."),
    "collections": ("collections", "Make, list, change and delete collections."),
    "asins": ("asins", "Add, list, export and remove the ASINs of a collection."),
    "skus": ("skus", "Add Officeworks SKUs to a collection."),
    "runs": ("runs", "Start runs, wait for them, and get their results."),
    "category": ("category", "Scrape entire Amazon categories."),
    "zipcodes": ("zipcodes", "List postcodes, and make them ready for use."),
    "sync": ("mirror", "Mirror the results of all collections into a folder or a bucket."),
    "verify": ("mirror", "Read a mirror again, and compare it with its manifests."),
    "export": ("tables", "Write the records of a mirror as a table."),
    "changes": ("tables", "Show what differs between two runs of a mirror."),
    "report": ("tables", "Write what changed between the last two runs of each collection as an HTML file."),
    "request": ("request", "Make any call of the service."),
    "doctor": ("doctor", "Find out why something does not work."),
    "sandbox": ("sandbox", "Serve the service on this computer, for tests."),
    "completion": ("completion", "Print the completion script of a shell."),
}


class Root(click.Group):
    """The group that holds all others, by name until one is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 -- of click
        """Return the names in the order of the help."""
        return [*COMMANDS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import a command, or return ``None`` if there is no such command."""
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"multicart_async.cli._commands.{COMMANDS[cmd_name][0]}")
        command: click.Command = getattr(module, cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the summaries without importing the commands."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Say where common options go, if one comes before the command."""
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            name = error.option_name
            message = f"no such option: {name}; options come after the command, such as: {PROGRAM} credits {name}"
            raise click.UsageError(message, ctx) from error


def _print_version(context: click.Context, _: click.Parameter, asked: bool) -> None:  # noqa: FBT001 -- of click
    if asked:
        click.echo(f"{PROGRAM} {__version__}")
        context.exit()


ROOT: Final = Root(
    PROGRAM,
    help=(
        "Run collections of MultiCartAPI, wait for the right result, and download complete files.\n\n"
        "Example: multicart sync mirror"
    ),
    epilog="The options that all commands have are in the help of each. docs/command.md describes everything.",
    context_settings={**HELP, "auto_envvar_prefix": PREFIX},
    no_args_is_help=True,
)
ROOT.params.append(
    click.Option(
        ["--version"],
        is_flag=True,
        expose_value=False,
        is_eager=True,
        callback=_print_version,
        help="Show the version and exit.",
    )
)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    if sys.stdout is None:  # pyright: ignore[reportUnnecessaryComparison] -- closed by the caller of this process
        return _say(f"{PROGRAM}: stdout is closed: the result could not be written", FAILED)
    try:
        status = _call([*(sys.argv[1:] if arguments is None else arguments)])
        sys.stdout.flush()
    except click.ClickException as error:
        return _say(_explained(error), CALLED_WRONGLY)
    except (click.Abort, KeyboardInterrupt):
        click.echo(err=True)  # after the ^C that the terminal shows
        return INTERRUPTED
    except BrokenPipeError:
        _discard_output()
        return BROKEN_PIPE
    except OSError as error:  # a full disk behind stdout
        _discard_output()
        return _say(f"{PROGRAM}: stdout: {error.strerror}", FAILED)
    except SystemExit as end:  # SIGTERM at a prompt
        return end.code if isinstance(end.code, int) else FAILED
    return status


def _call(arguments: list[str]) -> int:
    """Do what `click.Command.main` does, which ends the process in some cases, and with its own statuses."""
    asked = os.environ.get(COMPLETION)
    if asked:
        from click.shell_completion import shell_complete  # noqa: PLC0415 -- takes a while

        return shell_complete(ROOT, {}, PROGRAM, COMPLETION, asked)
    try:
        with ROOT.make_context(PROGRAM, arguments) as context:
            status: Any = ROOT.invoke(context)
    except click.exceptions.Exit as end:  # after --help and --version
        return end.exit_code
    return status if isinstance(status, int) else OK


def _explained(error: click.ClickException) -> str:
    """Return what was called wrongly as one line, and where help is; or the help, if nothing was named."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        return error.format_message()
    context = error.ctx if isinstance(error, click.UsageError) else None
    path = context.command_path if context else PROGRAM
    return f"{path}: {printable(error.format_message().rstrip('.'))}; see {path} --help"


def _say(text: str, status: int) -> int:
    """Print *text* on stderr, if that is possible, and return the exit status."""
    with contextlib.suppress(OSError):
        click.echo(text, err=True)
    return status


def _discard_output() -> None:
    """Discard what is still buffered for stdout, so that the interpreter does not complain at its end."""
    try:
        descriptor = sys.stdout.fileno()
    except (OSError, ValueError):  # not a file, as in tests
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)
