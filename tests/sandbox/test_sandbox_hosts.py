"""A sandbox accepts only its own host names, and warns if other computers can reach it."""

from __future__ import annotations

import asyncio
import socket
import warnings
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import aiohttp.abc
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from multicart_async import AsyncMultiCart, errors
from multicart_async._core.loopback import is_loopback
from multicart_async.sandbox import Sandbox, server
from multicart_async.sandbox._web.hosts import check_host_name, host_name, served_names
from multicart_async.sandbox.faults import Status

CALL = "POST /api/v1/schedules/get_schedules/ HTTP/1.{minor}\r\n{host}x-api-key: {key}\r\nContent-Length: 0\r\n\r\n"


async def status(sandbox: Sandbox, host: str | None, *, to: str = "127.0.0.1", minor: int = 1) -> tuple[int, str]:
    """The HTTP status and body for a request with this Host, in which ``{port}`` is the port of the sandbox."""
    port = sandbox.url.rpartition(":")[2].partition("/")[0]
    line = "" if host is None else f"Host: {host.replace('{port}', port)}\r\n"
    reader, writer = await asyncio.open_connection(to, int(port))
    try:
        writer.write(CALL.format(minor=minor, host=line, key=sandbox.api_key).encode())
        head = await reader.readuntil(b"\r\n\r\n")
        size = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        return int(head.split()[1]), (await reader.readexactly(size)).decode()
    finally:
        writer.close()
        await writer.wait_closed()


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    """A sandbox that listens on this computer only."""
    async with Sandbox() as made:
        yield made


OWN = [
    "127.0.0.1:{port}",
    "127.0.0.1",
    "localhost:{port}",
    "LocalHost.:80",
    "[::1]:{port}",
    "[0:0:0:0:0:0:0:1]",
    "localhost:",
]
STRANGE = [
    "attacker.example",
    "attacker.example:{port}",
    "127.0.0.1.attacker.example:{port}",
    "localhost.attacker.example",
    "attacker.example:127.0.0.1",
    "localhost@attacker.example",
    "127.0.0.1, attacker.example",
    "192.0.2.7:{port}",
    "0.0.0.0:{port}",
    "127.1",
    "",
    ".",
    "[::1",
    "l\u00f6calhost",
]


@pytest.mark.parametrize("host", OWN)
async def test_a_request_for_this_computer_is_accepted(host: str, sandbox: Sandbox) -> None:
    """Each spelling of a local name is accepted, with any port, as a port may be forwarded."""
    assert (await status(sandbox, host))[0] == 200


@pytest.mark.parametrize("host", STRANGE)
async def test_a_request_for_another_name_is_rejected(host: str, sandbox: Sandbox) -> None:
    """The response to a request for another name says what to do, without that name."""
    found, text = await status(sandbox, host)

    assert found == 403
    assert "allowed_hosts=[NAME]" in text
    assert "--allow-host NAME" in text
    assert "attacker" not in text


async def test_a_request_without_a_host_is_rejected(sandbox: Sandbox) -> None:
    """Requests of HTTP/1.0 without ``Host``, which no browser sends, are rejected."""
    assert (await status(sandbox, None, minor=0))[0] == 403


async def test_a_rejected_request_has_no_effect(sandbox: Sandbox) -> None:
    """A rejected request is not recorded, uses up no fault, and leaves the connection usable."""
    sandbox.faults.add("*", Status(503))
    await status(sandbox, "attacker.example")

    assert (len(sandbox.requests), sandbox.counts.total()) == (0, 0)
    assert (await status(sandbox, "localhost"))[0] == 503


@pytest.mark.parametrize("name", ["sandbox", "Sandbox.", "SANDBOX"])
async def test_a_name_can_be_allowed(name: str) -> None:
    """An allowed name, such as that of a container, is accepted in any spelling, beside the default names."""
    async with Sandbox(allowed_hosts=["other", name]) as sandbox:
        assert [(await status(sandbox, host))[0] for host in ("sandbox:8080", "other", "localhost", "another")] == [
            200,
            200,
            200,
            403,
        ]


async def test_the_bound_address_is_accepted() -> None:
    """A computer has more than one loopback address; the one that the sandbox is bound to is accepted."""
    async with Sandbox(host="127.0.0.3") as sandbox:
        hosts = ("127.0.0.3:{port}", "127.0.0.4:{port}")
        assert [(await status(sandbox, host, to="127.0.0.3"))[0] for host in hosts] == [200, 403]


async def test_the_local_address_of_a_connection_is_accepted() -> None:
    """A sandbox that is bound to all addresses cannot list them, so it accepts the one that a connection uses."""
    async with Sandbox(host="127.0.0.3") as sandbox:
        sandbox._running[0].hosts = frozenset()  # type: ignore[index]
        hosts = ("127.0.0.3", "127.0.0.1")
        assert [(await status(sandbox, host, to="127.0.0.3"))[0] for host in hosts] == [200, 403]


async def test_the_host_of_the_links_is_accepted() -> None:
    """The host of ``links_base`` is accepted, so that links through a proxy before the sandbox work."""
    async with Sandbox(links_base="https://Proxy.example:444/api/v1") as sandbox:
        assert [(await status(sandbox, host))[0] for host in ("proxy.example", "example")] == [200, 403]


