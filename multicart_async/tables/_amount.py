"""Read amounts of money from text such as ``$1,049.99``. No I/O."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

import attrs

__all__ = ["Price", "amount", "price_of"]

_LONGEST: Final = 64  # characters of a text that may be an amount

_SIGNS: Final = {  # and the code of their currency; a sign that several currencies share stands for itself
    "$": "$",
    "\uff04": "$",
    "¥": "¥",
    "\uffe5": "¥",
    "kr": "kr",
    "kr.": "kr",
    "Rs": "Rs",
    "Rs.": "Rs",
    "€": "EUR",
    "£": "GBP",
    "\uffe1": "GBP",
    "₹": "INR",
    "₩": "KRW",
    "₽": "RUB",
    "₺": "TRY",
    "TL": "TRY",
    "₪": "ILS",
    "₫": "VND",
    "₱": "PHP",
    "₴": "UAH",
    "฿": "THB",
    "zł": "PLN",
    "Kč": "CZK",
    "Ft": "HUF",
    "円": "JPY",
    "A$": "AUD",
    "AU$": "AUD",
    "C$": "CAD",
    "CA$": "CAD",
    "HK$": "HKD",
    "MX$": "MXN",
    "NT$": "TWD",
    "NZ$": "NZD",
    "R$": "BRL",
    "S$": "SGD",
    "SG$": "SGD",
    "US$": "USD",
}
_SHARED: Final = {  # the currencies of such a sign, one of which a code may name, as in `$5 AUD`
    "$": frozenset({"ARS", "AUD", "BRL", "CAD", "CLP", "COP", "HKD", "MXN", "NZD", "SGD", "TWD", "USD", "UYU"}),
    "¥": frozenset({"CNY", "JPY"}),
    "kr": frozenset({"DKK", "ISK", "NOK", "SEK"}),
    "Rs": frozenset({"INR", "PKR"}),
}
_OTHER_CODES: Final = {"AED", "BGN", "CHF", "EGP", "IDR", "KES", "KWD", "MAD", "MYR", "NGN", "PEN", "QAR", "RON", "SAR"}
_CODES: Final = frozenset({"ZAR", *_OTHER_CODES, *_SIGNS.values()}.union(*_SHARED.values()) - _SHARED.keys())

_WHOLE = r"(?:0|[1-9][0-9]*)"  # other leading zeros are those of an id
_FIRST = r"[1-9][0-9]{0,2}"
_SPACED = rf"{_FIRST}(?P<mark>['\u2019\u00a0\u2009\u202f])[0-9]{{3}}(?:(?P=mark)[0-9]{{3}})*"
_FORMS: Final = [  # and the character before the decimals; all end with the text
    (re.compile(rf"{form}\Z"), decimal)
    for form, decimal in (
        (_WHOLE, ""),
        (rf"(?!{_FIRST}\.[0-9]{{3}}\Z){_WHOLE}\.[0-9]+", "."),  # 1.049 may be 1049
        (rf"{_WHOLE},[0-9]{{1,2}}", ","),
        (rf"{_FIRST}(?:,[0-9]{{3}})+(?:\.[0-9]+)?", "."),
        (r"[1-9][0-9]?(?:,[0-9]{2})+,[0-9]{3}(?:\.[0-9]+)?", "."),  # 12,34,567, as in India
        (rf"{_FIRST}(?:\.[0-9]{{3}})+,[0-9]{{1,2}}", ","),
        (rf"{_FIRST}(?:\.[0-9]{{3}}){{2,}}", ""),
        (rf"{_SPACED}(?:\.[0-9]+)?", "."),
        (rf"{_SPACED},[0-9]{{1,2}}", ","),
    )
]
_NUMBER: Final = re.compile(r"[0-9](?:.*[0-9])?", re.DOTALL)  # from the first digit to the last one


@attrs.frozen
class Price:
    """An amount, and the code of its currency; a shared sign such as ``$`` for itself, and ``None`` for a bare number."""

    amount: Decimal
    currency: str | None


def amount(text: object) -> Decimal | None:
    """Return the amount in a text such as ``$1,049.99``, or ``None`` where that is not sure.

    A sign or code of a currency may stand before or behind, with or without a blank, or both (``$5 AUD``). ``1,049`` is
    1049, ``1,04`` is 1.04, ``1.049,99`` and ``12,34,567`` are read as they are written where that is usual; groups
    may also be parted by an apostrophe, or a non-breaking or thin space. It must be all of the text: a second number,
    another word, a unit and a percentage are ``None``. So are ``1.049``, which may be 1049, leading zeros, which ids
    have, digits that are not ASCII, and anything longer than 64 characters. A minus sign is read: ``-$5`` is -5.

    A finite number is returned as a `Decimal`, a float by its `repr`. No text and no number, ``True`` too, is ``None``.
    """
    if isinstance(text, str):
        price = price_of(text)
        return None if price is None else price.amount
    if isinstance(text, bool) or not isinstance(text, int | float | Decimal):
        return None
    number = Decimal(repr(float(text))) if isinstance(text, float) else Decimal(text)
    return number if number.is_finite() else None


def price_of(text: str) -> Price | None:
    """Return the amount and the currency in *text*, or ``None`` where `amount` is."""
    if len(text) > _LONGEST:
        return None
    text = text.strip()
    number = _NUMBER.search(text)
    if number is None:
        return None
    digits = _digits(number[0])
    minus, before = _without_minus(text[: number.start()])
    signs = [*before.split(), *text[number.end() :].split()]
    if digits is None or before[:1].isspace() or not _are_currencies(signs):
        return None
    return Price(Decimal(f"{minus}{digits}"), _currency(signs))


def _digits(number: str) -> str | None:
    """Return the digits of a number in one of the known forms, with a point before the decimals."""
    for form, decimal in _FORMS:
        if form.match(number):
            return "".join(
                "." if sign == decimal else sign for sign in number if sign in "0123456789" or sign == decimal
            )
    return None


def _without_minus(before: str) -> tuple[str, str]:
    """Return the minus sign of a number, and the rest of what stands before it: ``-$5``, ``$-5``."""
    for minus in ("-", "\u2212"):
        if before.startswith(minus):
            return "-", before[1:]
        if before.endswith(minus):
            return "-", before[:-1]
    return "", before


def _are_currencies(signs: list[str]) -> bool:
    """Return whether *signs* name no currency, or one: by a sign, a code, or both."""
    if not all(sign in _SIGNS or sign in _CODES for sign in signs) or len({*signs}) < len(signs):
        return False
    codes = sorted(_codes(signs))
    return len(codes) < 2 or (len(codes) == 2 and any(map(_explains, codes, codes[::-1])))


def _explains(code: str, sign: str) -> bool:
    return code in _SHARED.get(sign, ())


def _codes(signs: list[str]) -> set[str]:
    return {_SIGNS.get(sign, sign) for sign in signs}


def _currency(signs: list[str]) -> str | None:
    """Return the code of the currency, if there is one; else its sign."""
    return min(_codes(signs), key=lambda code: code in _SHARED, default=None)
