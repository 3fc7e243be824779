#!/usr/bin/env python3
"""Print the lowest allowed version of each direct dependency, ``name==floor`` a line: a constraints file for pip."""

import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

REQUIREMENT = re.compile(r"(?P<name>[A-Za-z0-9._-]+)(\[[^]]*\])?>=(?P<floor>[0-9][0-9.]*)(,<[0-9.]+)?\Z")


def floors(requirements: Iterable[str]) -> Iterator[str]:
    """A line for each requirement. One without a floor ends the program."""
    for requirement in requirements:
        found = REQUIREMENT.match(requirement)
        if found is None:
            sys.exit(f"pyproject.toml: {requirement!r} does not say from which version on it works")
        yield f"{found['name']}=={found['floor']}\n"


def main() -> None:
    """What the package needs, and what its tests need."""
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text("utf-8"))
    sys.stdout.writelines(floors(project["project"]["dependencies"]))
    sys.stdout.writelines(floors(project["dependency-groups"]["test"]))


if __name__ == "__main__":
    main()
