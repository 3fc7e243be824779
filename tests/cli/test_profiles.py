"""Profiles, and which credential a command uses."""

from __future__ import annotations

import json
import os
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from support.command_kit import BackgroundSandbox, Commands, Terminal

from multicart_async.cli._profiles import credentials_path, load_profile, store_profile
from multicart_async.errors import ConfigurationError, DiskError

SECRET = "mc_key.0123456789abcdef"


@pytest.fixture(autouse=True)
def own_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test sees the profiles of whoever runs it."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def written(content: Any, mode: int = 0o600) -> Path:
    """The file of the profiles with a content."""
    path = credentials_path()
    path.parent.mkdir(parents=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    path.chmod(mode)
    return path


def test_login_stores_a_key_that_was_checked(plain: Commands, shop: BackgroundSandbox) -> None:
    """In a file of the documented form, which its owner alone can read."""
    done = plain("login", "--stdin", "--base-url", shop.url, "--json", stdin=f"{shop.api_key}\n")

    assert done.status == 0
    assert done.document == {"credential": "profile default", "base_url": shop.url, "spendable": 100_000}
    path = credentials_path()
    assert json.loads(path.read_text()) == {"profiles": {"default": {"api_key": shop.api_key, "base_url": shop.url}}}
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert [found.name for found in path.parent.iterdir()] == ["credentials.json"]
    assert shop.api_key not in done.out + done.err


def test_a_stored_key_is_used(plain: Commands, shop: BackgroundSandbox) -> None:
    """With its own base URL; `whoami` says where it comes from."""
    plain("login", "--stdin", "--base-url", shop.url, stdin=shop.api_key)

    assert plain("whoami", "--json").document["credential"] == "profile default"
    assert plain("credits").status == 0


def test_login_asks_for_the_key_on_a_terminal(
    plain: Commands, shop: BackgroundSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without showing it."""
    monkeypatch.setattr("click.termui.hidden_prompt_func", lambda _: shop.api_key)

    done = plain("login", "--profile", "shop", "--base-url", shop.url, stdin=Terminal())

    assert done.status == 0
    assert list(json.loads(credentials_path().read_text())["profiles"]) == ["shop"]


def test_login_without_a_terminal_needs_stdin(plain: Commands) -> None:
    """A key is never an argument, because others can read those."""
    done = plain("login")

    assert (done.status, done.out) == (2, "")
    assert "--stdin" in done.err


def test_a_refused_key_is_not_stored(plain: Commands, shop: BackgroundSandbox) -> None:
    """Status 3."""
    done = plain("login", "--stdin", "--base-url", shop.url, stdin=SECRET)

    assert done.status == 3
    assert SECRET not in done.err
    assert not credentials_path().exists()


def test_login_with_dry_run_stores_nothing(plain: Commands, shop: BackgroundSandbox) -> None:
    """And sends nothing."""
    done = plain("login", "--stdin", "--dry-run", "--base-url", shop.url, stdin=SECRET)

    assert (done.status, credentials_path().exists()) == (0, False)


def test_login_says_that_the_environment_comes_first(multicart: Commands, shop: BackgroundSandbox) -> None:
    """The key just stored would otherwise be ignored silently."""
    done = multicart("login", "--stdin", stdin=shop.api_key)

    assert "MULTICART_API_KEY is set" in done.err


def test_logout_forgets_one_profile(plain: Commands) -> None:
    """Another one stays."""
    store_profile("shop", SECRET, None)
    store_profile("default", SECRET, None)

    assert plain("logout", "--dry-run", "--profile", "shop").status == 0
    done = plain("logout", "--profile", "shop", "--json")

    assert done.document == {"profile": "shop", "removed": True}
    assert load_profile("shop") is None
    assert load_profile("default") is not None
    again = plain("logout", "--profile", "shop", "--json")
    assert again.document == {"profile": "shop", "removed": False}
    assert "there is no profile shop" in again.err


def test_a_named_profile_comes_before_the_environment(multicart: Commands) -> None:
    """Whether it is named by the option or by the variable."""
    store_profile("shop", SECRET, "http://127.0.0.1:9/api/v1")

    for words in (("credits", "--profile", "shop"), ("credits",)):
        done = multicart(*words)
        assert (done.status, "127.0.0.1:9" in done.err) == (5, True)
        multicart.monkeypatch.setenv("MULTICART_PROFILE", "shop")


def test_the_environment_comes_before_the_default_profile(multicart: Commands) -> None:
    """As documented."""
    store_profile("default", SECRET, "http://127.0.0.1:9/api/v1")

    assert multicart("whoami", "--json").document["credential"] == "MULTICART_API_KEY"


def test_the_base_url_of_the_environment_does_not_get_the_key_of_a_profile(
    plain: Commands, shop: BackgroundSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key belongs to one service."""
    store_profile("default", SECRET, "http://127.0.0.1:9/api/v1")
    monkeypatch.setenv("MULTICART_BASE_URL", shop.url)

    assert "127.0.0.1:9" in plain("credits").err


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/api/v1", "http://[", "https://multicartapi.com/api/v1"])
def test_the_key_of_a_profile_is_not_sent_elsewhere(plain: Commands, shop: BackgroundSandbox, url: str) -> None:
    """Not even if the option says so: another service needs another login."""
    store_profile("default", shop.api_key, shop.url)

    done = plain("credits", "--base-url", url)

    assert done.status == 2
    assert "multicart login --profile" in done.err


def test_the_own_service_of_a_profile_can_be_named(plain: Commands, shop: BackgroundSandbox) -> None:
    """With another path, too."""
    store_profile("default", shop.api_key, shop.url)

    assert plain("credits", "--base-url", shop.url).status == 0


@pytest.mark.parametrize("words", [("credits", "--profile", "none"), ("credits",)])
def test_no_credential_is_a_wrong_call(plain: Commands, words: tuple[str, ...]) -> None:
    """It says what to type."""
    done = plain(*words)

    assert done.status == 2
    assert "multicart login" in done.err


def test_a_file_that_others_can_read_is_refused(plain: Commands) -> None:
    """With the command that mends it."""
    path = written({"profiles": {}}, 0o640)

    done = plain("credits")

    assert done.status == 2
    assert f"chmod 600 {path}" in done.err


@pytest.mark.parametrize(
    "content",
    [
        "{",
        [],
        {"profiles": []},
        {"profiles": {"default": 1}},
        {"profiles": {"default": {}}},
        {"profiles": {"default": {"api_key": SECRET, "base_url": 1}}},
    ],
)
def test_a_damaged_file_is_not_guessed_at(content: Any) -> None:
    """Its content is in no message."""
    written(content)

    with pytest.raises(ConfigurationError, match="remove the file") as caught:
        load_profile("default")

    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_what_is_no_file_cannot_be_used() -> None:
    """An error of the disk names the path."""
    credentials_path().mkdir(parents=True)

    with pytest.raises(DiskError, match="profiles cannot be used"):
        load_profile("default")
    credentials_path().rmdir()
    credentials_path().parent.rmdir()
    credentials_path().parent.write_text("a file")
    with pytest.raises(DiskError, match="profiles cannot be used"):
        store_profile("default", SECRET, None)


def test_a_failed_write_leaves_the_old_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """And no temporary one."""
    store_profile("default", SECRET, None)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("multicart_async.cli._profiles.os.fsync", full)
    with pytest.raises(DiskError, match="No space left"):
        store_profile("other", SECRET, None)

    assert [found.name for found in credentials_path().parent.iterdir()] == ["credentials.json"]
    assert load_profile("other") is None


@pytest.mark.parametrize("value", ["", "relative"])
def test_a_folder_that_is_not_absolute_counts_as_unset(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """The key must not be stored in the current folder."""
    monkeypatch.setenv("XDG_CONFIG_HOME", value)

    assert credentials_path() == Path.home() / ".config/multicart/credentials.json"


def test_new_folders_belong_to_their_owner_alone(tmp_path: Path) -> None:
    """With every umask."""
    before = os.umask(0)
    try:
        store_profile("default", SECRET, None)
    finally:
        os.umask(before)

    folder = credentials_path().parent
    assert [path.stat().st_mode & 0o777 for path in (folder, folder.parent)] == [0o700, 0o700]


def test_a_folder_that_others_can_write_to_is_refused(plain: Commands) -> None:
    """They could replace the file."""
    store_profile("default", SECRET, None)
    credentials_path().parent.chmod(0o777)

    done = plain("credits")

    assert done.status == 2
    assert f"chmod 700 {credentials_path().parent}" in done.err


def test_a_link_is_followed_and_kept(tmp_path: Path) -> None:
    """Programs that manage settings make such links."""
    store_profile("default", SECRET, None)
    kept = tmp_path / "kept.json"
    credentials_path().rename(kept)
    credentials_path().symlink_to(kept)

    store_profile("shop", SECRET, None)

    assert credentials_path().is_symlink()
    assert sorted(json.loads(kept.read_text())["profiles"]) == ["default", "shop"]


def test_logins_at_the_same_time_lose_nothing() -> None:
    """One waits for the other."""
    names = [f"p{number}" for number in range(6)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda name: store_profile(name, SECRET, None), names))

    assert sorted(json.loads(credentials_path().read_text())["profiles"]) == names


@pytest.mark.parametrize("error", [BlockingIOError(11, "busy"), OSError(38, "no locks here")])
def test_a_lock_is_not_waited_for_forever(monkeypatch: pytest.MonkeyPatch, error: OSError) -> None:
    """Nor where there are no locks."""
    paused: list[float] = []

    def refuse(_: int) -> None:
        raise error

    monkeypatch.setattr("multicart_async.cli._profiles.try_lock", refuse)
    monkeypatch.setattr("multicart_async.cli._profiles.time.sleep", paused.append)
    store_profile("default", SECRET, None)

    assert sum(paused) == pytest.approx(10 if isinstance(error, BlockingIOError) else 0)


def test_a_wrong_url_is_refused_before_a_dry_run_prints_it(plain: Commands) -> None:
    """It may hold a password."""
    done = plain("login", "--stdin", "--dry-run", "--base-url", "http://u:pass-word@host", stdin=SECRET)

    assert done.status == 2
    assert "pass-word" not in done.out + done.err


def test_a_stored_key_is_not_in_a_repr() -> None:
    """Nor in a traceback with local variables."""
    store_profile("default", SECRET, None)

    assert SECRET not in repr(load_profile("default"))
