"""Classes whose annotations are types and not texts, as those of a module without ``from __future__ import annotations``."""

import dataclasses
from typing import TypedDict

import attrs


@attrs.frozen
class Node:
    """A class of attrs that holds itself."""

    name: str
    children: list["Node"] = attrs.field(factory=list)
    named: dict[str, "Node"] = attrs.field(factory=dict)
    first: "Node | None" = None


@dataclasses.dataclass
class Leaf:
    """A dataclass that holds itself."""

    name: str
    children: tuple["Leaf", ...] = ()


class Branch(TypedDict, total=False):
    """A typed dictionary that holds itself."""

    name: str
    children: list["Branch"]


@attrs.frozen
class Tree:
    """All of them, and no text among its annotations."""

    nodes: list["Node"] = attrs.field(factory=list)
    leaves: list["Leaf"] = attrs.field(factory=list)
    branches: list["Branch"] = attrs.field(factory=list)
