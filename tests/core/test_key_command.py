"""``api_key_command``: a program that prints the key, run once and bounded in all that it does."""

from __future__ import annotations

import os
import shlex
import sys
import threading
import time
from pathlib import Path
from unittest.mock import Mock

import pytest
from support.leaks import Haul
from support.scanner import Scan

from multicart_async import AsyncMultiCart
from multicart_async._core import key_sources
from multicart_async._core.key_sources import KeyCommand
from multicart_async.errors import ConfigurationError

KEY = "c4n4ry/+Zm9v=b4r~7f3a9d"
SECRET = "s3cret/argument+of~mine"
PYTHON = sys.executable


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs have short names, so that an error shows them whole."""
    monkeypatch.chdir(tmp_path)


def program(tmp_path: Path, text: str, name: str = "get-key") -> list[str]:
    """A program that does *text*, in Python, and is given a secret."""
    path = tmp_path / name
    path.write_text(f"#!{PYTHON} -I\nimport os, sys, time\nkey = sys.argv[1][::-1]\n{text}\n")
    path.chmod(0o700)
    return [f"./{name}", SECRET]


def sent(client: AsyncMultiCart) -> dict[str, str]:
    """What a request carries."""
    credential = client._settings.credential
    assert credential is not None
    return credential.as_headers()


def refused(command: object, **given) -> str:
    """The error's text; nothing that a program could show of it holds what was printed, or an argument."""
    with pytest.raises(ConfigurationError, match=r"^api_key_command") as caught:
        AsyncMultiCart(api_key_command=command, **given)
    assert caught.value.__traceback__ is not None
    haul = Haul()
    haul.add_error(caught.value.with_traceback(caught.value.__traceback__.tb_next))  # without the frame of this test
    assert [haul.where(secret) for secret in (SECRET, SECRET[::-1])] == [[], []]
    return str(caught.value)


def test_a_command_is_a_line_or_its_words(tmp_path) -> None:
    """A line is split as by a shell, but no shell is run."""
    words = program(tmp_path, "print(key)")
    for command in (words, tuple(words), shlex.join(words)):
        assert sent(AsyncMultiCart(api_key_command=command)) == {"x-api-key": SECRET[::-1]}

    literal = [*program(tmp_path, "print(sys.argv[2])"), "$HOME;`id`"]
    assert sent(AsyncMultiCart(api_key_command=literal)) == {"x-api-key": "$HOME;`id`"}


@pytest.mark.parametrize("end", ["", "\\n", "\\r\\n"])
def test_one_line_break_that_is_printed_is_not_the_key(tmp_path, end) -> None:
    """One line break after the key is ignored, because most programs print one."""
    command = program(tmp_path, f"sys.stdout.write(key + '{end}')")

    assert sent(AsyncMultiCart(api_key_command=command)) == {"x-api-key": SECRET[::-1]}


def test_a_command_has_no_input_and_a_session_of_its_own(tmp_path) -> None:
    """The command has no input and gets no Ctrl-C; it inherits the environment."""
    command = program(tmp_path, "print(sys.stdin.read() + os.environ['HOME'] + str(os.getsid(0) == os.getpid()))")

    assert sent(AsyncMultiCart(api_key_command=command)) == {"x-api-key": os.environ["HOME"] + "True"}


def test_what_a_command_says_on_stderr_is_not_taken(tmp_path, capfd) -> None:
    """The command's stderr is that of this process, and gets into no text of ours."""
    text = refused(program(tmp_path, "sys.stderr.write('not ' + 'unlocked'); sys.exit(3)"))

    assert "unlocked" not in text
    assert capfd.readouterr().err == "not unlocked"


FAILURES = {
    "status": ("print(key); sys.exit(3)", "ended with status 3; run it manually to see why"),
    "signal": ("print(key, flush=True); os.kill(os.getpid(), 9)", "was ended by signal 9; run it manually to see why"),
    "nothing": ("", "printed nothing, expected the key on its standard output"),
    "too much": ("print(key * 4096); time.sleep(600)", "printed more than 4,096 bytes, expected only the key"),
    "endless": ("while True: print(key)", "printed more than 4,096 bytes, expected only the key"),
}


@pytest.mark.parametrize("case", FAILURES)
def test_a_command_that_fails_says_how(tmp_path, case) -> None:
    """The error names the program, but neither its arguments nor its output."""
    text, reason = FAILURES[case]

    assert refused(program(tmp_path, text)) == f"api_key_command: './get-key' {reason}"


@pytest.mark.parametrize("text", ["print()", "print(key, key)", "print(key + '\\n')", "print('é' + key)"])
def test_what_is_printed_and_no_key_is_refused(tmp_path, text) -> None:
    """The output is checked like any other key."""
    assert "api_key_command './get-key': expected 1 to 512 visible ASCII characters" in refused(program(tmp_path, text))


SLOW = {
    "silent": "time.sleep(600)",
    "printed": "print(key, flush=True); os.close(1); time.sleep(600)",
    "left open": "print(key, flush=True); os.fork() or time.sleep(600)",
}


