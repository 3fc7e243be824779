"""What of an answer gets into an error: no part of a secret, wherever the text is cut."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from multicart_async._core.redaction import Redacted
from multicart_async._core.redactor import Redactor
from multicart_async._http.envelope import unwrap_envelope, unwrap_large_envelope
from multicart_async.errors import BadRequestError, MultiCartError


@pytest.mark.parametrize(
    "form",
    [
        "{}",
        '{{"detail": ["{}"]}}',
        '{{"status": 0, "data": "{}"}}',
        '{{"status": "{}"}}',
        '{{"status": 1, "data": {{"output": {{"error": "{}"}}}}}}',
    ],
)
@pytest.mark.parametrize("http_status", [200, 503])
@pytest.mark.parametrize("large", [False, True])
def test_the_longest_key_is_taken_out_where_a_text_is_cut(form: str, http_status: int, *, large: bool) -> None:
    """Before it is cut, though each of its 512 characters is escaped: the beginning of a key would not be found."""
    key = "k3" * 256
    payload = form.format("".join(f"%{byte:02x}" for byte in key.encode())).encode()
    known = Redactor([Redacted(key)])

    with pytest.raises(MultiCartError) as caught:
        if large:
            list(unwrap_large_envelope("/p/", http_status, {}, payload, known))
        else:
            unwrap_envelope("/p/", http_status, {}, payload, redactor=known)

    assert "%6b%33" not in f"{caught.value} {vars(caught.value)}"


@pytest.mark.parametrize("data", [str, lambda text: [text]], ids=["text", "list"])
@pytest.mark.parametrize("more", [0, 100_000])
def test_a_key_at_the_end_of_what_is_kept_is_taken_out(data: Callable[[str], object], more: int) -> None:
    """No part of it is in the first 4 KiB, however long the rest is."""
    text = "x" * 4080 + "k3y-of-32-characters-or-even-more" + "y" * more
    payload = json.dumps({"status": 0, "code": 400, "data": data(text)}).encode()

    with pytest.raises(BadRequestError) as caught:
        unwrap_envelope("/p/", 200, {}, payload, redactor=Redactor([Redacted("k3y-of-32-characters-or-even-more")]))

    assert "k3y" not in f"{caught.value} {vars(caught.value)}"


@pytest.mark.parametrize("payload", [b"h1dden", b'{"status": "h1dden"}', b'{"a": "h1dden"}'])
@pytest.mark.parametrize("http_status", [200, 503])
def test_of_a_private_answer_nothing_is_shown(payload: bytes, http_status: int) -> None:
    """Any part of what is no envelope may be a key."""
    with pytest.raises(MultiCartError, match="not shown, because it may contain a secret") as caught:
        unwrap_envelope("/p/", http_status, {}, payload, sensitive=True)

    assert "h1dden" not in f"{caught.value} {vars(caught.value)}"