@pytest.mark.parametrize(
    ("bound", "named"),
    [("0.0.0.0", True), ("::", True), ("192.0.2.1", True), ("127.0.0.1", False), ("localhost", False)],
)
def test_a_public_sandbox_accepts_the_computers_name(bound: str, named: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """If other computers can reach the sandbox, the name of this one is accepted beside its address."""
    monkeypatch.setattr(socket, "gethostname", lambda: "Build-7.local")
    names = served_names(bound, None, frozenset())

    assert ("build-7.local" in names) == named
    assert {bound, "localhost", "127.0.0.1", "::1"} <= names


async def test_the_client_shows_what_to_do(sandbox: Sandbox) -> None:
    """A client that uses a name which is not allowed fails at once, with the message of the sandbox."""
    connector = aiohttp.TCPConnector(resolver=ResolveToThisComputer())
    port = sandbox.url.rpartition(":")[2]
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        AsyncMultiCart(
            sandbox.api_key, base_url=f"http://sandbox.example:{port}", session=session, allow_http=True
        ) as client,
    ):
        with pytest.raises(errors.PermissionDeniedError, match="--allow-host NAME"):
            await client.collections.list()


class ResolveToThisComputer(aiohttp.abc.AbstractResolver):
    """A resolver that gives each name the address of this computer."""

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> Any:
        return [{"hostname": host, "host": "127.0.0.1", "port": port, "family": socket.AF_INET, "proto": 0, "flags": 0}]

    async def close(self) -> None:
        pass


@pytest.mark.parametrize(
    "name",
    ["http://sandbox", "sandbox:8080", "", ".", None, b"sandbox", "a b", "a/b", "127.0.0.1:80", "user@host", "*"],
)
def test_an_invalid_name_cannot_be_allowed(name: Any) -> None:
    """Anything but a host name is an error at construction that shows what is expected."""
    with pytest.raises(ValueError, match="allowed_hosts: expected a host name without scheme and port") as found:
        Sandbox(allowed_hosts=["sandbox", name])
    assert repr(name) in str(found.value)


def test_one_string_is_not_a_list_of_names() -> None:
    """A string is rejected, because its letters would be allowed one by one."""
    with pytest.raises(ValueError, match=r"allowed_hosts: expected a list of names, got a string; write \['sandbox'\]"):
        Sandbox(allowed_hosts="sandbox")


@example("..")
@example("a..")
@example("[@]")
@example("[fe80::1%eth0]:80")
@example("\u0130.")
@given(st.text(max_size=30) | st.from_regex(r"[a-z0-9.\-\[\]:%@/]{0,30}", fullmatch=True))
def test_normalized_names_are_stable(text: str) -> None:
    """Each name from a header can be allowed, and normalizing it again does not change it."""
    name = host_name(text)
    if name:
        assert check_host_name(name) == name


async def test_a_public_address_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    """The warning names the address and points at the user's line; as an error it leaves no sandbox running."""
    monkeypatch.setattr(server, "is_loopback", lambda _address: False)
    with pytest.warns(
        errors.MultiCartWarning, match=r"listens on 127\.0\.0\.1, port \d+, where other computers"
    ) as entered:
        async with Sandbox():
            pass
    sandbox = Sandbox()
    with pytest.warns(errors.MultiCartWarning) as started:
        await sandbox.start()
    await sandbox.aclose()
    with pytest.raises(errors.MultiCartWarning):
        await sandbox.start()

    assert [str(Path(found[0].filename)) for found in (entered, started)] == [__file__, __file__]
    with pytest.raises(RuntimeError, match="not running"):
        sandbox.now()


@pytest.mark.parametrize(
    ("address", "expected"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("0.0.0.0", False), ("::", False), ("192.0.2.1", False)],
)
def test_only_local_addresses_are_loopback(address: str, expected: bool) -> None:
    """An address is loopback only if other computers cannot reach it."""
    assert is_loopback(address) is expected


async def test_a_local_address_is_no_warning() -> None:
    """A sandbox on localhost emits no warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        async with Sandbox(host="localhost"):
            pass


@pytest.mark.parametrize(
    ("bound", "host"), [("0.0.0.0", "127.0.0.1"), ("::", "[::1]"), ("127.0.0.3", "127.0.0.3"), ("box", "box")]
)
def test_the_url_of_all_addresses_is_loopback(bound: str, host: str) -> None:
    """A client on this computer may send a key to the printed URL, which it may not with 0.0.0.0."""
    assert Sandbox(host=bound, port=8080).url == f"http://{host}:8080/api/v1"


async def test_a_links_base_without_a_host_adds_no_name() -> None:
    """A request with an empty Host is not accepted by a ``links_base`` without a host."""
    async with Sandbox(links_base="/api/v1") as sandbox:
        assert [(await status(sandbox, host))[0] for host in ("", ".", "localhost")] == [403, 403, 200]


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("[::FFFF:127.0.0.1]:80", "127.0.0.1"),
        ("[fe80::1%eth0]", "fe80::1"),
        ("[0:0::1]", "::1"),
        ("LocalHost.", "localhost"),
        ("[::1", None),
        ("[localhost]", None),
    ],
)
def test_host_names_are_normalized(host: str, name: str | None) -> None:
    """The name in a Host header is normalized, and an invalid header has no name."""
    assert host_name(host) == name
