"""Markdown files, and docstrings, as tests need them: their Python blocks, links, commands and names."""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

import attrs

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
_BLOCK = re.compile(r"^( *)```python\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_SHELL = re.compile(r"^```sh\n(.*?)^```$|`([^`\n]+)`", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`[^`\n]+`")
_MAKE = re.compile(r"\bmake (?:[A-Z]+=\S+ )?([a-z]+(?:-[a-z]+)*)")
_LINK = re.compile(r"\[[^]]+\]\(([^)\s]+)\)")
_IMAGE = re.compile(r'\bsrc(?:set)?="([^"]+)"')
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


@attrs.frozen
class Block:
    """A piece of Python in a document, and the line where it begins."""

    name: str
    line: int
    code: str

    @property
    def is_program(self) -> bool:
        """Whether it is complete and runs by itself."""
        return "asyncio.run(" in self.code

    @property
    def is_test(self) -> bool:
        """Whether pytest is to run it."""
        return re.search(r"^(async )?def test_", self.code, re.MULTILINE) is not None

    def __str__(self) -> str:
        return f"{self.name}:{self.line}"


def scripts() -> list[Path]:
    """The examples that are commands: not an application, a notebook or a module for others."""
    return [path for path in sorted(EXAMPLES.glob("*.py")) if '\nif __name__ == "__main__":' in path.read_text("utf-8")]


def documents() -> dict[str, str]:
    """The text of each document, by its name in the project."""
    files = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("docs/reference/*.md")]
    return {path.relative_to(ROOT).as_posix(): path.read_text("utf-8") for path in sorted(files)}


def docstrings() -> list[str]:
    """Each docstring of the package's public modules."""
    found: list[str] = []
    for path in sorted((ROOT / "multicart_async").rglob("*.py")):
        names = path.relative_to(ROOT).with_suffix("").parts
        if any(name.startswith("_") and name != "__init__" for name in names):
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                found += [ast.get_docstring(node) or ""]
    return found


def blocks(texts: dict[str, str]) -> Iterator[Block]:
    """Every block of Python, in the order of the documents."""
    for name, text in texts.items():
        for found in _BLOCK.finditer(text):
            line = text.count("\n", 0, found.start()) + 2
            yield Block(name, line, textwrap.dedent(found[2]))


def lacking_tests(text: str) -> list[str]:
    """Return those of the tests that a text names as ``file.py::test``, below ``tests``, which do not exist."""
    named = re.findall(r"`(?:tests/)?([\w/]+\.py)::(\w+)`", text)
    assert named
    return [f"{file}::{test}" for file, test in named if test not in _tests_of(ROOT / "tests" / file)]


def _tests_of(path: Path) -> set[str]:
    tree = ast.parse(path.read_text("utf-8")) if path.is_file() else ast.Module(body=[])
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return {node.name for node in functions if node.name.startswith("test_")}


def words(text: str) -> set[str]:
    """Return the names in the code of a document: in its blocks and between its backquotes."""
    prose = _FENCED.sub("", text)
    code = "\n".join([*_FENCED.findall(text), *_SPAN.findall(prose)])
    return set(re.findall(r"\w+", code))


def links(text: str) -> list[str]:
    """The targets of a document's links and the places of its images, those on other sites left out."""
    prose = _FENCED.sub("", text)
    return [target for target in [*_LINK.findall(prose), *_IMAGE.findall(prose)] if "://" not in target]


def targets(text: str) -> set[str]:
    """What the commands of a document ask of make."""
    commands = "\n".join(block or span for block, span in _SHELL.findall(text))
    return set(_MAKE.findall(commands))


def anchors(text: str) -> set[str]:
    """What a link may name behind a ``#``: headings, as GitHub writes them."""
    titles = _HEADING.findall(_FENCED.sub("", text))
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
