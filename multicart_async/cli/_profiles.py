"""Profiles: the keys that ``multicart login`` has stored, in a file that only its owner can read. Blocking."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import secrets
import shlex
import stat
import time
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any, Final, cast

import attrs
import click

from multicart_async._core.advisory_lock import try_lock
from multicart_async._core.redaction import RedactedStr
from multicart_async._core.regular_file import open_regular, read_whole
from multicart_async.errors import ConfigurationError, DiskError

__all__ = ["DEFAULT_PROFILE", "Profile", "credentials_path", "forget_profile", "load_profile", "store_profile"]

DEFAULT_PROFILE: Final = "default"
_MAX_BYTES: Final = 1 << 20
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_WRITABLE: Final = stat.S_IWGRP | stat.S_IWOTH
_TRIES: Final = 200
_PAUSE: Final = 0.05  # seconds between two tries to lock the folder
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL


@attrs.frozen
class Profile:
    """A stored key and the service that it belongs to; ``base_url`` is ``None`` for the live service."""

    name: str
    api_key: RedactedStr
    base_url: str | None


def credentials_path() -> Path:
    """Return the path of the file with the profiles."""
    folder = Path(click.get_app_dir("multicart"))
    if not folder.is_absolute():  # XDG_CONFIG_HOME is empty or relative, which counts as unset
        folder = Path.home() / ".config" / "multicart"
    return folder / "credentials.json"


def load_profile(name: str) -> Profile | None:
    """Return a stored profile, or ``None`` if there is none of that name.

    Raises:
        ConfigurationError: The file can be read by other users, or it is damaged.
    """
    fields = _read().get(name)
    if fields is None:
        return None
    key, base_url = fields.get("api_key"), fields.get("base_url")
    if not isinstance(key, str) or not (base_url is None or isinstance(base_url, str)):
        raise _damaged()
    return Profile(name, RedactedStr(key), base_url)


def store_profile(name: str, api_key: str, base_url: str | None) -> Path:
    """Store a profile, and return the path of the file."""
    with _locked():
        _write({**_read(), name: {"api_key": RedactedStr(api_key), "base_url": base_url}})
    return credentials_path()


def forget_profile(name: str) -> bool:
    """Remove a profile, and return whether there was one."""
    if name not in _read():
        return False
    with _locked():
        _write({other: fields for other, fields in _read().items() if other != name})
    return True


@contextlib.contextmanager
def _locked() -> Generator[None]:
    """Lock the folder, which is made if necessary, against other processes that log in at the same time."""
    path = credentials_path()
    try:
        for folder in (*reversed(path.parent.parents), path.parent):
            folder.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(path.parent, os.O_RDONLY)
    except OSError as error:
        raise _unusable(path, error) from error
    try:
        _wait_for_lock(descriptor)
        yield
    finally:
        os.close(descriptor)


def _wait_for_lock(descriptor: int) -> None:
    for _ in range(_TRIES):
        try:
            try_lock(descriptor)
        except BlockingIOError:
            time.sleep(_PAUSE)
        except OSError:  # a file system without locks
            return
        else:
            return


def _read() -> dict[str, dict[str, Any]]:
    path = credentials_path()
    try:
        folder = path.parent.stat().st_mode
        descriptor = open_regular(path, max_bytes=_MAX_BYTES, links=True)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise _unusable(path, error) from error
    mode = os.fstat(descriptor).st_mode
    if os.name == "posix" and mode & _OTHERS:
        os.close(descriptor)
        raise ConfigurationError(f"{path}: other users can read or change it; type: chmod 600 {shlex.quote(str(path))}")
    if os.name == "posix" and folder & _WRITABLE:
        os.close(descriptor)
        raise ConfigurationError(
            f"{path.parent}: other users can replace files in it; type: chmod 700 {shlex.quote(str(path.parent))}"
        )
    try:
        content: Any = json.loads(read_whole(descriptor, _MAX_BYTES))
    except (ValueError, RecursionError):
        raise _damaged() from None  # the cause would show the content
    profiles = cast("dict[str, Any]", content).get("profiles") if isinstance(content, dict) else None
    if not isinstance(profiles, dict):
        raise _damaged()
    found = cast("dict[str, object]", profiles)
    if not all(isinstance(fields, dict) for fields in found.values()):
        raise _damaged()
    return cast("dict[str, dict[str, Any]]", found)


def _write(profiles: Mapping[str, Mapping[str, Any]]) -> None:
    """Replace the file: another process sees the old one or the new one."""
    path = credentials_path().resolve()  # of a link, the file that it leads to is replaced
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    content = json.dumps({"profiles": profiles}, indent=2).encode() + b"\n"
    try:
        try:
            with os.fdopen(os.open(temporary, _NEW, 0o600), "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
    except OSError as error:
        raise _unusable(path, error) from error


def _unusable(path: Path, error: OSError) -> DiskError:
    return DiskError(str(path), f"{error.strerror}; the profiles cannot be used", error.errno or errno.EIO)


def _damaged() -> ConfigurationError:
    path = credentials_path()
    return ConfigurationError(f"{path}: expected the profiles of multicart login; remove the file, and log in again")
