"""An API key from a file or a command. No error shows the file's content or the command's output."""

from __future__ import annotations

import os
import shlex
import signal
import stat
import subprocess
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import IO, cast

from multicart_async._core.exceptions import ArgumentError
from multicart_async._core.redaction import Credential, seal
from multicart_async._core.regular_file import open_regular
from multicart_async._core.short_repr import short_repr

__all__ = ["KeyCommand", "KeyFile", "without_line_break"]

_MAX_BYTES = 4096  # of a key with surrounding whitespace
_TIMEOUT = 60.0  # seconds for a command, which may prompt its user
_POSIX = os.name == "posix"
_COMMAND = "expected a command line with balanced quotes, or a sequence of strings, starting with a program"
_ADVICE = "expected a regular file that contains only the key; for a program that prints it use api_key_command"


def without_line_break(text: str) -> str:
    """Return *text* without one trailing line break, which editors, shells and programs add."""
    return text.removesuffix("\n").removesuffix("\r")


def _sealed(pipe: IO[bytes]) -> tuple[Credential | None, int]:
    """Return the sealed content of *pipe* and its size; only the size if the content is too long for a key."""
    content = pipe.read(_MAX_BYTES + 1)
    if len(content) > _MAX_BYTES:
        return None, len(content)
    return seal(without_line_break(content.decode("latin-1")), "x-api-key"), len(content)


