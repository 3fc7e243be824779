"""What a command works with: the client, the common options, messages, and questions to the user."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import attrs
import click

from multicart_async._core.redaction import RedactedStr
from multicart_async._core.text import as_line
from multicart_async.cli._color import is_terminal
from multicart_async.cli._exit_status import FAILED, OK, status_of_many
from multicart_async.cli._messages import Messages
from multicart_async.cli._options import CommonOptions
from multicart_async.cli._output import Output, write_text
from multicart_async.cli._progress import Progress
from multicart_async.cli._progress_view import progress_shown
from multicart_async.cli._signals import interruptible
from multicart_async.events import Event
from multicart_async.models._serialization import Serializable

if TYPE_CHECKING:  # aiohttp is not for help and completion
    from multicart_async.client import AsyncMultiCart

__all__ = ["Access", "Call", "Confirmation"]


@attrs.frozen
class Access:
    """Where a credential comes from. ``api_key`` is ``None`` if the client takes it from the environment."""

    source: str
    base_url: str
    api_key: RedactedStr | None = None


class Confirmation(click.UsageError):
    """A confirmation is missing: nothing was sent."""


@attrs.define
class Call:
    """One call of a command.

    ``failures`` are the errors of single objects, which do not end the command. ``not_ok`` is set by a command whose
    result says that something is wrong without an error.
    """

    options: CommonOptions
    messages: Messages
    output: Output
    title: str
    progress: Progress = attrs.field(factory=Progress)
    access: Access | None = None
    _client: AsyncMultiCart | None = None
    failures: list[BaseException] = attrs.field(factory=list[BaseException])
    not_ok: bool = False
    resume: str | None = None  # the command that continues a wait of this one
    listener: Callable[[Event], None] | None = None

    @property
    def client(self) -> AsyncMultiCart:
        """The client; a command that is offline has none."""
        assert self._client is not None, "the command is declared as offline"
        return self._client

    def on_event(self, event: Event) -> None:
        """Take an event of the client."""
        self.progress.on_event(event)
        if self.listener is not None:
            self.listener(event)

    def expect(self, collections: int) -> None:
        """Say how many collections the command is about, before the first outcome."""
        self.progress = Progress(of_collections=collections)

    @asynccontextmanager
    async def progress_shown(self) -> AsyncGenerator[None]:
        """Show the progress while this block runs; messages and results appear above it."""
        options = self.options
        shown = progress_shown(
            self.progress,
            self.messages.as_stream(),
            mode="off" if options.no_progress or options.quiet else "auto",
            color=options.color,
            title=f"{self.title} (dry run)" if options.dry_run else self.title,
        )
        async with shown as view:
            self.messages.write, self.output.write = view.print_line, view.write
            try:
                yield
            finally:
                self.messages.write, self.output.write = self.messages.write_line, write_text

    def set_client(self, client: AsyncMultiCart) -> None:
        """Use *client*."""
        self._client = client

    @property
    def status(self) -> int:
        """The exit status, of a command that has not raised."""
        return status_of_many(self.failures) or (FAILED if self.not_ok else OK)

    def fail(self, error: BaseException, about: str = "") -> None:
        """Count the failure of one object, and say why."""
        self.failures.append(error)
        text = str(error)
        self.messages.error(f"{about}: {text}" if about and not text.startswith(about) else text)

    def planned(self, text: str, plan: Any = None) -> bool:
        """With ``--dry-run``, print what would be done, and return true; *plan* is the same for a program."""
        if not self.options.dry_run:
            return False
        if self.output.mode in {"json", "jsonl"}:
            row = plan.to_dict() if isinstance(plan, Serializable) else plan
            self.output.single({"dry_run": True, "plan": as_line(text)} if row is None else row)
        else:
            self.output.text(as_line(text) + "\n")
        return True

    def require_answer(self, what: str) -> None:
        """Check that the user can be asked, or need not be. Call it before anything is sent.

        Raises:
            Confirmation: stdin is not a terminal, and there is neither ``--yes`` nor ``--dry-run``.
        """
        if not (self.options.yes or self.options.dry_run or is_terminal(sys.stdin)):
            raise Confirmation(f"{what} needs a confirmation: add --yes, or --dry-run to see what it would do")

    def ask(self, question: str) -> None:
        """Ask whether to go on; with ``--yes``, only say what is done.

        Raises:
            Confirmation: The answer is no.
        """
        if self.options.yes:
            self.messages.note(question)
            return
        with interruptible():
            # not click.confirm, some versions of which write a blank to stdout
            click.echo(f"{as_line(question)} Go on? [y/N]: ", nl=False, err=True)
            answer = sys.stdin.readline().strip().lower()
        if answer not in {"y", "yes"}:
            raise Confirmation("nothing was sent, because the answer was no")

    def ask_on_a_terminal(self, question: str) -> None:
        """Ask before something is deleted; a script that names what to delete is not asked.

        Raises:
            Confirmation: The answer is no.
        """
        if is_terminal(sys.stdin):
            self.ask(question)
