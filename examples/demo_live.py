"""Make a first run on the real service, shown as commands. It costs 3 credits, and asks before it spends them.

    MULTICART_API_KEY=... make demo-live

or ``python examples/demo_live.py [FOLDER]``, which needs the extra ``cli``. The credential of ``multicart login`` can
be used too. The program makes a collection of three ASINs, which costs nothing, and shows the cost of a run. If you
say yes, it runs the collection and downloads the files. The collection stays in the account, and the last line says
how to delete it.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

from demo import PLACE, start, type_command

ASINS = ("B0DJQQ38TG", "B0ABC12345", "B0XYZ99999")
CREATE = ("collections", "create", "multicart demo", "--notification-email", "ops@example.com", "--json")
QUESTION = f"""
This makes a collection of {len(ASINS)} ASINs in this account. To run it costs {len(ASINS)} credits; you are asked again then.
Go on? [y/N] """
NO_TERMINAL = "It asks before it spends credits: call it in a terminal. Nothing was spent."
NOTHING_SPENT = "Nothing was spent. make demo needs no account: it runs on a sandbox."


def asking() -> dict[str, str]:
    """The environment without the variables that answer every question with yes."""
    return {
        name: value
        for name, value in os.environ.items()
        if not (name.startswith("MULTICART_") and name.endswith("_YES"))
    }


def main(folder: Path) -> None:
    """Type all commands.

    Raises:
        subprocess.CalledProcessError: One has failed, or the answer was no; the others were not typed.
    """
    environment = asking()
    if not is_wanted(environment):
        sys.exit(2)
    made = json.loads(type_command(CREATE, environment, keep=True))["id"]
    try:
        type_command(("asins", "add", made, *ASINS, *PLACE), environment)
        type_command(("runs", "estimate", made), environment)
        type_command(("runs", "run", made, "--dest", folder, "--timeout", 3600), environment)  # asks
    finally:
        print(
            f"\nThe collection stays in the account. To delete it and its results: multicart collections delete {made}"
        )


def is_wanted(environment: dict[str, str]) -> bool:
    """Whether there is an account, and its owner has said yes."""
    try:
        type_command(("whoami",), environment)
    except subprocess.CalledProcessError:
        print(NOTHING_SPENT, file=sys.stderr)
        raise
    if not sys.stdin.isatty():
        print(NO_TERMINAL, file=sys.stderr)
        return False
    return input(QUESTION).strip().lower() in {"y", "yes"}


if __name__ == "__main__":
    start(main, __doc__, "demo-live-results")
