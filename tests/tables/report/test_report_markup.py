"""Escaping, wording and colours."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from multicart_async.tables._report.markup import Html, element, join, text, void
from multicart_async.tables._report.palette import DARK, LIGHT, STYLE
from multicart_async.tables._report.wording import amount_of, counted, day, moment, plain_moment, share, size

MOMENT = datetime(2026, 11, 3, 6, 5, tzinfo=UTC)


def test_text_is_escaped_and_html_is_not() -> None:
    """In children and in attributes; there is no way to forget it."""
    assert element("p", "<b>", Html("<i>")) == "<p>&lt;b&gt;<i></p>"
    assert element("a.x.y", "&", attributes={"href": "\"'<"}) == '<a class="x y" href="&quot;&#x27;&lt;">&amp;</a>'
    assert void("meta", {"charset": "utf-8"}) == '<meta charset="utf-8">'
    assert join(["<", Html("<hr>"), f"{Html('<hr>')}"]) == "&lt;<hr>&lt;hr&gt;"


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        ("\x1b[2J\0", r"\x1b[2J\x00"),
        ("a\u202eb\u2066", r"a\u202eb\u2066"),
        ("\ud800", r"\ud800"),
        ("\ufffe\ufdd0\U0010ffff", r"\ufffe\ufdd0\U0010ffff"),
        ("line\nbreak\r", r"line\nbreak\r"),
        ("שלום", "שלום"),
        ("\U0001f600", "\U0001f600"),
    ],
)
def test_what_no_page_may_contain_is_shown(content: str, shown: str) -> None:
    """Control and format characters, lone surrogates, and code points that are no characters; letters stay."""
    assert text(content) == shown


def test_a_long_text_loses_its_middle() -> None:
    """It is not cut within an escaped character."""
    assert text("&" * 10_000, 10) == "&amp;" * 5 + "…" + "&amp;" * 4


@given(st.text(st.characters()))
def test_any_text_can_be_read_back(content: str) -> None:
    """The markup of a text has none of its own, and can be encoded."""
    made = text(content)

    assert not set("<>\"'") & set(made)
    assert unescape(made).encode().decode().isprintable() or " " in made or not content.isprintable()


@pytest.mark.parametrize(
    ("count", "shown"),
    [(0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 kB"), (1_250_000, "1.2 MB"), (5e15, "5,000.0 TB")],
)
def test_a_size_has_a_unit(count: float, shown: str) -> None:
    """A kB has 1000 bytes."""
    assert size(count) == shown


@pytest.mark.parametrize(
    ("change", "shown"),
    [
        (Decimal("0.125"), "+12.5\u202f%"),
        (Decimal("-0.3"), "\u221230.0\u202f%"),
        (Decimal("0.0001"), "under 0.1\u202f%"),
        (Decimal("12.5"), "+1,250\u202f%"),
        (Decimal(10_000), "+1,000,000\u202f%"),
        (Decimal(10) ** 32, "over 1,000,000\u202f%"),
        (None, "from 0"),
    ],
)
def test_a_share_has_its_sign(change: Decimal | None, shown: str) -> None:
    """It never says that nothing has changed."""
    assert share(change) == shown


def test_words_for_numbers_and_times() -> None:
    """In one way for the whole report, and an unknown time is said to be unknown."""
    assert [counted(1, "run"), counted(1200, "run"), counted(2, "box", "boxes")] == ["1 run", "1,200 runs", "2 boxes"]
    assert [amount_of(1, 50), amount_of(1200, 50)] == ["1 item", "50 of 1,200 items"]
    assert [plain_moment(MOMENT), plain_moment(None)] == ["2026-11-03 06:05 UTC", "time unknown"]
    assert [day(MOMENT), day(None)] == ["2026-11-03", "time unknown"]
    assert moment(MOMENT) == '<time datetime="2026-11-03T06:05:00Z">2026-11-03 06:05</time>'
    assert moment(None) == '<span class="quiet">time unknown</span>'


def luminance(color: str) -> float:
    """The relative luminance of a colour, as WCAG 2 defines it."""
    parts = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """The contrast of two colours, from 1 to 21."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


GROUNDS = ("page", "card", "stripe", "bad-card")


def test_contrast_is_computed_as_wcag_defines_it() -> None:
    """Black on white is 21, and a known grey is 4.54."""
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("name", ["text", "quiet", "link", "up", "down", "bad", "good"])
@pytest.mark.parametrize("ground", GROUNDS)
def test_text_has_enough_contrast(palette: dict[str, str], name: str, ground: str) -> None:
    """At least 4.5, the level AA for text of any size, on each ground of both themes."""
    assert contrast(palette[name], palette[ground]) >= 4.5


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_lines_of_charts_have_enough_contrast(palette: dict[str, str]) -> None:
    """At least 3, the level AA for graphics."""
    assert contrast(palette["line"], palette["card"]) >= 3


def test_each_colour_is_used_and_defined_in_both_themes() -> None:
    """There is no colour beside those of the palettes."""
    assert list(LIGHT) == list(DARK)
    rules = STYLE.partition("*{")[2]
    assert [name for name in LIGHT if f"var(--{name})" not in rules] == []
    assert "#" not in rules
