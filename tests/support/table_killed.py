"""A program that kills exports: before their first step on the disk, before the second and so on, each in a fork.

Its arguments are a scenario, the name of the table, the folder with the table as it was, and one for a copy for each kill.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
from pathlib import Path

from multicart_async.tables import _parquet_writer as parquet_writer
from multicart_async.tables import export
from support.growing_tables import SCENARIOS, mirror_of
from support.table_steps import Steps, counted


def killed(scenario: str, table: Path, at: int) -> bool:
    """Whether the export was killed before the step *at*."""
    child = os.fork()
    if not child:
        steps = Steps(at, lambda: os.kill(os.getpid(), signal.SIGKILL))
        with counted(steps):
            asyncio.run(export(mirror_of(SCENARIOS[scenario][1]), table))
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    assert status in {0, signal.SIGKILL}, status
    return status != 0


def main(scenario: str, name: str, before: str, after: str) -> None:
    """Kill until it is through; print the number of kills."""
    parquet_writer.PART_ROWS = 3  # type: ignore[misc]
    at = 0
    while True:
        at += 1
        place = Path(after) / str(at)
        shutil.copytree(before, place)
        if not killed(scenario, place / name, at):
            break
    sys.stdout.write(f"{at - 1}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
