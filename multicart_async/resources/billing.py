"""``client.billing``: plans and invoices."""

from __future__ import annotations

import os
import re

from multicart_async._core.validation import wrong_argument
from multicart_async._downloads.formats.pdf import PdfCheck
from multicart_async._http.endpoint import Endpoint
from multicart_async.models import DownloadedFile, Plan
from multicart_async.resources._base import Resource
from multicart_async.sinks import Sink

__all__ = ["Billing"]

PLANS = Endpoint("/plans/get_plans/", tuple[Plan, ...], safety="safe")
PUBLIC_PLANS = Endpoint("/plans/public/", tuple[Plan, ...], safety="safe", method="GET", public=True)

INVOICE = "/users/payments/{invoice_id}/invoice.pdf"  # a file, not a call: raw bytes without an envelope
_INVOICE_ID = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")  # part of a path and of a file name


class Billing(Resource):
    """``client.billing``: plans, and invoices as PDF.

    Service documentation: https://multicartapi.com/api-docs/plans, https://multicartapi.com/docs/authentication
    """

    async def plans(self) -> tuple[Plan, ...]:
        """Return the plans on offer, in their order. Calculate with ``price_cents``; ``price`` may be a binary float.

        Service documentation: https://multicartapi.com/api-docs/plans
        """
        return await self._call(PLANS)

    async def public_plans(self) -> tuple[Plan, ...]:
        """Return the public catalogue of plans; it needs no credential, and none is sent.

        The path is documented, its response is not: objects as from `plans` are expected, but none of their fields.

        Service documentation: https://multicartapi.com/docs/authentication
        """
        return await self._call(PUBLIC_PLANS)

    async def download_invoice(self, invoice_id: int | str, dest: str | os.PathLike[str] | Sink) -> DownloadedFile:
        """Download an invoice to ``<dest>/invoice-<invoice_id>.pdf``, verified; it is fetched again each time.

        *dest* is a folder or a `Sink`; in a folder, only the user of this process can read the file. Whether an id is a
        number or a string is not documented; a string consists of ASCII letters, digits, ``-`` and ``_``. No call that
        lists invoices is documented: the dashboard shows them.

        Raises:
            ArgumentError: *invoice_id* or *dest* is invalid.
            NotFoundError: There is no such invoice, or it belongs to another account.
            DownloadError: It could not be downloaded completely, another document came instead, or the disk reported an
                error.

        Service documentation: https://multicartapi.com/docs/response-envelope
        """
        text = _id_text(invoice_id)
        return await self._context.downloads.download_file(
            INVOICE.format(invoice_id=text), f"invoice-{text}.pdf", PdfCheck, dest
        )


def _id_text(invoice_id: object) -> str:
    if type(invoice_id) is int and 0 < invoice_id < 10**18:  # str() of an integer with very many digits raises an error
        return str(invoice_id)
    if isinstance(invoice_id, str) and _INVOICE_ID.match(invoice_id):
        return invoice_id
    raise wrong_argument("invoice_id", "a positive integer, or 1 to 64 ASCII letters, digits, - and _", invoice_id)
