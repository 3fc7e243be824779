"""``multicart sandbox``: what ``python -m multicart_async.sandbox`` does."""

from __future__ import annotations

import click

__all__ = ["sandbox"]


class SandboxCommand(click.Command):
    """The sandbox's own command line, which works without click."""

    example = "multicart sandbox --collections 3 --verbose"

    def invoke(self, ctx: click.Context) -> int:
        """Serve until ^C, and return the exit status."""
        from multicart_async.sandbox.__main__ import main  # noqa: PLC0415 -- it needs aiohttp

        try:
            return main([*ctx.args], program=ctx.command_path)
        except SystemExit as stop:  # of argparse: after --help, or a wrong option
            return stop.code if isinstance(stop.code, int) else 0


sandbox = SandboxCommand(
    "sandbox",
    help="Serve the service on this computer, for tests.",
    add_help_option=False,
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True, "allow_interspersed_args": False},
)
