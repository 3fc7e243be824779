"""Check what a package index shows of a wheel and a source distribution: `python .ci/package_page.py DIST...`.

The page is the README without links into the repository, which would lead nowhere; what it names is in the source
distribution.
"""

import argparse
import email
import re
import sys
import tarfile
import zipfile
from pathlib import Path

LINK = re.compile(r"\]\(([^)]+)\)|(?:src|srcset|href)=\"([^\"]+)\"")
NAMED = re.compile(r"\b(?:docs/\w+\.md|examples/\w+\.py)\b")
PARTS = (
    "README.md",
    "LICENSE",
    "SECURITY.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Makefile",
    "docs/conf.py",
    "pyproject.toml",
)


def page_of(metadata: str) -> str:
    """Return the description in the metadata of a package."""
    page = email.message_from_string(metadata).get_payload()
    assert isinstance(page, str)
    return page


def broken_links(page: str) -> list[str]:
    """Return the links that lead to no absolute URL."""
    return [link for pair in LINK.findall(page) for link in pair if link and not link.startswith("https://")]


def lacking(page: str, names: set[str]) -> list[str]:
    """Return what *page* names, and what each source distribution has, that is not among *names*."""
    return sorted({*NAMED.findall(page), *PARTS} - names)


def check(path: Path) -> list[str]:
    """Return what is wrong with a wheel or a source distribution."""
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as wheel:
            names = wheel.namelist()
            (metadata,) = [name for name in names if name.endswith(".dist-info/METADATA")]
            untyped = [] if "multicart_async/py.typed" in names else ["no multicart_async/py.typed"]
            return broken_links(page_of(wheel.read(metadata).decode())) + untyped
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
        file = archive.extractfile(f"{path.name.removesuffix('.tar.gz')}/PKG-INFO")
        assert file is not None
        page = page_of(file.read().decode())
    return broken_links(page) + lacking(page, names)


if __name__ == "__main__":
    line = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    line.add_argument("dist", metavar="DIST", nargs="+", type=Path, help="a wheel or a source distribution")
    wrong = [f"{path.name}: {each}" for path in line.parse_args().dist for each in check(path)]
    sys.exit("\n".join(wrong) or None)
