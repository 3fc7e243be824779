"""One of many started runs that are waited for together: its polls, and how its wait ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import anyio
import attrs

from multicart_async.errors import MultiCartError
from multicart_async.models import Collection, Run, RunState, StartedRun
from multicart_async.models.outcome import Failure, Outcome, Success
from multicart_async.resources._polling import PollFailures, PollResult, PollTimer, as_poll_failure, poll_timeout
from multicart_async.resources.runs._poller import RunPoller
from multicart_async.resources.runs._tracker import RunTracker

__all__ = ["PendingRun", "Polled"]

Polled: TypeAlias = PollResult[RunState] | MultiCartError | None
"""The result of a poll or its failure; ``None`` where it took too long."""


@attrs.define(eq=False)
class PendingRun:
    """A started run until its wait ends."""

    started: StartedRun
    tracker: RunTracker
    timer: PollTimer
    report: Callable[[StartedRun, RunState], None]
    failures: PollFailures = attrs.field(factory=PollFailures)
    fingerprint: object = None

    @property
    def expired(self) -> bool:
        """Whether the deadline of this wait has passed."""
        return self.timer.remaining <= 0

    async def poll(self, poller: RunPoller, row: Collection | None = None) -> Polled:
        """Poll the run once. A failure of any kind is returned: the other runs are still waited for."""
        try:
            with anyio.move_on_after(poll_timeout(self.timer.remaining)):
                return await poller.poll(self.tracker, self.started, self.timer, row)
        except Exception as error:  # noqa: BLE001 -- including errors of a borrowed session
            error.__traceback__ = None  # its frames hold responses, which may repeat the credential
            return as_poll_failure(f"runs of collection {self.started.collection_id}", error)
        return None

    def evaluate(self, polled: Polled) -> Outcome[StartedRun, Run] | None:
        """Return the outcome of the wait, or ``None`` while it continues."""
        if isinstance(polled, PollResult):
            self.failures.succeeded()
            if polled.state is not None and polled.fingerprint != self.fingerprint:
                self.fingerprint = polled.fingerprint
                self.report(self.started, polled.state)
            if polled.state is not None and polled.finished and polled.state.run is not None:
                return Success(self.started, polled.state.run)
        elif polled is not None and self.failures.is_final(polled):
            return Failure(self.started, polled)
        if not self.expired:
            return None
        error = self.tracker.timeout_error(self.timer.elapsed)
        error.__cause__ = self.failures.last
        return Failure(self.started, error)
