"""``multicart sandbox``: what ``python -m multicart_async.sandbox`` does."""

from __future__ import annotations

import os

import click

from multicart_async.cli._names import PREFIX

__all__ = ["sandbox"]


class SandboxCommand(click.Command):
    """The sandbox's own command line, which works without click."""

    example = "multicart sandbox --collections 3 --verbose"

    def invoke(self, ctx: click.Context) -> int:
        """Serve until ^C, and return the exit status."""
        from multicart_async.sandbox.__main__ import flags, main  # noqa: PLC0415 -- it needs aiohttp

        given = [word for flag, switch in flags().items() for word in _from_variable(flag, switch=switch)]
        try:
            return main([*given, *ctx.args], program=ctx.command_path)
        except SystemExit as stop:  # of argparse: after --help, or a wrong option
            return stop.code if isinstance(stop.code, int) else 0


def _from_variable(flag: str, *, switch: bool) -> list[str]:
    """Return what the variable of a flag stands for, such as ``MULTICART_SANDBOX_PORT``; it comes before the arguments."""
    value = os.environ.get(f"{PREFIX}_SANDBOX_{flag.lstrip('-').replace('-', '_').upper()}")
    if not value:
        return []
    if not switch:
        return [flag, value]
    return [flag] if click.BOOL.convert(value, None, None) else []


sandbox = SandboxCommand(
    "sandbox",
    help="Serve the service on this computer, for tests.",
    add_help_option=False,
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True, "allow_interspersed_args": False},
)