@pytest.mark.parametrize("case", SLOW)
def test_a_command_that_does_not_end_is_ended(tmp_path, case, monkeypatch) -> None:
    """After the timeout the program and the processes that it has started are killed."""
    monkeypatch.setattr(key_sources, "_TIMEOUT", 0.5)
    note = tmp_path / "group"
    command = program(tmp_path, f"open({str(note)!r}, 'w').write(str(os.getpgrp()))\n{SLOW[case]}")

    assert "did not end within 0.5 s (it or a process it started) and was killed" in refused(command)
    if note.exists():  # a loaded machine may not even have begun it
        until = time.monotonic() + 30
        while is_alive(int(note.read_text() or 0)) and time.monotonic() < until:
            time.sleep(0.01)
        assert not is_alive(int(note.read_text() or 0))


def is_alive(group: int) -> bool:
    """Whether a process of it runs; one that has ended, and was not waited for, does not."""
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, of = status.read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        if group and int(of) == group and state != "Z":
            return True
    return False


def test_a_program_that_is_missing_or_none_is_named(tmp_path) -> None:
    """The error has the system's reason; its cause has no frames, because they hold the arguments."""
    plain = tmp_path / "plain"
    plain.write_text("no program")

    missing = refused(["no-such-program-7f3a9d", SECRET])
    assert missing.startswith("api_key_command: 'no-such-program-7f3a9d' cannot be run (No such file or directory); ")
    assert "cannot be run (Permission denied); expected a program on the PATH" in refused([str(plain), SECRET])
    assert "an argument contains a NUL character or one" in refused([PYTHON, f"{SECRET}\0"])
    assert "that cannot be encoded; remove it" in refused([PYTHON, f"{SECRET}\ud800"])


@pytest.mark.parametrize("command", ["", "  ", [], [""], f"get {SECRET} 'open", 7, b"get", [b"get"], ["get", 7], {}])
def test_what_is_no_command_is_refused(command) -> None:
    """The error shows the type but not the text, which may hold a secret."""
    expected = "a command line with balanced quotes, or a sequence of strings, starting with a program"
    kind = type(command).__name__
    assert refused(command) == f"api_key_command: expected {expected}, got an object of type {kind}"


@pytest.mark.parametrize("argument", ["api_key", "token"])
def test_an_argument_beats_the_command(argument, tmp_path) -> None:
    """With a key or token as argument the command is not run."""
    command = program(tmp_path, f"open({str(tmp_path / 'ran')!r}, 'w')")
    AsyncMultiCart(**{argument: "own.key"}, api_key_command=command)

    assert not (tmp_path / "ran").exists()


def test_a_command_beats_the_environment(tmp_path, monkeypatch) -> None:
    """With a command, a token in the environment is ignored."""
    monkeypatch.setenv("MULTICART_TOKEN", "e.t")

    assert sent(AsyncMultiCart(api_key_command=program(tmp_path, "print(key)"))) == {"x-api-key": SECRET[::-1]}


def test_a_command_of_windows_keeps_its_backslashes(monkeypatch) -> None:
    """Quotation marks around a path are removed, and backslashes are kept."""
    monkeypatch.setattr(key_sources, "_POSIX", False)  # as there
    line = r'"C:\Program Files\pass\pass.exe" show C:\keys\multicart'

    words = key_sources._Words(line)
    assert list(words) == [r"C:\Program Files\pass\pass.exe", "show", r"C:\keys\multicart"]
    assert (repr(words), repr(key_sources.KeyCommand(line))) == ("<3 words>", "<a command>")


def test_an_interrupt_of_the_wait_shows_no_argument(monkeypatch) -> None:
    """Nor do the frames that wait for the program, to tools that look into them."""
    argument = "an-argument-that-is-secret"
    command = KeyCommand([sys.executable, "-c", "", argument])
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt) as caught:
        patch.setattr(threading.Thread, "join", Mock(side_effect=KeyboardInterrupt))
        command.read()

    scan = Scan([argument])
    scan.error(caught.value.with_traceback(caught.tb.tb_next))

    assert scan.found == set()


def test_the_reason_of_the_system_is_the_cause() -> None:
    """With its number, and without what was to be run."""
    with pytest.raises(ConfigurationError, match="cannot be run") as caught:
        AsyncMultiCart(api_key_command=["./missing", SECRET])

    assert isinstance(caught.value.__cause__, FileNotFoundError)
    assert caught.value.__cause__.__traceback__ is None


def test_a_program_cannot_read_what_is_typed(tmp_path) -> None:
    """The input of the process is not for it: it would wait for that, or take it away."""
    reading, writing = os.pipe()
    os.write(writing, b"typed\n")
    os.close(writing)
    before = os.dup(0)
    os.dup2(reading, 0)
    try:
        text = refused(program(tmp_path, "print(sys.stdin.read(), end='')"))
    finally:
        os.dup2(before, 0)
        for descriptor in (before, reading):
            os.close(descriptor)

    assert "printed nothing" in text
