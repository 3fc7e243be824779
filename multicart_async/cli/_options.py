"""The options that every command has, from the command line or from the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Final, Literal

import attrs
import click

from multicart_async.cli._flag_option import FlagOption
from multicart_async.cli._names import PREFIX

__all__ = ["CommonOption", "CommonOptions", "common_options"]

Color = Literal["auto", "always", "never"]


@attrs.frozen(kw_only=True)
class CommonOptions:
    """The values of the common options. ``explicit_base_url`` is whether it was given on the command line."""

    profile: str | None = None
    base_url: str | None = None
    as_json: bool = False
    jsonl: bool = False
    quiet: bool = False
    verbose: int = 0
    log_json: bool = False
    no_progress: bool = False
    color: Color = "auto"
    yes: bool = False
    max_credits: int | None = None
    dry_run: bool = False
    requests: int | None = None
    downloads: int | None = None
    rate: float | None = None
    proxy: str | None = attrs.field(default=None, repr=False)  # may hold a password
    explicit_base_url: bool = False

    @classmethod
    def taken_from(cls, context: click.Context, values: dict[str, Any]) -> CommonOptions:
        """Remove the common options from *values*, and return them."""
        taken = {name: values.pop(name) for name in _NAMES if name in values}
        if taken.get("as_json") and taken.get("jsonl"):
            raise click.UsageError("--json and --jsonl exclude each other: choose one", context)
        if taken.get("profile") == "":
            raise click.UsageError("--profile: expected a name, got nothing", context)
        source = context.get_parameter_source("base_url")
        explicit = source is click.core.ParameterSource.COMMANDLINE
        return cls(**taken, explicit_base_url=explicit)


_NAMES: Final = frozenset(field.name for field in attrs.fields(CommonOptions)) - {"explicit_base_url"}


class CommonOption(FlagOption):
    """An option with a variable for all commands, such as ``MULTICART_PROFILE``, and one for each command."""

    @property
    def variable(self) -> str:
        """The variable for all commands."""
        return f"{PREFIX}_{self.flag}"

    def resolve_envvar_value(self, ctx: click.Context) -> str | None:
        """Return the value of the command's variable, or else of the variable for all commands."""
        own = super().resolve_envvar_value(ctx)
        return own if own is not None else os.environ.get(self.variable) or None


def common_options() -> list[CommonOption]:
    """Return new parameters for a command, in the order of the help."""
    return [CommonOption([*names], **settings) for names, settings in _SETTINGS.items()]


_POSITIVE: Final = click.IntRange(min=1)
_SETTINGS: Final[Mapping[tuple[str, ...], dict[str, Any]]] = {
    ("--profile",): {"metavar": "NAME", "help": "Use the credential of this profile (see multicart login)."},
    ("--base-url",): {"metavar": "URL", "help": "Use this service instead of the live one."},
    ("--json", "as_json"): {"is_flag": True, "help": "Print one JSON document."},
    ("--jsonl",): {"is_flag": True, "help": "Print a line of JSON for each object, as it comes."},
    ("-q", "--quiet"): {"is_flag": True, "help": "Print ids alone, and no messages but errors."},
    ("-v", "--verbose"): {"count": True, "help": "Log what is done to stderr; -vv logs more."},
    ("--log-json",): {"is_flag": True, "help": "Write to stderr one JSON object a line."},
    ("--no-progress",): {"is_flag": True, "help": "Show no progress."},
    ("--color",): {
        "type": click.Choice(["auto", "always", "never"]),
        "default": "auto",
        "help": "When to use colours; auto: on a terminal, unless NO_COLOR is set.",
    },
    ("-y", "--yes"): {"is_flag": True, "help": "Do not ask before credits are spent or something is deleted."},
    ("--max-credits",): {
        "type": click.IntRange(min=0),
        "metavar": "N",
        "help": "Refuse to spend more than N credits.",
    },
    ("--dry-run",): {"is_flag": True, "help": "Say what would be done, and change nothing."},
    ("--requests",): {"type": _POSITIVE, "metavar": "N", "help": "Make at most N calls at once (default: 8)."},
    ("--downloads",): {"type": _POSITIVE, "metavar": "N", "help": "Download at most N files at once (default: 8)."},
    ("--rate",): {
        "type": click.FloatRange(min=0, min_open=True),
        "metavar": "N",
        "help": "Make at most N requests a second.",
    },
    ("--proxy",): {
        "metavar": "URL",
        "help": "Use this proxy; without it, HTTPS_PROXY and its like are honoured.",
    },
}
