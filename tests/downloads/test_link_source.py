"""`LinkSource`: which URL of a file comes after a refusal."""

from __future__ import annotations

import attrs
import pytest
from support.download_kit import wanted_page

from multicart_async._downloads.file_request import FileRequest
from multicart_async._downloads.link_source import LinkSource
from multicart_async._downloads.links import FileLocation
from multicart_async.errors import APIError, IncompleteDownloadError, MultiCartError, UnreachableResultError

FIRST, OTHER, FRESH = "http://service/first", "http://service/other", "http://service/fresh"
LOCATION = FileLocation(url=FIRST, alternate_url=None, name="n", label="results/101/88/page 1")


def refused(code: int) -> APIError:
    """A refusal of the service."""
    return APIError.of(LOCATION.label, code, "no", http_status=code, retry_after=None, in_envelope=False)


def source(alternate: str | None = None, *, fresh: bool = True) -> LinkSource:
    """The links to a page."""

    async def refresh(_: FileRequest) -> FileLocation:
        return attrs.evolve(LOCATION, url=FRESH, alternate_url=OTHER)

    page = attrs.evolve(wanted_page(), link=attrs.evolve(LOCATION, alternate_url=alternate))
    return LinkSource(page, refresh if fresh else None)


async def urls(links: LinkSource, *errors: MultiCartError) -> list[str]:
    """The URL at first and after each error, up to the one that has no other URL."""
    found = [links.url]
    for error in errors:
        if not await links.replace(error):
            break
        found.append(links.url)
    return found


@pytest.mark.parametrize("code", [401, 403, 404, 410])
async def test_a_refused_link_is_replaced_once(code) -> None:
    """By a fresh one, and not by the fresh one's other reading."""
    assert await urls(source(), refused(code), refused(404)) == [FIRST, FRESH]


async def test_the_other_reading_comes_after_a_404() -> None:
    """Then a fresh link, once."""
    assert await urls(source(OTHER), *[refused(404)] * 3) == [FIRST, OTHER, FRESH]


async def test_other_refusals_do_not_lead_to_the_other_reading() -> None:
    """It is asked for only if the first reading names no file; after a fresh link it is none of its readings."""
    assert await urls(source(OTHER), refused(403), refused(404)) == [FIRST, FRESH]


async def test_without_a_refresh_there_is_only_the_other_reading() -> None:
    """A file of no run is never listed again."""
    assert await urls(source(fresh=False), refused(404)) == [FIRST]
    assert await urls(source(OTHER, fresh=False), refused(404), refused(404)) == [FIRST, OTHER]


@pytest.mark.parametrize("error", [refused(400), refused(503), IncompleteDownloadError("x", "cut")])
async def test_other_errors_use_no_link_up(error) -> None:
    """They say nothing about the link: its other reading and the fresh link are still there for a later refusal."""
    links = source(OTHER)

    assert not await links.replace(error)
    assert await urls(links, refused(404), refused(404)) == [FIRST, OTHER, FRESH]


async def test_a_refresh_that_fails_is_the_error() -> None:
    """The service no longer lists the file."""

    async def refresh(_: FileRequest) -> FileLocation:
        raise UnreachableResultError("x", "no longer listed")

    with pytest.raises(UnreachableResultError, match="no longer listed"):
        await LinkSource(wanted_page(), refresh).replace(refused(410))
