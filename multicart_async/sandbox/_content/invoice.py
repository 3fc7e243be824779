"""An invoice as a PDF of one page, always with the same bytes."""

from __future__ import annotations

from itertools import accumulate

_HEAD = b"%PDF-1.4\n"


def invoice_pdf(number: int) -> bytes:
    """Return the file: five objects, the table of their offsets, and the trailer."""
    text = f"BT /F1 24 Tf 72 720 Td (MultiCartAPI sandbox: invoice {number}) Tj ET".encode()
    contents = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%b\nendstream" % (len(text), text),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    )
    objects = [b"%d 0 obj\n%b\nendobj\n" % (index, content) for index, content in enumerate(contents, 1)]
    *offsets, end = accumulate(map(len, objects), initial=len(_HEAD))
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    count = len(objects) + 1
    cross = b"xref\n0 %d\n0000000000 65535 f \n%b" % (count, table)
    trailer = b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (count, end)
    return _HEAD + b"".join(objects) + cross + trailer
