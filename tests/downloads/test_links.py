"""Links as text: what is asked for, what is refused, and what a name means."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from multicart_async._downloads.links import ResultLink, name_troubles, parse_link
from multicart_async.errors import UnreachableResultError

BASE = "https://multicartapi.com/api/v1"
LOCAL = "http://127.0.0.1:8080/api/v1"
FOLDER = f"{BASE}/results/101/88/"
PAGE = "_88_Results_Page_1.json"
SIGNED = "?X-Sig=ab+c%2Fd%3D&n=%20a"


def parse(text: str, base: str = BASE, name: str | None = None) -> ResultLink:
    """The link of run 88 of collection 101."""
    return parse_link(text, base=base, collection_id=101, run_id=88, collection_name=name)


def refused(text: str, base: str = BASE, name: str | None = None) -> UnreachableResultError:
    """The error that the link is worth."""
    with pytest.raises(UnreachableResultError) as caught:
        parse(text, base, name)
    return caught.value


def test_a_link_in_parts() -> None:
    """All that is said of a link."""
    link = parse(f"{FOLDER}AU Laptops{PAGE}{SIGNED}")
    assert link == ResultLink(
        url=f"{FOLDER}AU%20Laptops{PAGE}{SIGNED}",
        alternate_url=None,
        collection_id=101,
        run_id=88,
        name=f"AU Laptops{PAGE}",
        label="results/101/88/page 1",
    )


GOLDEN = [
    ("AU Laptops", "AU%20Laptops", None),
    ("50% off", "50%25%20off", None),
    ("100%25", "100%25", "100%2525"),
    ("C# books", "C%23%20books", None),
    ("why?", "why%3F", None),
    ("what? now#x?y", "what%3F%20now%23x%3Fy", None),
    ("a+b", "a+b", None),
    ("a&b=c;d", "a&b=c;d", None),
    ("é", "%C3%A9", None),
    ("日本", "%E6%97%A5%E6%9C%AC", None),
    ("😀", "%F0%9F%98%80", None),
    ("AU%20Laptops", "AU%20Laptops", "AU%2520Laptops"),
    ("%C3%A9", "%C3%A9", "%25C3%25A9"),
    ("100%", "100%25", None),
    ("%zz", "%25zz", None),
    ("é%20x", "%C3%A9%2520x", None),
    ('"<>[]{}|^`', "%22%3C%3E%5B%5D%7B%7D%7C%5E%60", None),
    ("..", "..", None),
    ("", "", None),
    ("\u2028", "%E2%80%A8", None),
    ("a\xa0b", "a%C2%A0b", None),
]


@pytest.mark.parametrize("query", ["", SIGNED, "?", "?a=/b/c"])
@pytest.mark.parametrize(("raw", "wire", "other"), GOLDEN)
def test_the_golden_table(raw, wire, other, query) -> None:
    """What a name becomes on the wire when nothing is known about it."""
    link = parse(f"{FOLDER}{raw}{PAGE}{query}")
    assert f"{FOLDER}{wire}{PAGE}{query}" == link.url
    assert (None if other is None else f"{FOLDER}{other}{PAGE}{query}") == link.alternate_url


@pytest.mark.parametrize(
    ("name", "raw", "wire", "other"),
    [
        ("100%25", "100%25", "100%2525", "100%25"),
        ("100%", "100%25", "100%25", "100%2525"),
        ("AU Laptops", "AU%20Laptops", "AU%20Laptops", "AU%2520Laptops"),
        ("AU%20Laptops", "AU%20Laptops", "AU%2520Laptops", "AU%20Laptops"),
        ("é x", "é%20x", "%C3%A9%20x", "%C3%A9%2520x"),
        ("a%2Fb", "a%2Fb", "a%252Fb", None),
        ("renamed", "100%25", "100%25", "100%2525"),
        ("renamed", "C# books", "C%23%20books", None),
    ],
)
def test_the_collection_name_decides(name, raw, wire, other) -> None:
    """A name that is known tells what a percent sign is; one that does not fit is as good as none."""
    link = parse(f"{FOLDER}{raw}{PAGE}", name=name)
    assert f"{FOLDER}{wire}{PAGE}" == link.url
    assert (None if other is None else f"{FOLDER}{other}{PAGE}") == link.alternate_url
    assert (raw if name == raw else unquote(raw)) + PAGE == link.name


@pytest.mark.parametrize(
    ("file", "kind"),
    [
        ("x_88_Results_Page_1.json", "page 1"),
        ("x_88_Results_Page_1234.json", "page 1234"),
        ("x_88_Results_All_Pages.zip", "all pages"),
        ("x%5F88%5fResults%5FPage%5F7%2Ejson", "page 7"),
        ("category_asins.json", "category_asins.json"),
        ("category_asins.csv", "category_asins.csv"),
        ("x_87_Results_Page_1.json", "file"),
        ("x_87_Results_Page_1.json_88_Results_Page_2.json", "page 2"),
        ("x_88_Results_Page_1.json.gz", "file"),
        ("report.xlsx", "file"),
    ],
)
def test_labels(file, kind) -> None:
    """A label tells which file of which run, and nothing that is private."""
    assert f"results/101/88/{kind}" == parse(f"{FOLDER}{file}{SIGNED}").label


@pytest.mark.parametrize(
    ("tail", "wire"),
    [
        ("report.xlsx", "report.xlsx"),
        ("my report?x=1", "my%20report?x=1"),
        ("C# report?x=1?y", "C%23%20report?x=1?y"),
        ("C# report", "C%23%20report"),
        (f"a{PAGE}.gz", f"a{PAGE}.gz"),
    ],
)
def test_names_without_a_known_suffix(tail, wire) -> None:
    """A new kind of file is asked for too; a query starts at the first question mark."""
    assert f"{FOLDER}{wire}" == parse(FOLDER + tail).url


def test_the_last_suffix_ends_the_name() -> None:
    """A collection may be called like a file."""
    assert f"{FOLDER}a{PAGE}%3Fb{PAGE}?c" == parse(f"{FOLDER}a{PAGE}?b{PAGE}?c").url


def test_a_suffix_inside_the_query() -> None:
    """A query that repeats the file's name is left alone, if there is a way to tell."""
    assert f"{FOLDER}a{PAGE}?file=a{PAGE}&x" == parse(f"{FOLDER}a{PAGE}?file=a{PAGE}&x").url
    assert f"{FOLDER}a{PAGE}?file=a{PAGE}" == parse(f"{FOLDER}a{PAGE}?file=a{PAGE}", name="a").url


