"""What it costs: plans for everybody, invoices for their owner, whole or not there."""

from __future__ import annotations

import hashlib

import pytest

from multicart_async import AsyncMultiCart, RetryPolicy
from multicart_async.errors import ArgumentError, ConfigurationError, DownloadError, NotFoundError
from multicart_async.sandbox.faults import Content, Cut
from multicart_async.sinks import MemorySink

INVOICE = "/users/payments/{invoice_id}/invoice.pdf"


async def test_everybody_sees_the_plans(client, sandbox) -> None:
    """The public catalogue needs no credential, and gets none from a client that has one."""
    async with AsyncMultiCart(base_url=sandbox.url) as stranger:
        public = await stranger.billing.public_plans()
        with pytest.raises(ConfigurationError, match="/plans/get_plans/ needs a credential"):
            await stranger.billing.plans()
    plans = await client.billing.plans()
    await client.billing.public_plans()

    assert [(plan.name, plan.price_cents) for plan in plans] == [("Starter", 0), ("Pro", 4900)]
    assert plans == public
    assert not any(request.has_credential for request in sandbox.requests if request.path == "/plans/public/")


async def test_an_invoice_is_there_whole(client, sandbox, tmp_path) -> None:
    """By its id as a number or as a text; size and hash are those of the file."""
    second = sandbox.add_invoice()
    files = [await client.billing.download_invoice(number, tmp_path / "invoices") for number in (1, str(second))]

    assert [file.name for file in files] == ["invoice-1.pdf", f"invoice-{second}.pdf"]
    for file in files:
        content = file.path.read_bytes()
        assert (file.size, file.sha256) == (len(content), hashlib.sha256(content).hexdigest())
        assert content.startswith(b"%PDF-")
    assert len([*(tmp_path / "invoices").iterdir()]) == 2


async def test_an_invoice_goes_to_a_sink_too(client) -> None:
    """Under the same name."""
    sink = MemorySink()
    file = await client.billing.download_invoice(1, sink)

    assert file.size == await sink.size("invoice-1.pdf")


async def test_somebody_elses_invoice_is_refused_and_nothing_is_left(client, sandbox, tmp_path) -> None:
    """As is one that never was; the owner has it."""
    other = sandbox.add_user("Bob", api_key="bob.secret")
    theirs = sandbox.add_invoice(user_id=other)
    for number in (theirs, 99):
        with pytest.raises(NotFoundError):
            await client.billing.download_invoice(number, tmp_path)
    assert [*tmp_path.iterdir()] == []

    async with AsyncMultiCart("bob.secret", base_url=sandbox.url) as owner:
        await owner.billing.download_invoice(theirs, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [f"invoice-{theirs}.pdf"]


@pytest.mark.parametrize(
    "fault",
    [
        Content(b"<html><body>Please log in</body></html>", "text/html"),
        Content(b"%PDF-1.4\n1 0 obj\n", "application/pdf"),
        Cut(100, framing="close"),
        Cut(100),
    ],
    ids=["login page", "half a file", "cut unseen", "cut"],
)
async def test_what_is_no_whole_invoice_is_an_error_and_no_file(sandbox, tmp_path, fault) -> None:
    """An older copy of the same invoice stays as it was."""
    async with sandbox.client(retry=RetryPolicy(attempts=2)) as client:
        before = await client.billing.download_invoice(1, tmp_path)
        sandbox.faults.add(INVOICE, fault, times=None)
        with pytest.raises(DownloadError, match=r"invoice\.pdf"):
            await client.billing.download_invoice(1, tmp_path)

    assert [before.path] == [*tmp_path.iterdir()]
    assert before.size == before.path.stat().st_size


async def test_an_id_that_could_lead_elsewhere_is_refused(client, sandbox, tmp_path) -> None:
    """It is a part of a path and of a file's name, so it is one word."""
    for number in ("../1", "1/2", "", 0, True, "1 "):
        with pytest.raises(ArgumentError, match="invoice_id"):
            await client.billing.download_invoice(number, tmp_path)

    assert len(sandbox.requests) == 0
