"""``multicart doctor``: what it finds, and what it does not touch or show."""

from __future__ import annotations

import errno
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.command_kit import BackgroundSandbox, Commands, Result

from multicart_async.cli import _folder_checks
from multicart_async.cli._options import CommonOptions
from multicart_async.cli._service_checks import Probe, check_clock, check_proxy
from multicart_async.sandbox.faults import Content, Envelope, Status

CHECKS = ["reachability", "proxy", "clock", "key", "write", "space"]
NOWHERE = "http://127.0.0.1:9/api/v1"
BASE = "https://multicartapi.com/api/v1"


@pytest.fixture
def here(multicart: Commands, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Commands:
    """The command in an empty folder, without a proxy in the environment."""
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return multicart


@pytest.fixture
def doctor(here: Commands) -> Callable[..., tuple[Result, dict[str, dict[str, Any]]]]:
    """Call the command, and return the rows by their check, too."""

    def call(*arguments: str) -> tuple[Result, dict[str, dict[str, Any]]]:
        result = here("doctor", "--json", *arguments)
        rows = result.document
        assert [row["check"] for row in rows] == CHECKS
        assert {tuple(row) for row in rows} == {("check", "ok", "detail")}
        return result, {row["check"]: row for row in rows}

    return call


def failed(rows: dict[str, dict[str, Any]]) -> list[str]:
    """Return the checks that are not ok."""
    return [name for name, row in rows.items() if not row["ok"]]


def test_a_good_setup_is_ok(doctor, shop: BackgroundSandbox, tmp_path: Path) -> None:
    """Each check is ok, the status is 0, nothing is spent, and the folder is as it was."""
    spendable = shop.do(lambda sandbox: sandbox.credits().spendable)

    result, rows = doctor()

    assert (result.status, result.err, failed(rows)) == (0, "", [])
    assert rows["reachability"]["detail"].startswith(f"{shop.url} responded after ")
    assert rows["proxy"]["detail"] == "none"
    assert rows["key"]["detail"] == f"MULTICART_API_KEY is accepted, {spendable:,} credits can be spent"
    assert rows["write"]["detail"] == f"{tmp_path}: a file was written, renamed and removed"
    assert list(tmp_path.iterdir()) == []
    assert shop.api_key not in result.out


def test_a_line_for_each_check_is_printed(here: Commands) -> None:
    """In a pipe there are three columns, and with ``-q`` there is nothing to print."""
    assert [line.split("\t")[:2] for line in here("doctor").out.splitlines()] == [[name, "true"] for name in CHECKS]
    assert here("doctor", "-q") == Result(0, "", "")


def test_an_unreached_service_is_one_finding(doctor) -> None:
    """What depends on the service is not checked and says so; the folder is checked nevertheless."""
    result, rows = doctor("--base-url", NOWHERE)

    assert (result.status, failed(rows)) == (1, ["reachability", "clock", "key"])
    assert "check the network, --base-url and the proxy" in rows["reachability"]["detail"]
    assert rows["clock"]["detail"] == "not checked, because the service was not reached"
    assert rows["key"]["detail"].endswith("the service was not reached; it would come from MULTICART_API_KEY")
    assert result.err == f"multicart: reachability: {rows['reachability']['detail']}\n"


def test_without_a_credential_the_rest_is_checked(doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing credential is a finding that says what to type."""
    monkeypatch.delenv("MULTICART_API_KEY")

    result, rows = doctor()

    assert (result.status, failed(rows)) == (1, ["key"])
    assert rows["key"]["detail"] == "there is no credential: type multicart login, or set MULTICART_API_KEY"


def test_a_rejected_key_is_a_finding(doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that the service rejects is named by its source, and never shown."""
    monkeypatch.setenv("MULTICART_API_KEY", "wrong.secret-of-a-user")

    result, rows = doctor()

    assert (result.status, failed(rows)) == (1, ["key"])
    assert rows["key"]["detail"].startswith("MULTICART_API_KEY is rejected: ")
    assert "type multicart login" in rows["key"]["detail"]
    assert "secret-of-a-user" not in result.out + result.err


@pytest.mark.parametrize(
    ("variable", "value", "detail"),
    [("MULTICART_TOKEN", "abc", "expected one of them"), ("MULTICART_API_KEY", "a b", "MULTICART_API_KEY")],
)
def test_a_wrong_credential_is_a_finding(doctor, monkeypatch, variable: str, value: str, detail: str) -> None:
    """Two credentials, and one that cannot be a header, keep nothing else from being checked."""
    monkeypatch.setenv(variable, value)

    result, rows = doctor()

    assert (result.status, failed(rows)) == (1, ["key"])
    assert detail in rows["key"]["detail"]


@pytest.mark.parametrize("url", ["nowhere", "ftp://example.com", "http://[::1", "https://example.com/?a=1"])
def test_a_wrong_base_url_is_a_finding(doctor, url: str) -> None:
    """The error of the setting is shown where the service would have been called."""
    result, rows = doctor("--base-url", url)

    assert result.status == 1
    assert rows["reachability"]["detail"].startswith("base_url: expected ")
    assert {"reachability", "clock", "key"} <= set(failed(rows))


@pytest.mark.parametrize(
    ("fault", "checks", "advice"),
    [
        (Status(502), ["reachability"], "try again later"),
        (Envelope(503), ["reachability"], "try again later"),
        (Content(b"<html>Log in</html>", "text/html"), ["reachability"], "whether the network needs a login"),
    ],
    ids=["502", "503", "page"],
)
def test_a_response_that_is_no_good_is_a_finding(doctor, shop: BackgroundSandbox, fault, checks, advice: str) -> None:
    """What responds may be something else than the service; the key is checked nevertheless."""
    shop.do(lambda sandbox: sandbox.faults.add("/settings/domains/", fault, times=2))
    try:
        result, rows = doctor()
    finally:
        shop.do(lambda sandbox: sandbox.faults.clear())

    assert (result.status, failed(rows)) == (1, checks)
    assert advice in rows["reachability"]["detail"]


def test_a_failure_of_the_account_is_no_rejected_key(doctor, shop: BackgroundSandbox) -> None:
    """An error that says nothing about the key is shown as it is."""
    shop.do(lambda sandbox: sandbox.faults.add("/users/credits/", Envelope(400, "No such thing."), times=1))

    _, rows = doctor()

    assert failed(rows) == ["key"]
    assert "No such thing." in rows["key"]["detail"]
    assert "rejected" not in rows["key"]["detail"].partition(":")[0]


def test_an_unknown_balance_is_no_finding(doctor, shop: BackgroundSandbox) -> None:
    """A response without the numbers of credits shows that the key is accepted."""
    body = b'{"status":1,"code":200,"data":{}}'
    shop.do(lambda sandbox: sandbox.faults.add("/users/credits/", Content(body, "application/json"), times=1))

    _, rows = doctor()

    assert rows["key"]["detail"] == "MULTICART_API_KEY is accepted"


PROXIES: list[tuple[str | None, dict[str, str], bool, str]] = [
    ("http://u:s3cret@proxy.example:3128", {}, True, "proxy.example:3128, of --proxy"),
    ("proxy.example", {}, False, "--proxy: expected an http or https URL such as http://proxy.example:3128"),
    ("", {"HTTPS_PROXY": "http://other.example:1"}, True, "none: --proxy is empty"),
    (None, {"HTTPS_PROXY": "http://u:s3cret@proxy.example:3128"}, True, "proxy.example:3128, of HTTPS_PROXY"),
    (None, {"ALL_PROXY": "http://proxy.example:3128"}, True, "proxy.example:3128, of ALL_PROXY"),
    (None, {"HTTPS_PROXY": "http://p.example:1", "NO_PROXY": "multicartapi.com"}, True, "none: NO_PROXY excludes"),
    (None, {"HTTPS_PROXY": "socks5://u:s3cret@proxy.example:1"}, False, "HTTPS_PROXY: names a SOCKS proxy"),
    (None, {}, True, "none"),
]


@pytest.mark.parametrize(("option", "environment", "ok", "detail"), PROXIES)
def test_the_proxy_is_named(here: Commands, monkeypatch, option, environment, ok: bool, detail: str) -> None:
    """Its address and its source are shown, never its password."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    check = check_proxy(CommonOptions(proxy=option), BASE)

    assert (check.ok, check.made) == (ok, True)
    assert check.detail.startswith(detail)
    assert "s3cret" not in check.detail


def test_a_wrong_proxy_keeps_the_service_from_being_reached(doctor) -> None:
    """The proxy is the only finding that is explained; its password is not shown."""
    result, rows = doctor("--proxy", "socks5://user:s3cret@proxy.example:1080")

    assert failed(rows) == ["reachability", "proxy", "clock", "key"]
    assert rows["reachability"]["detail"] == "not checked, because the proxy cannot be used"
    assert len(result.err.splitlines()) == 1
    assert "s3cret" not in result.out + result.err


@pytest.mark.parametrize(
    ("seconds", "ok", "detail"),
    [
        (2, True, "differs from the service's by 2 s"),
        (-170, True, "differs from the service's by 170 s"),
        (3600, False, "3,600 s ahead of the service's: set it"),
        (-86400, False, "86,400 s behind the service's: set it"),
    ],
)
def test_the_clock_is_compared(seconds: int, ok: bool, detail: str) -> None:
    """A difference of more than three minutes is a finding."""
    probe = Probe(BASE, called=True, date="Sun, 29 Nov 2026 03:00:00 GMT", received=1795921200 + seconds)

    check = check_clock(probe)

    assert (check.ok, check.detail.startswith(detail)) == (ok, True)


@pytest.mark.parametrize("date", [None, "yesterday", "Sun, 29 Nov 99999 03:00:00 GMT"])
def test_a_clock_that_cannot_be_compared_is_no_finding_of_its_own(date: str | None) -> None:
    """Without a readable Date header the check says why it was not made."""
    check = check_clock(Probe(BASE, called=True, date=date, received=time.time()))

    assert (check.ok, check.made) == (False, False)
    assert "Date header" in check.detail


def test_a_missing_folder_is_not_made(doctor, tmp_path: Path) -> None:
    """The nearest parent that exists is tried, and says so."""
    _, rows = doctor("deep/mirror")

    assert rows["write"]["detail"].startswith(f"{tmp_path}, because deep/mirror does not exist yet: ")
    assert failed(rows) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("dest", "space", "detail"),
    [
        ("ftp://bucket/x", "not checked, because there is no store", "got 'ftp://bucket/x'"),
        ("file", None, "Not a directory"),
        ("\x1b[2J", None, r"because \x1b[2J does not exist yet"),
    ],
    ids=["url", "file", "escape"],
)
def test_what_is_no_folder_is_a_finding(doctor, tmp_path: Path, dest: str, space, detail: str) -> None:
    """A URL, and a file; control characters are escaped."""
    (tmp_path / "file").touch()

    _, rows = doctor(dest)

    assert detail in rows["write"]["detail"]
    assert space is None or rows["space"]["detail"] == space


def test_a_current_folder_that_was_removed_is_a_finding(doctor, tmp_path: Path, monkeypatch) -> None:
    """A relative path is then nowhere."""
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()

    _, rows = doctor("results")

    assert rows["write"]["detail"].startswith("No such file or directory")
    assert rows["space"]["detail"] == "not checked, because there is no folder"


def test_a_folder_that_cannot_be_written_is_a_finding(doctor, monkeypatch, tmp_path: Path) -> None:
    """A rename that fails leaves no file behind, and the advice names what to do."""

    def rename(self: Path, target: Path) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(Path, "rename", rename)

    result, rows = doctor()

    assert (result.status, failed(rows)) == (1, ["write"])
    assert rows["write"]["detail"].endswith("Operation not permitted; name another folder, or change its permissions")
    assert list(tmp_path.iterdir()) == []


def test_with_dry_run_nothing_is_written(doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Permissions are looked at instead, and may be a finding."""
    monkeypatch.setattr(_folder_checks, "_write_and_rename", pytest.fail)
    allowed = doctor("--dry-run")[1]["write"]
    monkeypatch.setattr(os, "access", lambda *_: False)
    denied = doctor("--dry-run")[1]["write"]

    assert (allowed["ok"], denied["ok"]) == (True, False)
    assert "not writable" in denied["detail"]


@pytest.mark.parametrize(
    ("total", "free", "ok", "detail"),
    [
        (10**12, 10**11, True, ": 100,000,000,000 bytes are free"),
        (10**12, 10**6, False, ": 1,000,000 bytes are free; free some, or name a folder on another disk"),
        (0, 0, True, ": its file system does not report it"),
    ],
)
def test_free_space_is_shown(doctor, monkeypatch, tmp_path: Path, total: int, free: int, ok: bool, detail: str) -> None:
    """Less than 100 MB is a finding, unless the file system does not say."""
    usage = shutil._ntuple_diskusage(total, total - free, free)  # type: ignore[attr-defined]
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)

    _, rows = doctor()

    assert rows["space"] == {"check": "space", "ok": ok, "detail": f"{tmp_path}{detail}"}


def test_space_that_cannot_be_read_is_a_finding(doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason of the system is shown."""

    def fail(_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(shutil, "disk_usage", fail)

    _, rows = doctor()

    assert failed(rows) == ["space"]
    assert "Input/output error" in rows["space"]["detail"]
