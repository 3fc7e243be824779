"""``client.billing``: plans, and invoices that are whole or not there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import pytest
from support.fakes import FakeFile, FakeTransport, ok
from support.groups import BASE, Groups, groups_over
from support.raw_server import Exchange, RawServer

from multicart_async import AsyncMultiCart, DirectorySink, RetryPolicy
from multicart_async.errors import (
    APIError,
    ArgumentError,
    DiskError,
    DownloadError,
    IncompleteDownloadError,
    IntegrityError,
    InvalidResponseError,
    MultiCartError,
    NotFoundError,
    PermissionDeniedError,
)
from multicart_async.models import DownloadedFile, Feature, Plan
from multicart_async.sinks import MemorySink

PDF = b"%PDF-1.4\n1 0 obj\n<< /Type /Catalog >>\nendobj\nstartxref\n9\n%%EOF\n"
URL = f"{BASE}/users/payments/5/invoice.pdf"


def with_invoice(*files: FakeFile | Exception, attempts: int = 1) -> Groups:
    """Groups over a service that has invoice 5."""
    return groups_over(FakeTransport(files={URL: files}), retry=RetryPolicy(attempts=attempts))


async def test_plans_come_with_all_that_is_documented() -> None:
    """Their features too; what is new is kept."""
    groups = groups_over(FakeTransport(ok([{"id": 1, "features": [{"text": "a", "active": True}], "seats": 3}])))
    (plan,) = await groups.billing.plans()

    assert Plan(id=1, features=(Feature(text="a", active=True),)) == plan
    assert plan.extra == {"seats": 3}
    assert groups.transport.sent == [("/plans/get_plans/", {})]
    assert (groups.transport.methods, groups.transport.public) == (["POST"], [False])


async def test_public_plans_are_got_without_a_credential() -> None:
    """None of their fields is certain."""
    groups = groups_over(FakeTransport(ok([{}, {"name": "Pro", "features": None}])))

    assert await groups.billing.public_plans() == (Plan(), Plan(name="Pro"))
    assert groups.transport.sent == [("/plans/public/", {})]
    assert (groups.transport.methods, groups.transport.public) == (["GET"], [True])


async def test_public_plans_that_are_no_list_are_refused() -> None:
    """Better than no plans."""
    groups = groups_over(FakeTransport(ok({"plans": []})))
    with pytest.raises(InvalidResponseError, match="expected an array"):
        await groups.billing.public_plans()


@pytest.mark.parametrize("price", [49, 49.5, "49.00", None])
async def test_the_old_price_is_left_as_it_came(price: Any) -> None:
    """Nothing is made of it: ``price_cents`` is what counts."""
    groups = groups_over(FakeTransport(ok([{"price_cents": 4900, "price": price}])))
    (plan,) = await groups.billing.plans()

    assert (4900, price) == (plan.price_cents, plan.price)


async def test_an_invoice_can_be_read_by_its_owner_alone(tmp_path) -> None:
    """An invoice names a person and an address, so its file has mode 0600."""
    groups = with_invoice(FakeFile.whole(PDF, headers={"content-type": "application/pdf"}))

    done = await groups.billing.download_invoice(5, tmp_path)

    assert oct(done.path.stat().st_mode & 0o777) == "0o600"


async def test_an_invoice_is_brought_whole(tmp_path) -> None:
    """Under a name that is made of its id, in a folder that is made."""
    groups = with_invoice(FakeFile.whole(PDF, headers={"content-type": "application/pdf"}))
    done = await groups.billing.download_invoice(5, tmp_path / "invoices")

    assert DownloadedFile("invoice-5.pdf", tmp_path / "invoices" / "invoice-5.pdf", len(PDF), done.sha256) == done
    assert done.path.read_bytes() == PDF
    assert list((tmp_path / "invoices").iterdir()) == [done.path]
    assert groups.transport.opened == [(URL, {})]


@pytest.mark.parametrize("framing", [f"Content-Length: {len(PDF)}\r\n", "Connection: close\r\n"])
async def test_an_invoice_is_asked_for_with_the_credential(tmp_path, framing: str) -> None:
    """By GET, uncoded; a body that ends with its connection proves its end itself."""

    async def service(exchange: Exchange) -> None:
        await exchange.send(f"HTTP/1.1 200 OK\r\nContent-Type: application/pdf\r\n{framing}\r\n".encode() + PDF)

    async with RawServer(service) as server, AsyncMultiCart("mc.key", base_url=server.url) as client:
        done = await client.billing.download_invoice(5, tmp_path)

    (request,) = server.requests
    assert done.path.read_bytes() == PDF
    assert request.line == "GET /api/v1/users/payments/5/invoice.pdf HTTP/1.1"
    assert (request.headers["x-api-key"], request.headers["accept-encoding"]) == ("mc.key", "identity")


async def test_an_invoice_goes_into_any_sink(tmp_path) -> None:
    """A folder of one's own, or a place that is no folder."""
    memory = MemorySink()
    groups = with_invoice(FakeFile.whole(PDF))
    there = await groups.billing.download_invoice("5", memory)
    here = await groups.billing.download_invoice(5, DirectorySink(tmp_path))

    assert await memory.read("invoice-5.pdf") == PDF
    assert (Path("invoice-5.pdf"), there.sha256) == (there.path, here.sha256)