def test_a_query_is_only_made_visible() -> None:
    """What cannot be sent is escaped, and nothing else changes."""
    assert f"{FOLDER}a{PAGE}?a=%20%C3%A9%zz\"<'+%2f" == parse(f"{FOLDER}a{PAGE}?a= é%zz\"<'+%2f").url


@pytest.mark.parametrize(
    "text",
    [
        f"https://multicartapi.com:443/api/v1/results/101/88/a{PAGE}",
        f"https://multicartapi.com:/api/v1/results/101/88/a{PAGE}",
        f"HTTPS://MultiCartAPI.com/api/v1/results/101/88/a{PAGE}",
        f"http://multicartapi.com/api/v1/results/101/88/a{PAGE}",
        f"http://multicartapi.com:80/api/v1/results/101/88/a{PAGE}",
        f"http://multicartapi.com:443/api/v1/results/101/88/a{PAGE}",
        f"/api/v1/results/101/88/a{PAGE}",
    ],
)
def test_the_same_place(text) -> None:
    """Default ports, letter case and the http links of a proxied Django are the base URL's origin."""
    assert f"{FOLDER}a{PAGE}" == parse(text).url


@pytest.mark.parametrize(
    ("base", "text"),
    [
        (LOCAL, LOCAL),
        ("http://[::1]:8080/api/v1", "http://[::1]:8080/api/v1"),
        ("https://example.com:8443/x", "http://example.com:8443/x"),
        ("https://example.com:8443/x", "http://example.com/x"),
        ("https://example.com", "https://example.com"),
        ("HTTPS://Example.com:443/x", "https://example.com/x"),
    ],
)
def test_other_bases(base, text) -> None:
    """The base URL's own spelling is what is asked."""
    assert f"{base}/results/101/88/a{PAGE}" == parse(f"{text}/results/101/88/a{PAGE}", base).url


