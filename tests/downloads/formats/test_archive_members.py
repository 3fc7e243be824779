"""What the members of an archive may be called, and which members a run's archive must have."""

from __future__ import annotations

import io
import zipfile

import pytest

from multicart_async._downloads.formats import ContentError
from multicart_async._downloads.formats.zip_archive import ArchiveCheck

PAGES = ("AU_88_Results_Page_1.json", "AU_88_Results_Page_2.json")


def packed(names, data=b"[]") -> bytes:
    """An archive of members with these names."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name in names:
            with archive.open(zipfile.ZipInfo(name), "w") as member:  # writestr fails on an empty name
                member.write(b"" if name.endswith("/") and data == b"[]" else data)
    return target.getvalue()


def check(data, pages=()) -> None:
    """Feed it whole."""
    checker = ArchiveCheck(pages)
    checker.feed(data)
    checker.finish()


def good(data, pages=()) -> bool:
    """Whether the archive is taken."""
    try:
        check(data, pages)
    except ContentError:
        return False
    return True


def renamed(name: bytes) -> bytes:
    """An archive of one member called *name*, which zipfile would not write."""
    data = packed(["n" * len(name)])
    return data.replace(b"n" * len(name), name)


@pytest.mark.parametrize(
    "name", [b"/a", b"C:/a", b"../a", b"a/../b", b"..", b"..\\a", b"a\nb", b"a\0b", b"a\x7f", b"x" * 1025]
)
def test_names_that_lead_astray(name) -> None:
    """Absolute, climbing, with a control character, or without end."""
    assert not good(renamed(name))


@pytest.mark.parametrize("name", [b"a..b", b"C: drive.json", b"...", b"x" * 1024])
def test_names_that_only_look_like_it(name) -> None:
    """Dots and colons are allowed in names."""
    check(renamed(name))


def test_a_name_without_a_name() -> None:
    """An empty name raises IndexError in zipfile."""
    data = packed([""])
    assert not good(data)


def test_a_name_that_is_not_utf8() -> None:
    """A name that claims to be UTF-8 and is not cannot be read by anyone."""
    data = packed(["é"])
    assert not good(data.replace("é".encode(), b"\xff\xff"))


def test_a_folder_with_content() -> None:
    """A folder holds nothing."""
    assert not good(packed(["a/"], b"1"))


@pytest.mark.parametrize("twin", ["a", "A"])
def test_duplicate_names(twin) -> None:
    """Two members whose names differ in case alone are one file on some systems."""
    data = packed(["a", "b"])
    assert not good(data.replace(b"b", twin.encode()))


def test_the_members_are_the_pages() -> None:
    """The archive of this run passes, with a folder and with names of another kind too."""
    check(packed(PAGES), PAGES)
    check(packed(["pages/", f"pages/{PAGES[0]}", "pages/readme.json"]), PAGES)


@pytest.mark.parametrize(
    "names",
    [
        [PAGES[0]],
        [*PAGES, "another.json"],
        ["AU_87_Results_Page_1.json", "AU_87_Results_Page_2.json"],
        [f"x/{PAGES[0]}", "x/AU_88_Results_Page_3.json"],
        [f"x/{PAGES[0]}", f"y/{PAGES[0]}"],
        [],
    ],
    ids=["one missing", "one too many", "old run", "other page", "one page twice", "none"],
)
def test_other_members_than_the_pages(names) -> None:
    """An old run's archive, or one with pages missing, is sound and still wrong."""
    data = packed(names)
    check(data)
    with pytest.raises(ContentError):
        check(data, PAGES)
