"""The benchmarks can be run, and count as they say; how quick anything is, is not asked here."""

from __future__ import annotations

import importlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from support.fakes import FakeTransport, ok

ROOT = Path(__file__).parents[2]
BENCHMARKS = ROOT / "benchmarks"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory and CPU are read as Linux tells them")


@pytest.fixture(autouse=True)
def harness(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Its modules can be imported, as its scripts import them."""
    monkeypatch.syspath_prepend(os.fspath(BENCHMARKS))
    yield
    for name in [name for name in sys.modules if name.partition(".")[0] in {"harness", "jobs", "contenders"}]:
        del sys.modules[name]


def figures() -> ModuleType:
    """What makes figures of results."""
    return importlib.import_module("harness.figures")


def results(*walls: tuple[str, int, float]) -> list[object]:
    """Results of contenders in rounds, all alike but for the time."""
    result = importlib.import_module("harness.race").Result
    return [
        result(name=name, round=number, wall=wall, cpu=1.0, peak=2**20, whole_wall=wall, whole_cpu=1.0)
        for name, number, wall in walls
    ]


def run(*command: str) -> str:
    """What a run of the suite prints; it must succeed."""
    done = subprocess.run(
        [sys.executable, "-W", "error", BENCHMARKS / "run.py", *command],
        env={**os.environ, "PYTHONPATH": os.fspath(ROOT)},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_ratio_is_a_median_of_ratios_within_each_round() -> None:
    """Ratios are taken within a round and their median over the rounds, so a slow round does not distort them."""
    walls = [
        ("curl", 0, 1.0),
        ("ours", 0, 2.0),
        ("curl", 1, 10.0),
        ("ours", 1, 10.0),
        ("curl", 2, 1.0),
        ("ours", 2, 1.5),
    ]

    assert figures().Figures(results(*walls)).ratio("ours", "curl", "wall") == 1.5


def test_a_contender_of_one_round_is_compared_within_it() -> None:
    """A slow contender, which only takes part in the first round, is compared with the others of that round."""
    walls = [("httpx", 0, 8.0), ("ours", 0, 2.0), ("ours", 1, 200.0)]

    assert figures().Figures(results(*walls)).ratio("ours", "httpx", "wall") == 0.25


@pytest.mark.parametrize(
    ("rival", "verdict"), [("quick", "2.00, MISSED"), ("slow", "0.50, met"), ("absent", "not measured")]
)
def test_a_target_says_whether_it_is_met(rival: str, verdict: str) -> None:
    """One whose rival is missing is neither met nor missed."""
    told = figures().Figures(results(("ours", 0, 2.0), ("quick", 0, 1.0), ("slow", 0, 4.0)))

    target = figures().at_most("wall", 1.15, "ours", rival, "wall")

    assert f"target  wall ≤ 1.15 × {rival}: {verdict}" == target.verdict(told)  # noqa: RUF001 -- as it is printed


def test_a_target_may_leave_a_part_out() -> None:
    """The CPU of a part is subtracted, and the bases are added up, round by round."""
    result = importlib.import_module("harness.race").Result
    rows = [
        result(name=name, round=0, wall=1.0, cpu=cpu, peak=1, whole_wall=1.0, whole_cpu=cpu)
        for name, cpu in (("ours", 5.0), ("hash", 1.0), ("one", 2.0), ("other", 6.0))
    ]

    target = figures().cpu_at_most(0.6, "ours", ["one", "other"], without=["hash"])

    assert target.verdict(figures().Figures(rows)) == "target  CPU without hash ≤ 0.6 × (one + other): 0.50, met"  # noqa: RUF001


@pytest.mark.heavy
def test_the_suite_runs_without_nginx_and_leaves_nothing(tmp_path: Path) -> None:
    """A file and a mirror, tiny, with the sandbox as the server."""
    places = ("--dir", os.fspath(tmp_path), "--disk", os.fspath(tmp_path))

    options = ("--quick", "--free", "--server", "sandbox", "--http", "--only", "runs.", *places)
    told = run("big-file", "sync-again", "product-records", *options, "--json", os.fspath(tmp_path / "raw"))

    raw = json.loads((tmp_path / "raw").read_text("utf-8"))
    (tmp_path / "raw").unlink()
    assert {row["job"] for row in raw} == {"big-file-http", "sync-again", "sync-again-large", "product-records"}
    assert re.search(r"^runs\.download +\d+\.\d\d ", told, re.MULTILINE)
    assert re.search(r"^second +1 +0 ", told, re.MULTILINE)
    hashed = "target  CPU ≤ 1.08 × (aiohttp at its best + SHA-256 alone): not measured"  # noqa: RUF001 -- as it is printed
    assert hashed in told
    assert list(tmp_path.iterdir()) == []


@pytest.mark.heavy
def test_a_mirror_in_a_slow_store_is_measured() -> None:
    """The second sync has one GET for each collection."""
    done = subprocess.run(
        [sys.executable, BENCHMARKS / "store_mirror.py", "--collections", "3", "--pause", "0"],
        env={**os.environ, "PYTHONPATH": os.fspath(ROOT)},
        capture_output=True,
        text=True,
        check=True,
        timeout=50,
    )

    *_, first, second = done.stdout.splitlines()
    assert re.fullmatch(r"first .* 3 +0 +10  GET 3, HEAD \d+, LIST 10, POST 3, PUT \d+", first)
    assert re.fullmatch(r"second .* 0 +3 +1  GET 3, LIST 1", second)


def test_a_job_without_its_server_says_what_to_do(tmp_path: Path) -> None:
    """One line, with the command that does without nginx, and the exit status 1."""
    done = subprocess.run(
        [sys.executable, BENCHMARKS / "run.py", "poll", "--quick", "--dir", tmp_path, "--disk", tmp_path],
        env={**os.environ, "PYTHONPATH": os.fspath(ROOT), "PATH": os.fspath(tmp_path)},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "poll cannot be run: nginx is not installed; on Debian: apt-get install nginx-light; "
        'without it: make bench JOBS="poll --server sandbox"\n'
    )


def test_each_job_is_described() -> None:
    """In the README of the benchmarks, and each can be named."""
    text = (BENCHMARKS / "README.md").read_text("utf-8")
    listed = re.findall(r"^  ([a-z]+(?:-[a-z]+)*) {2,}\S", run("--help").partition("\njobs:\n")[2], re.MULTILINE)

    assert len(listed) > 10
    assert [name for name in listed if f"| `{name}` |" not in text] == []


async def test_the_groups_of_the_benchmarks_work() -> None:
    """They are composed as a client composes them, without a network."""
    composed = importlib.import_module("contenders.composed")
    collections, runs = composed.groups_over(FakeTransport(ok([]), ok([])))

    assert (await collections.list(), await runs.list(1)) == ((), ())
