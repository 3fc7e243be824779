"""How processes end that have stored objects: obstore's asynchronous functions could abort them at the end."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support.object_stores import StoreBucket

PROGRAM = Path(__file__).parents[1] / "support/store_process.py"
PROCESSES = 100


@pytest.mark.heavy
@pytest.mark.timeout(600)
def test_all_of_100_processes_end_with_status_0(bucket: StoreBucket) -> None:
    """Each has stored a small and a large object and has given one up; none says anything, and nothing dangles."""

    def run(number: int) -> tuple[int, bytes]:
        command = [sys.executable, PROGRAM, bucket.location, json.dumps(bucket.options()), str(number)]
        done = subprocess.run(command, capture_output=True, check=False, timeout=100)
        return done.returncode, done.stdout + done.stderr

    with ThreadPoolExecutor(3) as pool:
        ended = Counter(pool.map(run, range(PROCESSES)))

    assert ended == {(0, b""): PROCESSES}
    assert len(bucket.keys()) == 2 * PROCESSES
    assert bucket.uploads() == []
