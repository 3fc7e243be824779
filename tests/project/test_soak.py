"""The soak test can be run, and each of its checks can fail."""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import random
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from multicart_async.errors import MultiCartError, NotFoundError

ROOT = Path(__file__).parents[2]
BENCHMARKS = ROOT / "benchmarks"
DONE = {101: {88: "done"}}
PAGE = b'[{"asin": "A"}, {"asin": "B"}]'

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory and descriptors are read as Linux tells them")


@pytest.fixture(autouse=True)
def modules(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Its modules can be imported, as its programs import them."""
    monkeypatch.syspath_prepend(os.fspath(BENCHMARKS))
    yield
    for name in [name for name in sys.modules if name.partition(".")[0] == "soak"]:
        del sys.modules[name]


def soak(name: str) -> Any:
    """A module of the soak test."""
    return importlib.import_module(f"soak.{name}")


class Service:
    """A service with one run of one page."""

    def files(self, collection: int, run: int) -> dict[str, bytes]:
        return {"page-0001.json": PAGE} if (collection, run) == (101, 88) else {}


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    """A mirror of that run."""
    folder = tmp_path / "mirror" / "101" / "88"
    folder.mkdir(parents=True)
    (folder / "page-0001.json").write_bytes(PAGE)
    (folder / "SHA256SUMS").write_bytes(b"")
    (folder / "manifest.json").write_text(json.dumps({"files": [{"name": "page-0001.json"}]}), "utf-8")
    return tmp_path / "mirror"


def wrong(mirror: Path, done: dict[int, dict[int, str]] = DONE) -> list[str]:
    """What the check of a mirror finds."""
    found: list[str] = soak("mirror_check").wrong_files(mirror, Service(), done)[1]
    return found


def test_a_mirror_like_the_service_is_right(mirror: Path) -> None:
    """Nothing is reported of a mirror that has what the service has, and each file was compared."""
    assert soak("mirror_check").wrong_files(mirror, Service(), DONE) == (1, [])


def test_a_wrong_byte_is_reported(mirror: Path) -> None:
    """A file with one other byte is reported by its name."""
    (mirror / "101/88/page-0001.json").write_bytes(PAGE.replace(b"B", b"C"))

    assert wrong(mirror) == ["101/88/page-0001.json has other bytes than at the service"]


def test_a_run_that_is_missing_and_one_too_many_are_reported(mirror: Path) -> None:
    """Each finished run must be in the mirror, and no other."""
    assert wrong(mirror, {101: {89: "done"}}) == [
        "101/89 is missing in the mirror",
        "101/88 is not at the service",
    ]


def test_a_run_without_a_manifest_is_reported(mirror: Path) -> None:
    """Files that no manifest names are reported."""
    (mirror / "101/88/manifest.json").unlink()

    assert wrong(mirror)[0].startswith("101/88 has no manifest")


def test_files_that_differ_from_the_manifest_are_reported(mirror: Path) -> None:
    """A file too many, and a page too few, are reported."""
    (mirror / "101/88/page-0001.json").rename(mirror / "101/88/page-0002.json")

    assert [each.partition(":")[0] for each in wrong(mirror)[:2]] == ["101/88", "101/88"]


def test_temporary_files_are_reported(mirror: Path) -> None:
    """A file that begins with a point was left over."""
    (mirror / "101/.mc-1").write_bytes(b"")

    assert wrong(mirror) == ["101/.mc-1 was left over"]


def test_a_double_start_is_reported() -> None:
    """A collection that was asked for once may have one new run; none only if its outcome is unknown."""
    before: dict[int, dict[int, str]] = {1: {}, 2: {}, 3: {}, 4: {5: "done"}}
    after = {1: {6: "done", 7: "done"}, 2: {}, 3: {}, 4: {5: "done", 8: "running"}}

    found = soak("checks").double_starts(before, after, {1: "done", 2: "done", 3: "unknown", 4: "done"})

    assert found == [
        "collection 1 was asked for once and has the new runs [6, 7]",
        "collection 2 is said to be done and has no new run",
    ]


def given(tmp_path: Path, *lines: str) -> Any:
    """What followers have written."""
    path = tmp_path / "followed.txt"
    path.write_text("".join(f"{line}\n" for line in lines) + "101 9", "ascii")  # the last line is being written
    found = soak("given").Given(path)
    found.refresh()
    return found


def test_a_lost_run_is_reported(tmp_path: Path) -> None:
    """Each finished run must be given out, and no other, but for those that are deleted by now."""
    followed = given(tmp_path, "opened", "101 1", "101 3", "101 4")

    assert soak("given").lost_runs(followed, {1, 2}, {3}) == [
        "run 2 was never given out",
        "run 4 was given out but is not finished",
    ]


def test_a_run_that_is_given_out_too_often_is_reported(tmp_path: Path) -> None:
    """The run before an interruption may be given out again, even after another interruption, but no other one."""
    once = given(tmp_path, "opened", "101 1", "opened", "opened", "101 1", "101 2")
    assert soak("given").lost_runs(once, {1, 2}, set()) == []
    assert (once.again, once.opened) == (1, 3)

    often = given(tmp_path, "opened", "101 1", "101 2", "opened", "101 2", "101 1")
    assert soak("given").lost_runs(often, {1, 2}, set()) == [
        "run 1 was given out again, although another one was requested"
    ]


def test_a_table_that_lacks_rows_is_reported(mirror: Path) -> None:
    """The rows of a table are those of the mirror; a table that grows may have rows of earlier runs."""
    expected = soak("mirror_check").rows_of(mirror)
    assert expected == Counter({(101, 88, 1, 1): 1, (101, 88, 1, 2): 1})
    check = soak("checks").wrong_rows

    assert check(expected, expected, grows=False) == []
    assert check(expected - Counter({(101, 88, 1, 2): 1}), expected, grows=True) == [
        "1 rows are missing, such as (101, 88, 1, 2)"
    ]
    earlier = expected + Counter({(101, 7, 1, 1): 1})
    assert check(earlier, expected, grows=True) == []
    assert check(earlier, expected, grows=False) == ["1 rows are too many, such as (101, 7, 1, 1)"]
    assert check(expected + expected, expected, grows=True) == ["2 rows are too many, such as (101, 88, 1, 1)"]


def test_tables_are_read_as_they_are(tmp_path: Path) -> None:
    """Rows come from SQLite and JSON Lines alike."""
    with sqlite3.connect(tmp_path / "table.sqlite") as db:
        db.execute("CREATE TABLE history (collection_id, run_id, page, number)")
        db.execute("INSERT INTO history VALUES (101, 88, 1, 2)")
    db.close()
    row = {"collection_id": 101, "run_id": 88, "page": 1, "number": 2}
    (tmp_path / "table.jsonl").write_text(json.dumps(row) + "\n", "utf-8")

    rows = [soak("checks").read_table(tmp_path / name) for name in ("table.sqlite", "table.jsonl")]

    assert rows == [Counter({(101, 88, 1, 2): 1})] * 2


def test_growth_and_what_is_left_open_are_reported() -> None:
    """Memory may grow within a bound; descriptors and tasks must not, and threads by those that stay for files."""
    kind = soak("measures").Measure
    begin = kind(rss=50.0, used=40.0, descriptors=7, threads=1, native=0, tasks=1, objects=0)
    end = kind(rss=50.0, used=80.0, descriptors=8, threads=10, native=0, tasks=2, objects=0)
    checks = soak("checks")

    assert checks.growth(begin, end) == ["the memory in use has grown by 40.0 MiB; allowed are 24 MiB"]
    assert checks.growth(end, begin) == checks.left_open(begin, begin) == []
    assert checks.left_open(begin, end) == [
        "8 descriptors at the end; allowed are 7",
        "10 threads at the end; allowed are 9",
        "2 tasks at the end; allowed are 1",
    ]


def test_errors_that_are_none_of_the_library_are_findings(tmp_path: Path) -> None:
    """Errors of the library are counted; any other, and one that the library did not expect, is a finding."""
    path = tmp_path / "findings.jsonl"
    findings = soak("findings").Findings(path, "me")
    unexpected = MultiCartError("unexpected KeyError: 1")
    unexpected.__cause__ = KeyError(1)

    for error in (NotFoundError("/x", 404, "no"), unexpected, KeyError(1)):
        with findings.watching("work"):
            raise error
    findings.close()

    found = soak("findings").read_findings(path)
    assert [each["what"] for each in found] == ["work: MultiCartError", "work: KeyError"]
    assert findings.errors == {"NotFoundError": 1, "MultiCartError": 1, "KeyError": 1}


def test_what_asyncio_says_of_errors_is_a_finding(tmp_path: Path) -> None:
    """An exception that was never retrieved is a finding."""
    path = tmp_path / "findings.jsonl"
    findings = soak("findings").Findings(path, "me")

    async def forget() -> None:
        findings.watch_loop()
        asyncio.get_running_loop().create_future().set_exception(KeyError(1))

    asyncio.run(forget())
    findings.close()

    (found,) = soak("findings").read_findings(path)
    assert found["what"] == "asyncio: Future exception was never retrieved"


def test_faults_are_a_part_of_all_requests(tmp_path: Path) -> None:
    """There are faults of each kind while they are on, in number about the share, and none otherwise."""
    faults = soak("chance_faults").ChanceFaults(1, 0.2)
    assert [faults.take("/x/", None) for _ in range(100)] == [None] * 100

    faults.on = True
    given = sum(faults.take("/x/", None) is not None for _ in range(2_000))

    assert 300 < given < 500
    assert len(faults.given) == 9


async def test_work_is_cut_short_at_times() -> None:
    """Work is cancelled in both ways, and its own errors come through."""
    disturbed = soak("loads").disturbed

    async def fail() -> None:
        raise KeyError(1)

    cut = [await disturbed(asyncio.sleep(60), random.Random(seed), 0.001, 0.0) for seed in range(6)]
    calm = [await disturbed(asyncio.sleep(0), random.Random(seed), 60, 0.0) for seed in range(6)]

    assert (cut, calm) == ([True] * 6, [False] * 6)
    with pytest.raises(KeyError):
        await disturbed(fail(), random.Random(1), 60, 0.0)


@pytest.mark.heavy
@pytest.mark.timeout(180)
def test_a_short_soak_test_ends_well(tmp_path: Path) -> None:
    """Twenty seconds with a small account: everything is checked, and nothing is wrong."""
    account = ["--collections", "6", "--pace", "1", "--seed", "7"]
    command = ["--minutes", "0.15", *account, "--folder", str(tmp_path / "files")]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "soak", *command, "--json", str(tmp_path / "figures.json")],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([os.fspath(BENCHMARKS), os.fspath(ROOT)])},
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    lines = done.stdout.splitlines()
    assert lines[-1] == "ok"
    checks = ("last sync", "verify", "wrong files", "tables", "lost runs", "double starts", "memory", "left open")
    for what in checks:
        assert any(line.startswith(f"{what}: 0 wrong, ") for line in lines), what
    assert "findings: 0" in lines
    assert json.loads((tmp_path / "figures.json").read_text("utf-8"))["findings"] == []
    assert not (tmp_path / "files").exists()
