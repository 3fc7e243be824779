"""Child processes that end with the test, and with the process of the tests if that is killed."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

__all__ = ["free_ports", "running", "wait_for"]

# The shell ends with the program. When its input ends, which it does at the latest with the process of the tests, it
# ends the program, and waits for it.
_KEEPER = """
exec 3<&0
"$@" </dev/null 3<&- &
program=$!
(read -r _ <&3; kill -KILL $program) &
wait $program
kill $! 2>/dev/null
"""


@contextmanager
def running(
    command: Sequence[str], folder: Path, *, environment: Mapping[str, str] = {}
) -> Generator[Callable[[], str]]:
    """Run *command* in *folder*, in a session of its own. What is yielded returns what it has written so far.

    Of the environment of the tests it sees the PATH alone.

    Raises:
        RuntimeError: From the callable: it has ended.
    """
    log = folder / "log.txt"
    seen = {"PATH": os.environ["PATH"], "HOME": str(folder), "TMPDIR": str(folder), **environment}
    with log.open("wb") as output:
        shell = subprocess.Popen(
            ["sh", "-c", _KEEPER, "sh", *command],
            cwd=folder, env=seen, stdin=subprocess.PIPE, stdout=output, stderr=output, start_new_session=True,
        )  # fmt: skip

    def written() -> str:
        text = log.read_text("utf-8", "replace")
        if shell.poll() is not None:
            raise RuntimeError(f"{command[0]} has ended: {text[-2000:]}")
        return text

    with shell:  # leaving it closes the input, and waits
        yield written


def wait_for(written: Callable[[], str], pattern: str, *, seconds: float = 30) -> re.Match[str]:
    """Wait until what a process has written matches *pattern*.

    Raises:
        RuntimeError: It has ended, or the time is over.
    """
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := re.search(pattern, written()):
            return found
        time.sleep(0.02)
    raise RuntimeError(f"nothing like {pattern} in {seconds} s: {written()[-2000:]}")


def free_ports(count: int) -> list[int]:
    """So many ports on which nothing listens at the moment."""
    with ExitStack() as stack, suppress(OSError):
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    raise RuntimeError("no free ports")
