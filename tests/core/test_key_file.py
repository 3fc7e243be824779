"""``api_key_file``: a key from a file of one's own, and what is refused without a word of what the file holds."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.leaks import Haul

from multicart_async import AsyncMultiCart
from multicart_async.errors import ConfigurationError

KEY = "c4n4ry/+Zm9v=b4r~7f3a9d"
posix = pytest.mark.skipif(os.name != "posix", reason="modes and owners are POSIX's")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file as it should be."""
    path = tmp_path / "key"
    path.write_bytes(f"{KEY}\n".encode())
    path.chmod(0o600)
    return path


def sent(client: AsyncMultiCart) -> dict[str, str]:
    """What a request carries."""
    credential = client._settings.credential
    assert credential is not None
    return credential.as_headers()


def refused(path: object, **given) -> ConfigurationError:
    """The error; nothing that a program could show of it holds the key."""
    with pytest.raises(ConfigurationError, match=r"^api_key_file") as caught:
        AsyncMultiCart(api_key_file=path, **given)
    haul = Haul()
    haul.add_error(caught.value)
    assert haul.where(KEY) == []
    return caught.value


def test_what_was_opened_is_looked_at(file, monkeypatch) -> None:
    """By its descriptor: its name may be another file's by then."""

    def refuse(*_: object, **__: object) -> os.stat_result:
        raise AssertionError("by its name")

    monkeypatch.setattr(os, "stat", refuse)

    assert sent(AsyncMultiCart(api_key_file=str(file))) == {"x-api-key": KEY}


@pytest.mark.parametrize("kind", [str, Path])
def test_a_key_is_read_from_a_file(file, kind) -> None:
    """The path may be a string or an object, and the key is sent as if it was an argument."""
    assert sent(AsyncMultiCart(api_key_file=kind(file))) == {"x-api-key": KEY}


@pytest.mark.parametrize("end", ["", "\n", "\r\n"], ids=["nothing", "LF", "CRLF"])
def test_one_line_break_at_the_end_of_a_file_is_not_the_key(file, end) -> None:
    """One line break at the end is ignored, because editors add one."""
    file.write_bytes(f"{KEY}{end}".encode())

    assert sent(AsyncMultiCart(api_key_file=file)) == {"x-api-key": KEY}


def test_a_link_to_a_key_file_is_followed(file, tmp_path) -> None:
    """Links are followed, because the files of a Kubernetes secret are links to links."""
    (tmp_path / "..data").symlink_to(tmp_path)
    (tmp_path / "link").symlink_to("..data/key")

    assert sent(AsyncMultiCart(api_key_file=tmp_path / "link")) == {"x-api-key": KEY}


NO_KEYS = {
    "nothing": b"",
    "a line break": b"\n",
    "two line breaks": f"{KEY}\n\n".encode(),
    "two lines": f"{KEY}\n{KEY}\n".encode(),
    "an assignment": f"MULTICART_API_KEY = {KEY}\n".encode(),
    "UTF-16": f"{KEY}\r\n".encode("utf-16"),
    "a byte order mark": f"{KEY}\n".encode("utf-8-sig"),
    "513 characters": b"x" * 513,
}


@pytest.mark.parametrize("case", NO_KEYS)
def test_a_file_whose_content_is_no_key_is_refused(file, case) -> None:
    """The content is checked like any other key; the error names argument and path."""
    file.write_bytes(NO_KEYS[case])

    text = str(refused(file))
    assert text.startswith(f"api_key_file '{str(file)[:20]}")
    assert "expected 1 to 512 visible ASCII characters" in text


def test_a_file_of_4096_bytes_is_read_and_a_larger_one_is_not(file) -> None:
    """What is read is bounded, and the larger one is not read at all."""
    file.write_bytes(b"x" * 4096)
    assert "expected 1 to 512" in str(refused(file))

    file.write_bytes(b"x" * 4097)
    assert "(expected at most 4,096 bytes, got 4,097); expected a regular file" in str(refused(file))


@pytest.mark.skipif(not Path("/proc/self/pagemap").exists(), reason="a file of Linux's kernel")
def test_a_file_that_tells_no_size_is_bounded_too() -> None:
    """Files of the kernel report size 0 and may hold more, so reading is bounded too."""
    assert "has 4,097 bytes or more; expected a regular file" in str(refused("/proc/self/pagemap"))


