#!/usr/bin/env python3
"""Report known holes of what is installed in a folder, by pip-audit. The report decides nothing: the status is 0 in any case."""

import json
import subprocess
import sys
from typing import Any

TIMEOUT = 120  # seconds
COMMAND = [sys.executable, "-m", "pip_audit", "--progress-spinner", "off", "--format", "json", "--path"]


def report(dependencies: list[dict[str, Any]]) -> list[str]:
    """Return the lines of the report: what was audited, each hole, and what was not audited."""
    audited = [row for row in dependencies if "skip_reason" not in row]
    skipped = [row["name"] for row in dependencies if "skip_reason" in row]
    lines = [
        f"{row['name']} {row['version']}: {' '.join([hole['id'], *hole['aliases']])}, "
        f"fixed in {', '.join(hole['fix_versions']) or 'no version'}"
        for row in audited
        for hole in row["vulns"]
    ]
    if not audited:
        return ["NOT AUDITED: the database of pip-audit cannot be reached, or knows none of these packages"]
    if skipped:
        lines.append(f"not audited, unknown to the database: {', '.join(skipped)}")
    holes = sum(len(row["vulns"]) for row in audited)
    return [f"{len(audited)} packages audited, {holes} known holes", *lines]


def audit(folder: str) -> list[str]:
    """Return the lines of the report on *folder*, or why there is none."""
    try:
        done = subprocess.run([*COMMAND, folder], capture_output=True, text=True, timeout=TIMEOUT, check=False)  # noqa: S603
        dependencies = json.loads(done.stdout)["dependencies"]
    except subprocess.TimeoutExpired:
        return [f"NOT AUDITED: pip-audit has not ended within {TIMEOUT} s"]
    except ValueError:
        last = done.stderr.strip().rpartition("\n")[2]
        return [f"NOT AUDITED: the database of pip-audit cannot be reached: {last[:200]}"]
    return report(dependencies)


def main() -> None:
    """Audit the folder that is named on the command line."""
    sys.stdout.write("".join(f"{line}\n" for line in audit(sys.argv[1])))


if __name__ == "__main__":
    main()
