"""Mirror a sandbox with a Dask cluster of three worker processes on this computer.

    python examples/cluster.py [FOLDER]

It needs the extra ``dask``, but no key and no network: the sandbox is a process on this computer. The driver lists the
collections, and the workers download. All of them together have at most eight requests in progress. For your own
cluster, pass its address to `Client`, and set MULTICART_API_KEY in the environment of each worker; see docs/cluster.md.
The exit status is 0 if everything is in place, otherwise 1.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
from pathlib import Path

from multicart_async import MultiCartError
from multicart_async.distributed import mirror
from multicart_async.models import SyncReport

SANDBOX = (sys.executable, "-m", "multicart_async.sandbox", "--port", "0", "--instant", "--collections", "50")


def variables(sandbox: subprocess.Popen[str]) -> dict[str, str]:
    """The variables that a sandbox prints when it is ready."""
    assert sandbox.stdout is not None
    found: dict[str, str] = {}
    while len(found) < 2 and (line := sandbox.stdout.readline()):
        name, _, value = line.strip().removeprefix("export ").partition("=")
        if name.startswith("MULTICART_"):
            found[name] = value
    return found


async def main(folder: Path) -> SyncReport:
    """What was mirrored. The workers inherit the environment, and with it URL and key of the sandbox."""
    from distributed import Client, LocalCluster  # noqa: PLC0415 -- the help does not need it

    cluster = LocalCluster(n_workers=3, host="127.0.0.1", dashboard_address="127.0.0.1:0", asynchronous=True)
    async with cluster, Client(cluster, asynchronous=True) as client:
        return await mirror(client, folder, requests=8)


def run(folder: Path) -> SyncReport:
    """Start a sandbox, mirror it, and stop it again."""
    sandbox = subprocess.Popen(SANDBOX, stdout=subprocess.PIPE, text=True)  # noqa: S603 -- it is above
    try:
        os.environ.update(variables(sandbox))
        return asyncio.run(main(folder))
    finally:
        sandbox.terminate()
        sandbox.communicate()


if __name__ == "__main__":  # workers are processes that import this file
    line = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    line.add_argument("folder", metavar="FOLDER", type=Path, nargs="?", default=Path("cluster-results"))
    asked = line.parse_args()
    try:
        report = run(asked.folder)
    except MultiCartError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(130)
    for failure in report.failures:
        print(failure, file=sys.stderr)
    print(f"{report.runs} runs: {report.files} files fetched, {report.skipped} runs were in place")
    sys.exit(0 if report.ok else 1)