@posix
@pytest.mark.parametrize("mode", [0o600, 0o400, 0o440, 0o640, 0o700, 0o750])
def test_owner_and_reading_group_are_trusted(file, mode) -> None:
    """The group may read the file, because containers provide secrets with mode 0440."""
    file.chmod(mode)

    assert sent(AsyncMultiCart(api_key_file=file)) == {"x-api-key": KEY}


@posix
@pytest.mark.parametrize("mode", [0o644, 0o604, 0o602, 0o620, 0o660, 0o666, 0o777])
def test_a_file_that_others_can_read_or_change_is_refused(file, mode) -> None:
    """The error has the mode, and the command to type."""
    file.chmod(mode)

    text = str(refused(file))
    assert f"has mode {mode:04o}, so other users can read or change it; run: chmod 600 {file}" in text


@posix
def test_the_command_to_type_can_be_typed(tmp_path) -> None:
    """Blanks and quotation marks in the path are quoted."""
    path = tmp_path / "my key's"
    path.write_text(KEY)
    path.chmod(0o644)

    assert f"chmod 600 '{tmp_path}/my key'\"'\"'s' (or" in str(refused(path))


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_another_user_is_refused(file) -> None:
    """Another user could replace the key by his own, and see what is made with it."""
    os.chown(file, 12345, -1)

    text = str(refused(file))
    assert "belongs to user 12345, expected user 0, which runs this process, or root; copy it" in text
    assert f"chmod 600 {file}" in text


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can be another user")
def test_a_file_of_root_is_trusted_by_all(file, monkeypatch) -> None:
    """A file of root is accepted, because services get their secrets that way."""
    monkeypatch.setattr(os, "geteuid", lambda: 12345)

    assert sent(AsyncMultiCart(api_key_file=file)) == {"x-api-key": KEY}


def test_what_is_no_regular_file_is_refused(tmp_path) -> None:
    """Opening a FIFO does not wait for a writer, and no descriptor is left open."""
    before = len(list(Path("/proc/self/fd").iterdir()))
    os.mkfifo(tmp_path / "fifo", 0o600)

    assert "(expected a regular file, got a folder); expected a regular file" in str(refused(tmp_path))
    assert "(expected a regular file, got a device, pipe or socket); expected" in str(refused(tmp_path / "fifo"))
    assert "(expected a regular file, got a device, pipe or socket); expected a regular file" in str(
        refused("/dev/null")
    )
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_file_that_cannot_be_read_says_why(tmp_path) -> None:
    """The error has the system's reason and what is expected; for a path with ``~`` it says that this is not expanded."""
    text = str(refused(tmp_path / "none"))
    assert "(No such file or directory); expected a regular file that contains only the key" in text
    assert text.endswith("for a program that prints it use api_key_command")
    assert str(refused("~/none")).endswith("; ~ is not expanded")
    assert "the name cannot be encoded" in str(refused("\ud800"))


@pytest.mark.parametrize("path", ["", "a\0b", 7, b"key"], ids=repr)
def test_what_is_no_path_is_refused(path) -> None:
    """A value that is not a path is rejected as such, not as a missing file."""
    assert str(refused(path)).startswith("api_key_file: expected the path of a file, got ")


@pytest.mark.parametrize("argument", ["api_key", "token"])
def test_an_argument_beats_the_file(argument, tmp_path) -> None:
    """With a key or token as argument the file is not opened."""
    client = AsyncMultiCart(**{argument: "own.key"}, api_key_file=tmp_path / "none")

    assert list(sent(client)) == ["x-api-key" if argument == "api_key" else "Authorization"]


@pytest.mark.parametrize("variable", ["MULTICART_API_KEY", "MULTICART_TOKEN"])
def test_a_file_beats_the_environment(file, variable, monkeypatch) -> None:
    """With a file the environment is ignored: its token is no conflict, and its key no substitute."""
    monkeypatch.setenv(variable, "e.e")

    assert sent(AsyncMultiCart(api_key_file=file)) == {"x-api-key": KEY}
    refused(file.with_name("none"))


def test_a_file_and_a_command_together_are_refused(file) -> None:
    """Giving both is an error, because one of them would be ignored."""
    text = str(refused(file, api_key_command=["echo", "key"]))
    assert text == "api_key_file: expected one of api_key_file and api_key_command, got both; remove one"
