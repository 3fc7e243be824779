"""The runs that `follow` has given out, as its processes have written them to a file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Set as AbstractSet
from pathlib import Path

__all__ = ["Given", "lost_runs"]


class Given:
    """Reads the file as it grows: ``runs`` counts how often each was given out, ``opened`` how often it was begun."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = 0
        self.runs: Counter[int] = Counter()
        self.opened = 0
        self.repeated: list[int] = []  # although the run was acknowledged
        self._latest: int | None = None
        self._open: set[int] = set()  # given out last before an interruption, so that they may come again

    def refresh(self) -> None:
        """Read what is new."""
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            file.seek(self._read)
            new = file.read()
        new = new[: new.rfind(b"\n") + 1]
        self._read += len(new)
        for line in new.decode("ascii").splitlines():
            if line == "opened":
                self.opened += 1
                if self._latest is not None:
                    self._open.add(self._latest)
                self._latest = None
            else:
                self._add(int(line.split()[1]))

    def _add(self, run: int) -> None:
        if run in self.runs and run not in self._open:
            self.repeated.append(run)
        self._open.discard(run)
        self._latest = run
        self.runs[run] += 1

    @property
    def again(self) -> int:
        """How often a run was given out again."""
        return self.runs.total() - len(self.runs)


def lost_runs(given: Given, finished: AbstractSet[int], gone: AbstractSet[int]) -> list[str]:
    """What `follow` did wrong. Each of *finished* must be given out; *gone* were finished and are deleted now.

    An interruption may give out one run again: the one that was not acknowledged.
    """
    wrong = [f"run {run} was never given out" for run in sorted(finished - given.runs.keys())]
    wrong += [f"run {run} was given out but is not finished" for run in sorted(given.runs.keys() - finished - gone)]
    return wrong + [f"run {run} was given out again, although another one was requested" for run in given.repeated]