@pytest.mark.parametrize(
    "start",
    [
        "https://evil.test/api/v1",
        "https://multicartapi.com.evil.test/api/v1",
        "https://multicartapi.com:8443/api/v1",
        "http://multicartapi.com:8080/api/v1",
        "https://multicartapi.com:99999/api/v1",
        "https://multicartapi.com:4430000/api/v1",
        "https://multicartapi.com:44x/api/v1",
        "https://user:pw@multicartapi.com/api/v1",
        "https://@multicartapi.com/api/v1",
        "https://multicartapi.com@evil.test/api/v1",
        "https://multicartapi.com:443@evil.test/api/v1",
        "https://multicartapi.com./api/v1",
        "https://multicartapi%2Ecom/api/v1",
        "https://multicartapi.com\t.evil.test/api/v1",
        "https://multicartapi.com\\.evil.test/api/v1",
        "https://multicartapi.com\n/api/v1",
        "https://multicartap\u0131.com/api/v1",
        "https://multicartap\uff49.com/api/v1",
        "https://multicart\u200bapi.com/api/v1",
        "https://[::1]/api/v1",
        "https:///api/v1",
        "https://:443/api/v1",
        "//evil.test/api/v1",
        "//multicartapi.com/api/v1",
        "https:/api/v1",
        "https:multicartapi.com/api/v1",
        "multicartapi.com/api/v1",
        "ftp://multicartapi.com/api/v1",
        "file:///api/v1",
        "javascript://multicartapi.com/api/v1",
        " https://multicartapi.com/api/v1",
        "https://multicartapi.com?/api/v1",
        "https://multicartapi.com#/api/v1",
        "https://multicartapi.com/api/v2",
        "https://multicartapi.com/x/../api/v1",
        "https://multicartapi.com/api/v1/..",
        "https://multicartapi.com//api/v1",
        "",
    ],
)
def test_other_places(start) -> None:
    """No link leads to another origin or out of the base path, in whatever disguise."""
    error = refused(f"{start}/results/101/88/a{PAGE}?X-Sig=secret")
    assert error.name == "results/101/88"
    assert "secret" not in str(error)


def test_https_is_not_local_http() -> None:
    """Only the other direction is a proxy's doing."""
    refused(f"https://127.0.0.1:8080/api/v1/results/101/88/a{PAGE}", LOCAL)


@pytest.mark.parametrize("base", ["", "/api/v1", "ftp://multicartapi.com/api/v1", "https://a b:x/api/v1"])
def test_a_base_that_is_none(base) -> None:
    """A base URL that is not absolute http or https fits no link."""
    refused(f"{FOLDER}a{PAGE}", base)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "results/101/88",
        "results/101/88/",
        "results/101/88/?x",
        "results/101/88/.",
        "results/101/88/..",
        "results/101/88/%2e%2E",
        "results/101/88/../a.json",
        f"results/101/88/a/b{PAGE}",
        f"results/101/88/a%2Fb{PAGE}",
        f"results/101/88/a%2fb{PAGE}",
        f"results/101/88//{PAGE}",
        f"results/101/88/a\tb{PAGE}",
        f"results/101/88/a\r\nb{PAGE}",
        f"results/101/88/a\0b{PAGE}",
        f"results/101/88/a\x7fb{PAGE}",
        f"results/101/88/a\x85b{PAGE}",
        f"results/101/88/a\ud800b{PAGE}",
        f"results/101/88/a{PAGE}\n",
        f"results/101/88/a{PAGE}?a\tb",
        f"results/101/88/a{PAGE}#x",
        f"results/101/88/a{PAGE}?x#y",
        f"results/101/89/a{PAGE}",
        f"results/100/88/a{PAGE}",
        f"results/x/88/a{PAGE}",
        f"results/-101/88/a{PAGE}",
        f"results/\u0661\u0660\u0661/88/a{PAGE}",
        f"results/{'1' * 5000}/88/a{PAGE}",
        f"other/101/88/a{PAGE}",
        f"results/101/88/{'a' * 9000}{PAGE}",
    ],
)
def test_links_that_no_request_can_follow(path) -> None:
    """Other ids, no name, dots, slashes in the name, control characters, a fragment."""
    error = refused(f"{BASE}/{path}")
    assert re.fullmatch(r"results/101/88: [^\n]+", str(error))


def test_a_slash_in_a_name_that_is_known() -> None:
    """It does not help to know the name when no request can express it."""
    refused(f"{FOLDER}a/b{PAGE}", name="a/b")
    refused(f"{FOLDER}a%2Fb{PAGE}", name="a/b")
    refused(f"{FOLDER}a/b%20c{PAGE}", name="a/b c")


