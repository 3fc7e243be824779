"""House rules that no linter knows. Usage: house.py [PROJECT]. Prints what to look at, and ends with status 1 if there is any."""

from __future__ import annotations

import ast
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

MAX_LINES = 400
MAX_FUNCTION = 45
MAX_ENTRIES = 18
VAGUE = {"util", "utils", "helper", "helpers", "common", "misc", "const", "constants"}
WORDS = re.compile(r"\b(somebody|nobody|whoever|whatever)\b", re.IGNORECASE)
MARKERS = re.compile(r"#\s*(TODO|FIXME|XXX|HACK)\b")
LOOSE_TASKS = re.compile(r"create_task\(|asyncio\.gather\(")
OF_ONE_MACHINE = re.compile(r"/(home|root|tmp|mnt|srv|work|Users)/")
OUTSIDE = re.compile(r"\.\./shared|parent\s*/\s*[\"']shared")
PATH = re.compile(r"/[a-z_\-/{}.]+")

Function = ast.FunctionDef | ast.AsyncFunctionDef


def main(root: Path) -> int:
    """Print all findings and return the exit status."""
    package = root / "multicart_async"
    found = 0
    for place, what in check(root, package):
        print(f"{place.relative_to(root)}: {what}")
        found += 1
    return 1 if found else 0


def check(root: Path, package: Path) -> Iterator[tuple[Path, str]]:
    """Yield a file and what to look at there."""
    sources = sorted(package.rglob("*.py"))
    for path in sources:
        text = path.read_text("utf-8")
        for what in (*_file(path, text), *_functions(text), *_docstrings(path.relative_to(package), text)):
            yield path, what
        if "sandbox" not in path.parts:
            yield from ((path, what) for what in _lines(text, LOOSE_TASKS, "unstructured concurrency"))
    yield from _root(package)
    yield from _endpoints(package / "resources", root / "tests/data/endpoints.json")
    documents = [*root.glob("*.md"), *(root / "docs").glob("*.md")]
    for path in (*sources, *documents):
        yield from ((path, what) for what in _lines(path.read_text("utf-8"), WORDS, "plain English"))
    for path in (root / "Makefile", root / ".ci/run", *(root / "tests").rglob("*.py")):
        yield from ((path, what) for what in _lines(path.read_text("utf-8"), OUTSIDE, "outside the repository"))
    for path in (*root.glob("*.md"), *root.glob("*.toml"), root / ".ci/run"):
        yield from ((path, what) for what in _lines(path.read_text("utf-8"), OF_ONE_MACHINE, "a path of one machine"))


def _lines(text: str, pattern: re.Pattern[str], what: str) -> list[str]:
    found = enumerate(text.splitlines(), 1)
    return [f"line {number}: {what}: {line.strip()[:80]}" for number, line in found if pattern.search(line)]


def _file(path: Path, text: str) -> Iterator[str]:
    lines = text.count("\n")
    if lines >= MAX_LINES:
        yield f"{lines} lines; one subject per file, fewer than {MAX_LINES}"
    if path.stem.strip("_") in VAGUE:
        yield "a name that says nothing"
    yield from _lines(text, MARKERS, "unfinished")


def _functions(text: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ExceptHandler) and node.type is None:
            yield f"line {node.lineno}: bare except"
        if isinstance(node, Function):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            size = (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0
            if size > MAX_FUNCTION:
                yield f"line {node.lineno}: {node.name} has {size} lines of code"
            if node.args.kwarg and not node.name.startswith("_"):
                yield f"line {node.lineno}: {node.name} takes **{node.args.kwarg.arg}"


def _docstrings(path: Path, text: str) -> Iterator[str]:
    """What a public module leaves undescribed; an overload that is described hides the text of the function itself."""
    if any(part.startswith("_") and part != "__init__" for part in path.with_suffix("").parts):
        return
    for node in ast.parse(text).body:
        for inner in (node, *(node.body if isinstance(node, ast.ClassDef) else ())):
            if isinstance(inner, Function | ast.ClassDef) and not inner.name.startswith("_"):
                overload = any("overload" in ast.unparse(each) for each in inner.decorator_list)
                if overload == (ast.get_docstring(inner) is not None):
                    yield f"line {inner.lineno}: {inner.name} {'is an overload with' if overload else 'has no'} docstring"


def _root(package: Path) -> Iterator[tuple[Path, str]]:
    entries = [path for path in package.iterdir() if path.name != "__pycache__"]
    if len(entries) > MAX_ENTRIES:
        yield package, f"{len(entries)} entries, at most {MAX_ENTRIES}: modules belong into folders"
    for path in entries:
        if path.suffix == ".py" and path.name.startswith("_") and not path.name.startswith("__"):
            yield path, "a private module at the root of the package"


def _endpoints(folder: Path, table: Path) -> Iterator[tuple[Path, str]]:
    documented = {row["path"] for row in json.loads(table.read_text("utf-8"))}
    seen: dict[str, Path] = {}
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and PATH.fullmatch(node.value):
                if node.value not in documented:
                    yield path, f"{node.value} is not a documented path (trailing slash?)"
                elif node.value in seen:
                    yield path, f"{node.value} stands in {seen[node.value].name} too"
                seen[node.value] = path


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()))