class KeyFile:
    """The argument ``api_key_file``: a regular file that contains the key and that only its owner can change."""

    def __init__(self, path: object) -> None:
        self._given = path

    def read(self) -> Credential:
        """Return the key.

        Raises:
            ConfigurationError: The file cannot be read, other users have access to it, or its content is not a key.
        """
        path = self._path()
        shown = short_repr(path)
        key, size = None, 0
        try:
            # links are followed, because the files of a Kubernetes secret are links
            with os.fdopen(open_regular(path, max_bytes=_MAX_BYTES, links=True), "rb") as file:
                exposure = _exposure(os.fstat(file.fileno()), path) if _POSIX else None
                if exposure is None:
                    key, size = _sealed(file)
        except (OSError, UnicodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "the name cannot be encoded"
            hint = "; ~ is not expanded" if path.startswith("~") else ""
            raise ArgumentError("api_key_file", f"cannot read {shown} ({why}); {_ADVICE}{hint}") from error
        if exposure is not None:
            raise ArgumentError("api_key_file", f"{shown} {exposure}")
        if key is None:  # a file that reports no size, such as those of the kernel
            raise ArgumentError("api_key_file", f"{shown} has {size:,} bytes or more; {_ADVICE}")
        key.check(f"api_key_file {shown}")
        return key

    def _path(self) -> str:
        is_path = isinstance(self._given, str | os.PathLike)
        path = os.fsdecode(cast("str | os.PathLike[str]", self._given)) if is_path else ""
        if not path or "\0" in path:
            raise ArgumentError("api_key_file", f"expected the path of a file, got {short_repr(self._given)}")
        return path


def _exposure(status: os.stat_result, path: str) -> str | None:
    """Return who else can read or change the file. Its group may read it, as in containers that receive secrets."""
    user = os.geteuid()
    if status.st_uid not in {0, user}:
        owner = f"belongs to user {status.st_uid}, expected user {user}, which runs this process, or root"
        return f"{owner}; copy it to a file of your own and run: chmod 600 {shlex.quote(path)}"
    if status.st_mode & (stat.S_IROTH | stat.S_IWOTH | stat.S_IWGRP):
        mode = stat.S_IMODE(status.st_mode)
        return (
            f"has mode {mode:04o}, so other users can read or change it; run: chmod 600 {shlex.quote(path)} "
            "(or set the mode 0440 where the secret is mounted)"
        )
    return None


class KeyCommand:
    """The argument ``api_key_command``: a program that prints the key. Its arguments may be secret, its name is not."""

    def __init__(self, command: object) -> None:
        self._command = command

    def __repr__(self) -> str:
        return "<a command>"

    def read(self) -> Credential:
        """Run the program and return the key.

        Raises:
            ConfigurationError: The program cannot be run, fails, takes too long, or prints something else.
        """
        words = _Words(self._command)
        if not words:
            kind = type(self._command).__name__
            raise ArgumentError("api_key_command", f"{_COMMAND}, got an object of type {kind}")
        program = short_repr(words[0])
        outcome = _run(words, program)
        del words  # an argument may be secret, and an error is raised below
        if outcome.trouble is not None:
            raise ArgumentError("api_key_command", f"{program} {outcome.trouble}") from outcome.cause
        assert outcome.key is not None
        outcome.key.check(f"api_key_command {program}")
        return outcome.key


class _Words(list[str]):
    """The words of a command; empty if it is malformed. Its ``repr`` shows only their number, even in a traceback."""

    def __init__(self, command: object) -> None:
        super().__init__()
        if isinstance(command, str):
            with suppress(ValueError):  # an unclosed quotation mark
                self.extend(shlex.split(command) if _POSIX else map(_unquoted, shlex.split(command, posix=False)))
        elif isinstance(command, Sequence):
            parts = cast("Sequence[object]", command)
            self.extend(part for part in parts if isinstance(part, str))
            if len(self) != len(parts) or self[:1] == [""]:
                self.clear()

    def __repr__(self) -> str:
        return f"<{len(self)} words>"


def _unquoted(word: str) -> str:
    """Return *word* of a Windows command line without its quotes; a backslash is no escape there."""
    return word[1:-1] if len(word) > 1 and word[0] == word[-1] == '"' else word


class _Outcome:
    """The output of a program, read by a thread because not every system can wait for a pipe with a timeout."""

    def __init__(self) -> None:
        self.key: Credential | None = None
        self.trouble: str | None = None
        self.cause: OSError | None = None
        self.size = 0

    def read(self, pipe: IO[bytes]) -> None:
        """Read *pipe* to its end, or until the content is too long."""
        with pipe:
            self.key, self.size = _sealed(pipe)


def _run(words: _Words, program: str) -> _Outcome:
    outcome = _Outcome()
    try:
        process = subprocess.Popen(  # noqa: S603 -- the caller's own command; without a shell
            words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, start_new_session=_POSIX
        )
    except OSError as error:
        outcome.cause = error.with_traceback(None)  # its frames contain the arguments and the environment
        outcome.trouble = f"cannot be run ({error.strerror}); expected a program on the PATH, or the path of one"
        return outcome
    except ValueError:  # no cause: it may contain an argument
        outcome.trouble = "cannot be run: an argument contains a NUL character or one that cannot be encoded; remove it"
        return outcome
    words.clear()  # an interrupted wait shows frames that contain them
    process.args = program  # shown by its repr
    try:
        outcome.trouble = _ended(process, outcome)
    finally:
        _kill(process)
    return outcome


def _ended(process: subprocess.Popen[bytes], outcome: _Outcome) -> str | None:
    """Wait for *process* to end. Return what was wrong, or ``None``."""
    assert process.stdout is not None
    until = time.monotonic() + _TIMEOUT
    reader = threading.Thread(target=outcome.read, args=(process.stdout,), daemon=True)
    reader.start()
    reader.join(_TIMEOUT)
    if outcome.size > _MAX_BYTES:
        return f"printed more than {_MAX_BYTES:,} bytes, expected only the key"
    if not reader.is_alive():
        with suppress(subprocess.TimeoutExpired):
            process.wait(max(until - time.monotonic(), 0.0))
    status = process.returncode
    if status is None:
        return (
            f"did not end within {_TIMEOUT:g} s (it or a process it started) and was killed; run it manually to see why"
        )
    if status:
        how = f"ended with status {status}" if status > 0 else f"was ended by signal {-status}"
        return f"{how}; run it manually to see why"
    if outcome.key is None or outcome.size == 0:
        return "printed nothing, expected the key on its standard output"
    return None


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill the process group unless *process* has ended. Its id cannot be reused before it has been waited for."""
    if process.returncode is None:
        with suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL) if _POSIX else process.kill()
        process.wait()
