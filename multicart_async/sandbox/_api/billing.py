"""Plans and invoices."""

from __future__ import annotations

from multicart_async.sandbox._api.request import Call, FileResponse
from multicart_async.sandbox._content.body import Plain
from multicart_async.sandbox._content.envelope import NOT_FOUND, ApiFailure
from multicart_async.sandbox._content.invoice import invoice_pdf
from multicart_async.sandbox._content.plans import PLANS


def plans(_call: Call) -> object:
    """An array of the plans, ascending by sort_order. Not documented of the public one: the sandbox answers the same."""
    return PLANS


def invoice(call: Call) -> object:
    """An invoice as a PDF file; another user's is as absent as one that never was."""
    row = call.world.row(
        "SELECT id FROM invoices WHERE CAST(id AS TEXT) = ? AND user = ?", call.fields["invoice_id"], call.user
    )
    if row is None:
        raise ApiFailure(NOT_FOUND, "Invoice not found.")
    tag = f"invoice-{row['id']}"
    return FileResponse("invoice.pdf", Plain(invoice_pdf(row["id"])), tag, "application/pdf")
