"""For any response: an error of ours or a value, in time, in bounded memory, and without a secret in any text.

A few hundred answers in the suite; `make fuzz MINUTES=60` goes on for an hour.
"""

from __future__ import annotations

import asyncio
import gc
import inspect
import os
import random
import re
import shutil
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import anyio
import attrs
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from support.fuzz_verbs import PASSWORD, VERBS, Scene
from support.group_classes import group_classes
from support.mangling import Mangling, manglings
from support.middle import Middle
from support.scanner import Scan
from support.watched import resident, watched

from multicart_async import AsyncMultiCart, Limits, RetryPolicy, Timeouts, errors
from multicart_async.sandbox import Sandbox

MINUTES = float(os.environ.get("MULTICART_FUZZ_MINUTES", "0"))
HANG = 40.0  # seconds for a call that may make some dozen requests, each of which may be answered by silence
TURN = 0.1  # seconds of CPU that a turn of the loop may take
GROWN = 300 << 20  # bytes that the process may grow by
SECRETS = (Sandbox.api_key, PASSWORD)
SENT = {
    "account.login": SECRETS,
    "account.update_profile": SECRETS,
    "account.register": SECRETS,
    "request": SECRETS,
}
"""What the service may send back: what it was sent."""


@attrs.define
class Account:
    """What was done so far, in all examples."""

    calls: Counter[str] = attrs.field(factory=Counter)
    outcomes: Counter[str] = attrs.field(factory=Counter)
    requests: int = 0
    texts: int = 0
    turn: float = 0.0
    grown: int = 0


ACCOUNT = Account()


class HostileService(RuleBasedStateMachine):
    """A client that lives on from call to call, as its connections, its folder and its journals do."""

    @initialize()
    def begin(self) -> None:
        """A sandbox behind a man in the middle, and a client with short timeouts."""
        random.seed(0)  # the jitter of pauses
        self.place = Path(tempfile.mkdtemp())
        self.middle = Middle().__enter__()
        self.loop = asyncio.new_event_loop()
        self.events: list[Any] = []
        self.scene = Scene(
            self.loop.run_until_complete(self._client()), self.middle.collections, self.place / "dest", self.middle.url
        )

    async def _client(self) -> AsyncMultiCart:
        return AsyncMultiCart(
            Sandbox.api_key,
            base_url=self.middle.url,
            timeouts=Timeouts(connect=1, request=0.5, read=0.3, transfer=1),
            retry=RetryPolicy(attempts=2, wait_initial=0, wait_max=0, wait_jitter=0, retry_after_max=0.01),
            limits=Limits(response_bytes=2 << 20, record_bytes=1 << 20, unpacked_bytes=8 << 20, file_bytes=4 << 20),
            on_event=self.events.append,
        )

    @rule(name=st.sampled_from(sorted(VERBS)), plan=st.lists(manglings(), min_size=1, max_size=12))
    def call(self, name: str, plan: list[Mangling]) -> None:
        """One verb, whose answers are as *plan* has them."""
        self.middle.plan(plan, SENT.get(name, SECRETS[:1]))
        before = resident()
        with watched() as turns, warnings.catch_warnings():
            warnings.simplefilter("ignore", errors.MultiCartWarning)
            outcome = self.loop.run_until_complete(self._outcome(name))
        self._look(name, outcome, turns.longest, resident() - before)

    async def _outcome(self, name: str) -> object:
        with anyio.fail_after(HANG):
            try:
                return await VERBS[name](self.scene)
            except errors.MultiCartError as error:
                return error

    def _look(self, name: str, outcome: object, turn: float, grown: int) -> None:
        ACCOUNT.calls[name] += 1
        ACCOUNT.outcomes[type(outcome).__name__] += 1
        ACCOUNT.turn, ACCOUNT.grown = max(ACCOUNT.turn, turn), max(ACCOUNT.grown, grown)
        scan = Scan(SECRETS)
        for error in _errors_of(outcome):
            scan.error(error)
        for event in self.events:
            scan.thing("event", event)
        self.events.clear()
        ACCOUNT.texts += scan.texts
        assert scan.found == set()
        assert turn < TURN
        assert grown < GROWN

    @rule()
    def whole(self) -> None:
        """A folder with a manifest holds exactly what the manifest says, after any failure."""
        self.middle.plan(())
        if self.scene.folder.is_dir():
            report = self.loop.run_until_complete(self.scene.client.verify(self.scene.folder))
            assert [str(one) for one in report.failures if "no manifest" not in one.reason] == []
            assert {path.name for path in self.scene.folder.rglob(".mc-*")} == set()

    def teardown(self) -> None:
        """Nothing is left: no connection, no task, no thread that waits."""
        if not hasattr(self, "loop"):
            return
        ACCOUNT.requests += self.middle.requests
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", errors.MultiCartWarning)
            self.loop.run_until_complete(self.scene.client.aclose())
        left = asyncio.all_tasks(self.loop)
        self.loop.run_until_complete(asyncio.sleep(0))
        self.loop.close()
        self.middle.__exit__()
        shutil.rmtree(self.place)
        assert left == set()


def _errors_of(value: object) -> list[Exception]:
    """The errors in it: itself, those of a report, and those of outcomes. A model is the caller's to see as it came."""
    parts = [value, *getattr(value, "failures", ()), *(value if isinstance(value, list) else ())]
    found = [getattr(part, "error", part) for part in parts]
    return [part for part in found if isinstance(part, Exception)]


def test_every_verb_is_fuzzed() -> None:
    """All public methods of the client and its groups, but for those that send nothing."""
    groups = group_classes()
    methods = {
        f"{prefix}{name}"
        for prefix, owner in [("", AsyncMultiCart), *((f"{name}.", group) for name, group in groups.items())]
        for name, method in inspect.getmembers(owner, inspect.isfunction)
        if name[0] != "_"
    }

    called = {re.sub(r" .*", "", name) for name in VERBS}

    assert methods - called == {"aclose"}


def fuzzed(examples: int, steps: int, *, same: bool) -> None:
    """Run so many examples; the same ones each time, or others."""
    checks = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    run_state_machine_as_test(
        HostileService,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            derandomize=same,
            database=None,
            suppress_health_check=checks,
            report_multiple_bugs=False,
        ),
    )


@pytest.mark.timeout(0 if MINUTES else 60)
def test_a_hostile_service_gets_an_error_or_a_value() -> None:
    """No response causes a crash, a hang, a blocked loop, unbounded memory, or a secret in a text."""
    until = time.monotonic() + 60 * MINUTES
    fuzzed(6, 20, same=not MINUTES)
    while time.monotonic() < until:
        fuzzed(20, 40, same=False)
        gc.collect()
        _tell()

    assert ACCOUNT.requests > len(ACCOUNT.calls) > 0


def _tell() -> None:
    print(  # noqa: T201 -- at length only, with pytest -s
        f"{sum(ACCOUNT.calls.values()):,} calls of {len(ACCOUNT.calls)} verbs, {ACCOUNT.requests:,} answers,"
        f" {ACCOUNT.texts:,} texts, longest turn {ACCOUNT.turn * 1_000:.0f} ms, grown {ACCOUNT.grown >> 20} MiB;"
        f" {dict(ACCOUNT.outcomes.most_common())}",
        flush=True,
    )
