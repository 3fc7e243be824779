"""Files in percent format as notebooks."""

from __future__ import annotations

import re

import nbformat

_CELL = re.compile(r"^# %%(.*)\n", re.MULTILINE)


def notebook(text: str) -> nbformat.NotebookNode:
    """Return the cells of a file in percent format, whose text and code begin at ``# %%``."""
    _, *parts = _CELL.split(text)
    cells = []
    for kind, content in zip(parts[::2], parts[1::2], strict=True):
        if kind.strip() == "[markdown]":
            cells.append(nbformat.v4.new_markdown_cell(re.sub(r"^# ?", "", content.strip(), flags=re.MULTILINE)))
        else:
            cells.append(nbformat.v4.new_code_cell(content.strip()))
    return nbformat.v4.new_notebook(cells=cells)
