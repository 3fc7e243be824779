"""Plans and invoices."""

from __future__ import annotations

import re
from typing import Any

import aiohttp
import pytest
from support.sandbox_api import Api, Fetched, served


async def invoice(api: Any, number: object) -> Fetched:
    async with api.session.get(f"{api.sandbox.url}/users/payments/{number}/invoice.pdf") as response:
        return Fetched(response.status, response.headers, await response.read())


async def test_plans_are_in_order(api: Any) -> None:
    """The two documented plans are listed in ascending order."""
    rows = await api.data("/plans/get_plans/")
    assert [(row["code"], row["price_cents"], row["sort_order"]) for row in rows] == [
        ("starter", 0, 0),
        ("pro", 4900, 1),
    ]


async def test_the_public_catalogue_has_the_same_plans(api: Any) -> None:
    """The public endpoint returns the same plans by GET in an envelope, without a credential."""
    async with aiohttp.ClientSession() as session, session.get(api.sandbox.url + "/plans/public/") as response:
        envelope = await response.json()
    assert await api.data("/plans/get_plans/") == envelope["data"]


async def test_public_endpoints_ignore_credentials(api: Any) -> None:
    """A public endpoint accepts a request with a wrong credential."""
    async with aiohttp.ClientSession(headers={"x-api-key": "wrong"}) as session:
        assert len(await Api(api.sandbox, session).data("/settings/domains/")) == 3


async def test_an_invoice_is_a_complete_pdf(api: Any) -> None:
    """An invoice is a PDF of one page, always with the same bytes, whose table has the offset of each object."""
    found = await invoice(api, 1)
    assert (found.status, found.headers["Content-Type"]) == (200, "application/pdf")
    assert found.body == (await invoice(api, 1)).body
    assert found.body.startswith(b"%PDF-1.4\n")
    assert found.body.endswith(b"%%EOF\n")
    offsets = [int(offset) for offset in re.findall(rb"(\d{10}) 00000 n \n", found.body)]
    assert [b"%d 0 obj" % number for number in range(1, 6)] == [found.body[at : at + 7] for at in offsets]
    begins = re.search(rb"startxref\n(\d+)\n", found.body)
    assert begins is not None
    assert found.body[int(begins[1]) :].startswith(b"xref\n0 6\n")


@pytest.mark.parametrize("number", ["2", "01", "x"])
async def test_an_unknown_invoice_is_not_found(api: Any, number: str) -> None:
    """Any other name of an invoice gets code 404."""
    assert ((found := await invoice(api, number)).status, found.json["code"]) == (404, 404)


async def test_file_errors_applies_to_invoices() -> None:
    """With file_errors="envelope", a missing invoice gets HTTP 200, as a missing result file does."""
    async with served(file_errors="envelope") as api:
        assert ((found := await invoice(api, 2)).status, found.json["code"]) == (200, 404)


async def test_the_invoice_of_another_user_is_not_found(api: Any) -> None:
    """An invoice is found only by its owner."""
    number = api.sandbox.add_invoice(user_id=api.sandbox.add_user("Bob", api_key="bob.key"))
    assert (await invoice(api, number)).status == 404
    assert (await invoice(api, api.sandbox.add_invoice())).status == 200
    async with aiohttp.ClientSession(headers={"x-api-key": "bob.key"}) as session:
        assert f"invoice {number})".encode() in (await invoice(Api(api.sandbox, session), number)).body
