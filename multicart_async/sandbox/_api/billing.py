"""Plans and invoices."""

from __future__ import annotations

from multicart_async.sandbox._api.request import Call, FileResponse
from multicart_async.sandbox._content.body import BytesBody
from multicart_async.sandbox._content.envelope import NOT_FOUND, ApiFailure
from multicart_async.sandbox._content.invoice import invoice_pdf
from multicart_async.sandbox._content.plans import PLANS


def plans(_call: Call) -> object:
    """Return an array of the plans, in the ascending order of sort_order.

    The response of the public endpoint is not documented: the sandbox returns the same plans.
    """
    return PLANS


def invoice(call: Call) -> object:
    """Return an invoice as a PDF file; the invoice of another user is not found either."""
    row = call.state.row(
        "SELECT id FROM invoices WHERE CAST(id AS TEXT) = ? AND user = ?", call.fields["invoice_id"], call.user
    )
    if row is None:
        raise ApiFailure(NOT_FOUND, "Invoice not found.")
    tag = f"invoice-{row['id']}"
    return FileResponse("invoice.pdf", BytesBody(invoice_pdf(row["id"])), tag, "application/pdf")
