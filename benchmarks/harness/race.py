"""Contenders in turn, several rounds, each time in a fresh process with an empty folder."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from harness.machine import Cores, missing_tool

HERE = Path(__file__).resolve().parents[1]
PATIENCE = 300  # seconds for one contender: far more than any needs
Command = Callable[[Path], Sequence[str]]


@attrs.frozen
class Contender:
    """Somebody who does the job: ``command`` is given the folder for what it brings."""

    name: str
    command: Command
    missing: str | None = None
    slow: bool = False
    """Takes part in the first round only, so that all jobs fit into the time that the suite has."""
    brings: bool = True
    """Whether there is anything to check afterwards."""


@attrs.frozen(kw_only=True)
class Result:
    """What one contender took in one round: seconds and bytes; of the work alone where it measures itself."""

    name: str
    round: int
    wall: float
    cpu: float
    peak: float
    whole_wall: float
    whole_cpu: float
    idle: float | None = None
    stall: float | None = None
    stall99: float | None = None
    facts: Mapping[str, Any] = attrs.field(factory=dict[str, Any])


def tool(name: str, command: Callable[[Path], Sequence[str]], *, label: str = "", slow: bool = False) -> Contender:
    """A program that is not ours."""
    return Contender(label or name, lambda folder: [name, *command(folder)], missing_tool(name), slow)


def python(
    name: str,
    work: str,
    options: Mapping[str, Any],
    *,
    needs: Sequence[str] = (),
    slow: bool = False,
    brings: bool = True,
) -> Contender:
    """A function of the package ``contenders``; *needs* are the modules that it imports, before it is measured."""

    def command(folder: Path) -> list[str]:
        given = json.dumps({**options, "dest": os.fspath(folder), "needs": [*needs]})
        return [sys.executable, os.fspath(HERE / "contender.py"), work, given]

    absent = [module for module in needs if importlib.util.find_spec(module) is None]
    missing = f"{', '.join(absent)} is not installed; pip install --group bench" if absent else None
    return Contender(name, command, missing, slow, brings)


@attrs.frozen(kw_only=True)
class Track:
    """Where races are held."""

    folder: Path
    cores: Cores
    environment: Mapping[str, str]
    rounds: int

    def race(
        self, contenders: Sequence[Contender], check: Callable[[Path], None], folder: Path | None = None, times: int = 1
    ) -> list[Result]:
        """All results. Who fails is told and takes no further part; *check* looks at what was brought.

        The first contender begins once without being measured: memory that nobody has touched yet is slow. *times* as
        many rounds as usual are held where they are short.
        """
        results: list[Result] = []
        racing = [contender for contender in contenders if contender.missing is None]
        for contender in contenders:
            if contender.missing is not None:
                say(f"  without {contender.name}: {contender.missing}")
        self._warm_up(racing, check, folder)
        for number in range(self.rounds * times):
            first = number % max(1, len(racing))
            for contender in [*racing[first:], *racing[:first]]:
                if contender.slow and number:
                    continue
                try:
                    result = self.run(contender, number, check, folder)
                except FailedError as error:
                    say(f"  without {contender.name}: {error}")
                    racing = [other for other in racing if other is not contender]
                    results = [other for other in results if other.name != contender.name]
                else:
                    say(f"  round {number + 1}: {contender.name} {result.wall:.2f} s")
                    results.append(result)
        return results

    def _warm_up(self, racing: Sequence[Contender], check: Callable[[Path], None], folder: Path | None) -> None:
        if racing:
            with contextlib.suppress(FailedError):  # the first round will tell
                self.run(racing[0], 0, check, folder)

    def run(
        self, contender: Contender, number: int, check: Callable[[Path], None], folder: Path | None = None
    ) -> Result:
        """One contender, once."""
        dest = (folder or self.folder) / "brought"
        shutil.rmtree(dest, ignore_errors=True)
        dest.mkdir(parents=True)
        report = self.folder / "report"
        report.unlink(missing_ok=True)
        launcher = [sys.executable, "-I", "-S", os.fspath(HERE / "launch.py"), self.cores.client, str(PATIENCE)]
        try:
            done = subprocess.run(
                [*launcher, os.fspath(report), *contender.command(dest)],
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
            )
            if not report.exists():
                raise FailedError(f"could not be started: {done.stderr[-500:]}")
            status, wall, user, system, peak = map(float, report.read_text("ascii").split())
            if status:
                raise FailedError(f"ended with status {status:.0f}: {_last_line(done.stderr or done.stdout)}")
            if contender.brings:
                check(dest)
        finally:
            shutil.rmtree(dest, ignore_errors=True)
        return _result(contender, number, done.stdout, (wall, user + system, peak * 1024))


class FailedError(Exception):
    """A contender has not done the job."""


def _result(contender: Contender, number: int, output: str, whole: tuple[float, float, float]) -> Result:
    wall, cpu, peak = whole
    told: dict[str, Any] = {}
    lines = output.splitlines()
    if lines and lines[-1].startswith('{"wall"'):
        told = json.loads(lines[-1])
    own = {name: told.pop(name) for name in ("wall", "cpu", "peak", "idle", "stall", "stall99") if name in told}
    figures = {"wall": wall, "cpu": cpu, "peak": peak, **own}
    return Result(name=contender.name, round=number, whole_wall=wall, whole_cpu=cpu, facts=told, **figures)


def _last_line(text: str) -> str:
    return next((line for line in reversed(text.splitlines()) if line.strip()), "without a word")[-500:]


def say(text: str) -> None:
    """What goes on, for whoever watches; tables alone go to standard output."""
    print(text, file=sys.stderr, flush=True)
