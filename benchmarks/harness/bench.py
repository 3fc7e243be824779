"""What a job is given: settings, a track, sites, and where tables go."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import attrs

from harness.account import Plan
from harness.figures import Figures, Target, table
from harness.nginx import look_for_nginx
from harness.race import Contender, Result, Track, say
from harness.site import Site


@attrs.frozen(kw_only=True)
class Bench:
    """One run of the suite."""

    track: Track
    folder: Path
    disk: Path | None
    server: str
    scale: float
    https: bool | None = None
    """The one that was asked for; ``None`` is what a job says."""
    only: Sequence[str] = ()
    raw: list[dict[str, Any]] = attrs.field(factory=list[dict[str, Any]])

    def scaled(self, number: int, least: int = 1) -> int:
        """A number of files or records at the size that was asked for."""
        return max(least, round(number * self.scale))

    def site(self, plan: Plan, *, https: bool, answer_runs: bool = False, name: str = "site") -> Site:
        """A service with the files of *plan*; use it with ``with``. Those that run at one time have a *name* each.

        Raises:
            MissingError: There is no nginx, and it is the server.
        """
        if self.server == "nginx":
            look_for_nginx()
        files = plan.collections * plan.pages
        say(f"  {self.server}: {files:,} {'file' if files == 1 else 'files'}, {plan.size / 2**10:,.0f} KiB in all")
        environment = self.track.environment
        return Site(plan, self.folder / name, environment, server=self.server, https=https, answer_runs=answer_runs)

    def schemes(self, *usual: bool) -> tuple[bool, ...]:
        """Whether https is to be used, one after the other."""
        return usual if self.https is None else (self.https,)

    def race(
        self,
        key: str,
        title: str,
        contenders: Sequence[Contender],
        *,
        base: str,
        check: Callable[[Path], None] = lambda _: None,
        targets: Sequence[Target] = (),
        folder: Path | None = None,
        times: int = 1,
    ) -> Figures:
        """Hold a race and print its table. *key* names it in the raw figures, and stays the same at any size.

        A rival that the base of the ratios is must be there.
        """
        say(title)
        chosen = [each for each in contenders if not self.only or each.name == base or self._is_wanted(each.name)]
        results = self.track.race(chosen, check, folder, times)
        figures = Figures(results)
        print(f"\n{title}; ratios to {base}\n{table(figures, base)}")
        for target in targets:
            print(target.verdict(figures))
        print(flush=True)
        self.keep(key, title, results)
        return figures

    def keep(self, key: str, title: str, results: Sequence[Result]) -> None:
        """Remember raw figures, for ``--json``."""
        made = {"job": key, "title": title, "rounds": self.track.rounds, "scale": self.scale}
        self.raw.extend({**made, **attrs.asdict(result)} for result in results)

    def _is_wanted(self, name: str) -> bool:
        return any(word in name for word in self.only)
