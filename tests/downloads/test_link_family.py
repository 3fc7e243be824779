"""Links of a run that differ only in the number of the page are parsed as one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from multicart_async._downloads.link_family import PageLink, parse_page_links
from multicart_async._downloads.links import parse_link
from multicart_async.errors import UnreachableResultError

BASE = "https://multicartapi.com/api/v1"
FOLDER = f"{BASE}/results/101/88/"
parse = partial(parse_link, base=BASE, collection_id=101, run_id=88)
NAMES = st.text(st.sampled_from("aZ9 _-.é#?%&+/\\:~2Page_1_88_Results_Page_.json"), max_size=20)
NUMBERS = st.from_regex(r"[0-9]{1,12}", fullmatch=True)


def page(number: object, name: str = "AU Laptops", query: str = "") -> str:
    """A link as the service writes it."""
    return f"{FOLDER}{name}_88_Results_Page_{number}.json{query}"


def seen(link: object) -> tuple[object, ...]:
    """What a transfer reads of a link."""
    return tuple(getattr(link, name) for name in ("url", "alternate_url", "name", "label"))


def outcome(work: Callable[[], Sequence[object]]) -> object:
    """What *work* returns or raises."""
    try:
        return [seen(link) for link in work()]
    except UnreachableResultError as error:
        return str(error)


@given(NAMES, st.lists(NUMBERS, min_size=3, max_size=6), st.sampled_from(["", "?sig=1", "?Page_1.json", "#x"]))
def test_links_of_a_family_are_as_if_parsed_alone(name, numbers, query) -> None:
    """The same parts, or the same error, as `parse_link` gives for each."""
    texts = [page(number, name, query) for number in numbers]

    assert outcome(lambda: parse_page_links(texts, parse)) == outcome(lambda: [parse(text) for text in texts])


def test_a_thousand_links_take_a_few_parses() -> None:
    """The two probes, and no more."""
    parsed: list[str] = []

    def counting(text: str):
        parsed.append(text)
        return parse(text)

    links = parse_page_links([page(number) for number in range(1, 1001)], counting)

    assert len(parsed) == 2
    assert {type(link) for link in links} == {PageLink}


@pytest.mark.parametrize(
    "odd",
    [
        f"{BASE}/results/101/88/other_88_Results_Page_2.json",
        f"{FOLDER}AU Laptops_88_Results_Page_.json",
        f"{FOLDER}AU Laptops_88_Results_Page_1234567890.json",
        f"{FOLDER}AU Laptops_88_Results_Page_\u0661.json",
        f"{FOLDER}category_asins.json",
    ],
)
def test_a_link_outside_the_family_is_parsed(odd) -> None:
    """It is parsed by itself, whatever its neighbours are."""
    links = parse_page_links([page(1), odd, page(2), page(3)], parse)

    assert [type(link) for link in links] == [PageLink, type(parse(odd)), PageLink, PageLink]
    assert seen(links[1]) == seen(parse(odd))


def test_a_bad_link_in_a_family_is_rejected() -> None:
    """A link to another run among those of this one is an error."""
    texts = [page(1), page(2), page(3).replace("/101/", "/102/")]

    with pytest.raises(UnreachableResultError, match="another collection or run"):
        parse_page_links(texts, parse)


@pytest.mark.parametrize("name", ["50% off", "a%20b", "x" * 8080])
def test_an_ambiguous_or_endless_name_has_no_family(name) -> None:
    """Each link is parsed, and has its alternate URL."""
    texts = [page(number, name) for number in range(3)]

    assert [seen(link) for link in parse_page_links(texts, parse)] == [seen(parse(text)) for text in texts]


def test_no_links_are_no_links() -> None:
    """A run without pages has none."""
    assert parse_page_links([], parse) == []