async def test_an_invoice_can_be_named_by_a_text(tmp_path) -> None:
    """Whether ids are numbers is not documented."""
    url = f"{BASE}/users/payments/INV_2026-05/invoice.pdf"
    groups = groups_over(FakeTransport(files={url: FakeFile.whole(PDF)}))
    done = await groups.billing.download_invoice("INV_2026-05", tmp_path)

    assert done.path.name == "invoice-INV_2026-05.pdf"


async def test_an_invoice_is_fetched_anew(tmp_path) -> None:
    """The one that lies there is replaced by the new one, or stays."""
    groups = with_invoice(FakeFile.whole(PDF), FakeFile.whole(PDF + b"\n"), FakeFile.whole(b""))
    for _ in range(2):
        done = await groups.billing.download_invoice(5, tmp_path)
    with pytest.raises(IntegrityError):
        await groups.billing.download_invoice(5, tmp_path)

    assert done.path.read_bytes() == PDF + b"\n"


@pytest.mark.parametrize(
    "invoice_id",
    [
        0,
        -1,
        True,
        None,
        1.0,
        10**18,
        pytest.param(10**5000, id="huge"),
        "",
        "a" * 65,
        "../1",
        "a/b",
        "a.b",
        "a b",
        "é",
        "5\n",
        "%35",
    ],
)
async def test_an_id_that_cannot_be_one_is_refused(tmp_path, invoice_id: Any) -> None:
    """It becomes a part of a path: nothing is asked for, and nothing written."""
    groups = groups_over(FakeTransport())
    with pytest.raises(ArgumentError, match=r"^invoice_id: expected") as caught:
        await groups.billing.download_invoice(invoice_id, tmp_path)

    assert caught.value.argument == "invoice_id"
    assert (groups.transport.opened, list(tmp_path.iterdir())) == ([], [])


HTML = {"content-type": "text/html"}
ENVELOPE = b'{"code": 404, "data": "No such invoice", "status": 0}'
SUCCESS = b'{"code": 200, "data": "queued", "status": 1}'
FAILURES = {
    "refused in an envelope": (FakeFile.whole(ENVELOPE), NotFoundError),
    "refused in an envelope without a length": (FakeFile([ENVELOPE]), NotFoundError),
    "refused by HTTP": (FakeFile([b"no"], status=403), PermissionDeniedError),
    "an envelope of success": (FakeFile.whole(SUCCESS), IntegrityError),
    "HTML": (FakeFile.whole(b"<html>", headers=HTML), IntegrityError),
    "HTML that calls itself something else": (FakeFile.whole(b"<html>"), IntegrityError),
    "empty": (FakeFile.whole(b""), IntegrityError),
    "empty without a length": (FakeFile([]), IncompleteDownloadError),
    "cut before its end": (FakeFile([PDF[:-8]]), IncompleteDownloadError),
    "its end is missing": (FakeFile.whole(PDF[:-8]), IntegrityError),
    "broken off": (FakeFile([PDF[:20], IncompleteDownloadError("x", "broke")]), IncompleteDownloadError),
    "coded": (FakeFile.whole(PDF, headers={"content-encoding": "br"}), IntegrityError),
}


@pytest.mark.parametrize("case", FAILURES)
async def test_what_is_not_the_whole_invoice_leaves_nothing(tmp_path, case: str) -> None:
    """Neither the file nor a part of it; the error names the invoice."""
    file, kind = FAILURES[case]
    with pytest.raises(kind) as caught:
        await with_invoice(file).billing.download_invoice(5, tmp_path)

    assert isinstance(caught.value, APIError | DownloadError)
    assert list(tmp_path.iterdir()) == []
    if case != "broken off":
        assert str(caught.value).startswith("users/payments/5/invoice.pdf: ")


async def test_a_transfer_that_broke_is_tried_again(tmp_path) -> None:
    """As those of other files are."""
    broken = FakeFile([PDF[:20], IncompleteDownloadError("x", "broke")])
    groups = with_invoice(broken, FakeFile.whole(PDF), attempts=2)
    done = await groups.billing.download_invoice(5, tmp_path)

    assert (done.path.read_bytes(), len(groups.transport.opened)) == (PDF, 2)


async def test_a_cancelled_download_leaves_nothing(tmp_path) -> None:
    """Not even a temporary file."""

    class Slow(FakeFile):
        async def __aiter__(self) -> Any:
            yield PDF[:20]
            scope.cancel()
            await anyio.sleep_forever()

    with anyio.CancelScope() as scope:
        await with_invoice(Slow([])).billing.download_invoice(5, tmp_path)

    assert scope.cancelled_caught
    assert list(tmp_path.iterdir()) == []


async def test_an_unwritable_place_is_an_error_before_any_request(tmp_path) -> None:
    """If a file is in the way of the invoice's folder, this is an error before any request."""
    (tmp_path / "file").write_text("x")
    groups = with_invoice(FakeFile.whole(PDF))
    with pytest.raises(MultiCartError) as caught:
        await groups.billing.download_invoice(5, tmp_path / "file")

    assert isinstance(caught.value, DiskError)
    assert groups.transport.opened == []
