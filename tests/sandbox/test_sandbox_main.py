"""The command line."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import errno
import json
import os
import re
import runpy
import signal
import socket
import sqlite3
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from multicart_async import AsyncMultiCart
from multicart_async.sandbox import Sandbox, server
from multicart_async.sandbox import __main__ as sandbox_main
from multicart_async.sandbox.__main__ import main, make_sandbox, parser, serve

ROOT = Path(__file__).parents[2]


async def wait_until_serving(capsys: Any) -> str:
    """What the command has printed when it serves."""
    text = ""
    while "Ctrl-C" not in text:
        await asyncio.sleep(0.01)
        text += capsys.readouterr().out
    return text


async def count_collections(words: list[str], capsys: Any) -> tuple[int, str]:
    """The number of collections under a command line, and what the command printed."""
    async with asyncio.TaskGroup() as group:
        group.create_task(serve(parser().parse_args(words)))
        text = await wait_until_serving(capsys)
        url = re.search(r"http:\S+", text)
        assert url is not None
        async with AsyncMultiCart(Sandbox.api_key, base_url=url[0]) as client:
            count = len(await client.collections.list())
        os.kill(os.getpid(), signal.SIGTERM)
    return count, text


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_it_serves_until_a_signal(capsys: Any, number: signal.Signals) -> None:
    """The command prints its URL and how to use it, then serves until a signal."""
    options = parser().parse_args(["--port", "0", "--instant", "--collections", "3"])
    async with asyncio.TaskGroup() as group:
        group.create_task(serve(options))
        text = await wait_until_serving(capsys)
        os.kill(os.getpid(), number)
    url = re.search(r"http://127\.0\.0\.1:\d+/api/v1", text)
    assert url is not None
    assert f"export MULTICART_BASE_URL={url[0]}\n  export MULTICART_API_KEY=sandbox.0000-not-a-real-secret\n" in text


def test_ctrl_c_ends_it_with_success() -> None:
    """A process of the command responds to requests, and ends without a traceback after SIGINT."""
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "multicart_async.sandbox", "--port", "0"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    url = process.stdout.readline().split()[-1]
    request = urllib.request.Request(url + "/schedules/get_schedules/", method="POST")
    with urllib.request.urlopen(request) as response:
        assert json.load(response)["code"] == 401
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=10)
    assert (process.returncode, errors) == (0, "")


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--port", "99999"], "argument --port: expected an integer from 0 to 65535, got '99999'"),
        (["--port", "-1"], "argument --port: expected an integer from 0 to 65535, got '-1'"),
        (["--collections", "-1"], "argument --collections: expected an integer from 0 "),
        (["--collections", "two"], "argument --collections: expected an integer from 0 "),
        (["--items-per-page", "0"], "argument --items-per-page: expected an integer from 1 "),
        (["--credits", "9" * 30], "argument --credits: expected an integer from 0 "),
        (["--seed", "9" * 30], "argument --seed: expected an integer from 0 "),
        (
            ["--zipcode-seconds", "-1"],
            "argument --zipcode-seconds: expected a number of seconds from 0 to 1000000000000, got '-1'",
        ),
        (
            ["--row-delay", "nan"],
            "argument --row-delay: expected a number of seconds from 0 to 1000000000000, got 'nan'",
        ),
        (["--runs-order", "random"], "argument --runs-order: invalid choice: 'random'"),
        (
            ["--allow-host", "a:80"],
            "argument --allow-host: expected a host name without scheme and port, such as 'sandbox'",
        ),
        (["--fast"], "unrecognized arguments: --fast"),
        (["results"], "unrecognized arguments: results"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_argument_is_one_line(words: list[str], reason: str, capsys: Any) -> None:
    """The error names the option and what is expected, in one line, with exit status 2."""
    with pytest.raises(SystemExit) as stop:
        main(words)

    (line,) = capsys.readouterr().err.splitlines()
    assert stop.value.code == 2
    assert line.startswith(f"python -m multicart_async.sandbox: {reason}")


@pytest.mark.parametrize("name", ["nowhere/sandbox.db", "notes.txt", "folder", "loop"])
def test_a_database_that_cannot_be_opened_is_one_line(name: str, tmp_path: Path, capsys: Any) -> None:
    """The error names the path, is one line, and leaves the file unchanged."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "notes.txt").write_text(
        "This file has nothing to do with a database, but is long enough for one.\n" * 99
    )

    with pytest.raises(SystemExit) as stop:
        main(["--port", "0", "--database", str(tmp_path / name)])

    (line,) = capsys.readouterr().err.splitlines()
    assert stop.value.code == 2
    assert line.startswith("python -m multicart_async.sandbox: argument --database: expected ")
    assert f", got {tmp_path}/" in line
    assert {path.name for path in tmp_path.iterdir()} == {"folder", "loop", "notes.txt"}


