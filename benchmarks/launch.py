"""Starts one command, waits for it, and writes down what it took: `python -I -S launch.py CORES SECONDS REPORT COMMAND …`

A process of its own, and a small one: the kernel counts the memory of whoever starts a program into the peak of that
program, so the one who starts must be smaller than the smallest contender. It has about 8 MiB; nothing below shows.
REPORT gets one line: exit status, wall, user and system seconds, peak KiB. CORES is as "0" or "0,2", or "-" for all.
"""

import os
import signal
import sys
from time import perf_counter


def main() -> None:
    cores, seconds, report, *command = sys.argv[1:]
    if cores != "-":
        os.sched_setaffinity(0, {int(core) for core in cores.split(",")})
    began = perf_counter()
    child = os.posix_spawnp(command[0], command, os.environ)
    signal.signal(signal.SIGALRM, lambda *_: os.kill(child, signal.SIGKILL))
    signal.signal(signal.SIGTERM, lambda *_: os.kill(child, signal.SIGTERM))
    signal.alarm(int(seconds))
    _, status, used = os.wait4(child, 0)
    wall = perf_counter() - began
    signal.alarm(0)
    with open(report, "w") as file:  # noqa: PTH123 -- pathlib would be most of this process
        file.write(f"{os.waitstatus_to_exitcode(status)} {wall} {used.ru_utime} {used.ru_stime} {used.ru_maxrss}\n")


if __name__ == "__main__":
    main()
