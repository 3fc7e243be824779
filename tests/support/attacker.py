"""Another user of the machine, without privileges: replaces files and folders by links, pipes and folders, as fast as it can.

    python attacker.py FOLDER OUTSIDE SEED

It may write in FOLDER and in what is made there, and not in OUTSIDE. It ends with its input.
"""

from __future__ import annotations

import contextlib
import os
import random
import select
import sys
from pathlib import Path

USER = 65534
KEPT = 40  # things that were moved away, to come back later


class Attacker:
    """Does one harmful thing after the other."""

    def __init__(self, folder: Path, outside: Path, chance: random.Random) -> None:
        self._folder = folder
        self._outside = outside
        self._chance = chance
        self._hidden: list[Path] = []
        self.done = 0

    def strike(self) -> None:
        """One thing; what cannot be done any more is passed over."""
        with contextlib.suppress(OSError):
            self._strike()
            self.done += 1

    def _strike(self) -> None:
        places = self._places()
        if not places:
            return
        target = self._chance.choice(places)
        kind = self._chance.choice(["link", "link", "pipe", "folder", "back", "remove"])
        if kind == "back" and self._hidden:
            self._hidden.pop(0).replace(target)
            return
        moved = self._folder / f"moved-{self.done}-{target.name}"
        target.replace(moved)
        self._hidden.append(moved)
        if kind == "link":
            target.symlink_to(self._behind(target))
        elif kind == "pipe":
            os.mkfifo(target)
        elif kind == "folder":
            target.mkdir()
        if self._chance.random() < 0.7:  # back again, so that the work goes on
            with contextlib.suppress(OSError):
                target.unlink()
            with contextlib.suppress(OSError):
                target.rmdir()
            moved.replace(target)
            self._hidden.remove(moved)
        while len(self._hidden) > KEPT:
            self._hidden.pop(0)

    def _places(self) -> list[Path]:
        """The folders and files of the work: not what was moved away."""
        found: list[Path] = []
        for path in self._folder.iterdir():
            if path.name.startswith("moved-"):
                continue
            found += [path] * 2
            if path.is_dir() and not path.is_symlink():
                with contextlib.suppress(OSError):
                    found += [inner for inner in path.rglob("*") if not inner.is_symlink()]
        return found

    def _behind(self, target: Path) -> Path:
        """What a link in the place of *target* leads to: that of the same name outside, so that it looks right."""
        relative = target.relative_to(self._folder)
        choices = [self._outside / relative, self._outside, self._outside / "precious", Path("/dev/zero"), self._folder]
        return self._chance.choice(choices)


def main(folder: str, outside: str, seed: str) -> None:
    """Go on until the input ends."""
    os.setgroups([])
    os.setgid(USER)
    os.setuid(USER)
    attacker = Attacker(Path(folder), Path(outside), random.Random(int(seed)))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while not select.select([sys.stdin], [], [], 0)[0]:
        attacker.strike()
    sys.stdout.write(f"{attacker.done}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