def test_a_database_that_sqlite_rejects_is_one_line(tmp_path: Path, capsys: Any) -> None:
    """A database of another program is an error of one line, with exit status 2."""
    path = tmp_path / "sandbox.db"
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE users (something INTEGER)")  # of another program

    assert main(["--port", "0", "--database", str(path)]) == 2

    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"python -m multicart_async.sandbox: cannot use the database {path}: ")


def test_a_path_is_escaped_for_the_terminal(tmp_path: Path, capsys: Any) -> None:
    """Control characters in a path are escaped."""
    path = tmp_path / "a\x1b]0;b\x07\n.db"
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE users (something INTEGER)")

    main(["--port", "0", "--database", str(path)])

    (line,) = capsys.readouterr().err.splitlines()
    assert r"/a\x1b]0;b\x07\n.db: " in line
    assert line.isprintable()


def test_a_port_in_use_is_one_line(capsys: Any) -> None:
    """The error names the port and what to do, with exit status 1."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert main(["--port", str(port)]) == 1

    assert capsys.readouterr() == (
        "",
        f"python -m multicart_async.sandbox: port {port} is in use; choose another with --port, or 0 for a free one\n",
    )


def test_an_unavailable_address_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    """The error names address, port and reason, with exit status 1."""

    async def raise_permission_error(_: argparse.Namespace) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(sandbox_main, "serve", raise_permission_error)

    assert main(["--host", "127.0.0.2", "--port", "80"]) == 1
    assert capsys.readouterr() == (
        "",
        "python -m multicart_async.sandbox: cannot listen on 127.0.0.2, port 80: Permission denied\n",
    )


def test_the_module_can_be_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run by python -m ends with the exit status of the command."""
    monkeypatch.setattr(sys, "argv", ["sandbox", "--items-per-page", "0"])
    with pytest.raises(SystemExit, match="2"):
        runpy.run_path(sandbox_main.__file__, run_name="__main__")


def test_every_option_has_a_help_text() -> None:
    """Each option has a text in --help."""
    assert [action.dest for action in parser()._actions if not action.help] == []


async def test_only_a_new_database_gets_collections(tmp_path: Path, capsys: Any) -> None:
    """A second start with the same database adds no collections, and says so."""
    words = ["--port", "0", "--instant", "--collections", "2", "--database", str(tmp_path / "sandbox.db")]

    first, text = await count_collections(words, capsys)
    second, again = await count_collections(words, capsys)

    assert (first, second) == (2, 2)
    assert "No collections were added" not in text
    assert "No collections were added" in again


async def test_no_message_without_requested_collections(tmp_path: Path, capsys: Any) -> None:
    """If no collections are requested, nothing is printed about those in the database."""
    words = ["--port", "0", "--instant", "--database", str(tmp_path / "sandbox.db")]
    await count_collections([*words, "--collections", "2"], capsys)

    count, text = await count_collections(words, capsys)

    assert count == 2
    assert "No collections were added" not in text


async def test_a_database_without_collections_is_new(tmp_path: Path, capsys: Any) -> None:
    """A database that was opened once, but never had a collection, gets the requested collections."""
    words = ["--port", "0", "--instant", "--database", str(tmp_path / "sandbox.db")]
    empty, _ = await count_collections(words, capsys)

    count, _ = await count_collections([*words, "--collections", "2"], capsys)

    assert (empty, count) == (0, 2)


def test_a_keyboard_interrupt_is_a_success(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where signals cannot be handled, Ctrl-C raises KeyboardInterrupt, and the exit status is 0."""

    def interrupted(coroutine: Any) -> None:
        coroutine.close()
        raise KeyboardInterrupt

    monkeypatch.setattr(asyncio, "run", interrupted)
    assert main([]) == 0


def test_options_reach_the_sandbox(tmp_path: Path) -> None:
    """Options of each type reach the sandbox."""
    line = f"--database {tmp_path}/x --seed 3 --runs-order oldest --auth-errors http --file-errors envelope --ranges"
    hosts = ["--allow-host", "sandbox", "--allow-host", "Other."]
    options = make_sandbox(parser().parse_args([*line.split(), "--zipcode-seconds", "9", *hosts]))._options
    assert options.allowed_hosts == {"sandbox", "other"}
    assert (tmp_path / "x", 3, "oldest") == (options.database, options.seed, options.runs_order)
    assert (options.auth_errors, options.file_errors, options.ranges) == ("http", "envelope", True)
    assert options.zipcode_seconds == 9


async def test_a_public_address_is_one_line_of_warning(capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The warning is printed on stderr before the address, even if warnings are errors, and the sandbox serves."""
    monkeypatch.setattr(server, "is_loopback", lambda _address: False)

    async with asyncio.TaskGroup() as group:
        group.create_task(serve(parser().parse_args(["--port", "0"])))
        errors = ""
        while not errors:
            await asyncio.sleep(0.01)
            errors = capsys.readouterr().err
        os.kill(os.getpid(), signal.SIGTERM)

    (line,) = errors.splitlines()
    assert line.startswith("python -m multicart_async.sandbox: warning: the sandbox listens on 127.0.0.1, port ")
