"""Each floor leans only on the floors below."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RUN = "from importlinter.cli import lint_imports_command; lint_imports_command(['--no-cache'])"


def test_every_import_goes_downwards() -> None:
    """As the contracts in ``pyproject.toml`` draw it; a module that is not placed there is a fault too."""
    pytest.importorskip("importlinter", reason="import-linter is not installed")

    found = subprocess.run(
        [sys.executable, "-c", RUN],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )

    assert 0 == found.returncode, found.stdout + found.stderr
    assert "0 broken" in found.stdout