def test_ids_are_read_from_the_link() -> None:
    """Whoever does not know the ids learns them."""
    link = parse_link(f"{FOLDER}a{PAGE}", base=BASE)
    assert (link.collection_id, link.run_id) == (101, 88)


def test_an_error_names_what_is_known() -> None:
    """Without ids an error has none to name."""
    with pytest.raises(UnreachableResultError) as caught:
        parse_link("", base=BASE, run_id=88)
    assert caught.value.name == "results/88"


NAMES = st.text(
    st.sampled_from(list(" #?%+&;=/\\é日😀\"<>[]{}|^`ab2025._-'!~")) | st.characters(exclude_categories=["Cs"]),
    max_size=12,
)
SUFFIXES = st.sampled_from([PAGE, "_88_Results_Page_12.json", "_88_Results_All_Pages.zip"])
QUERIES = st.sampled_from(["", "?", SIGNED, "?a=b?c=d/e"])


def sound(link: ResultLink, name: str, query: str) -> bool:
    """Whether the link asks for *name* and passes *query* on."""
    segment, mark, rest = link.url.removeprefix(FOLDER).partition("?")
    visible = all("\x21" <= character <= "\x7e" for character in link.url)
    return visible and "#" not in link.url and "/" not in segment and (unquote(segment), mark + rest) == (name, query)


@settings(max_examples=500, deadline=None)
@given(NAMES, SUFFIXES, QUERIES)
@example("100%25", PAGE, SIGNED)
@example("a%2Fb", PAGE, SIGNED)
def test_raw_links_ask_for_the_name(name, suffix, query) -> None:
    """Whatever a collection is called, its raw link asks for exactly that, or is refused for a reason."""
    try:
        link = parse(f"{FOLDER}{name}{suffix}{query}", name=name)
    except UnreachableResultError:
        assert re.search(r"[/\x00-\x1f\x7f-\x9f]", name)
        return
    assert sound(link, name + suffix, query)
    assert link.name == name + suffix
    assert not any(text.startswith("a slash") for text in name_troubles(name))


@settings(max_examples=500, deadline=None)
@given(NAMES, SUFFIXES, QUERIES, st.sampled_from(["", "!$&'()*+,;=:@"]), st.booleans())
def test_escaped_links_ask_for_the_name(name, suffix, query, safe, known) -> None:
    """A link that the service has escaped one day is not escaped again."""
    text = f"{FOLDER}{quote(name + suffix, safe=safe)}{query}"
    try:
        link = parse(text, name=name if known else None)
    except UnreachableResultError:
        assert "/" in name
        return
    assert sound(link, name + suffix, query)
    assert link.name == name + suffix
    assert (link.alternate_url is None) == ("%" not in text.partition("?")[0])


@settings(max_examples=500, deadline=None)
@given(st.one_of(st.text(), st.text().map(lambda tail: FOLDER + tail), NAMES.map(lambda tail: f"{BASE}/{tail}")))
def test_any_text_is_a_sound_link_or_refused(text) -> None:
    """Nothing else is raised, and nothing leaves the run's folder."""
    try:
        link = parse(text)
    except UnreachableResultError:
        return
    for url in filter(None, (link.url, link.alternate_url)):
        assert re.fullmatch(re.escape(FOLDER) + r"[\x21-\x7e]+", url)
        assert "/" not in url.removeprefix(FOLDER).partition("?")[0]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("AU Laptops", []),
        ("é 日本 😀", []),
        ("x" * 120, []),
        ("é" * 61, ["120 bytes"]),
        ("A/B", ["slash makes the results unreachable"]),
        ("A\tB", ["control character makes the results unreachable"]),
        ("A\ud800B", ["control character makes the results unreachable"]),
        ("A\\B", ["backslash"]),
        ("C#", ["#, [?] and %"]),
        ("why?", ["#, [?] and %"]),
        ("50%", ["#, [?] and %"]),
        (" a", ["whitespace"]),
        ("a\xa0", ["whitespace"]),
        ("a/#\n", ["slash", "control", "#", "whitespace"]),
    ],
)
def test_troubles_with_names(name, words) -> None:
    """Each trouble is told once, and what cannot be downloaded is called unreachable."""
    troubles = name_troubles(name)
    assert len(words) == len(troubles)
    assert all(re.search(word, text) for word, text in zip(words, troubles, strict=True))
