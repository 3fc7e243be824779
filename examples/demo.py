"""Show the main job as commands, on a sandbox on this computer: it spends nothing and does not use the network.

    make demo

or ``python examples/demo.py [FOLDER]``. ASINs are imported into collections, which are run and downloaded. An Amazon
category is scraped and downloaded too. A mirror is made, updated without fetching anything, and verified. Each command
is shown before its output. The program needs the extra ``cli``.
"""

import argparse
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

ASINS = 400
CATEGORY = "https://www.amazon.com.au/s?rh=n%3A4851693051"
PLACE = ("--domain", "amazon.com.au", "--postcode", "4500")
SANDBOX = ("sandbox", "--port", "0", "--scrape-seconds-per-item", "0.01", "--category-items", "120")


def commands(folder: Path) -> Iterator[Sequence[object]]:
    """What is typed, one after the other."""
    file = folder / "laptops.csv"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(["asin\n", *(f"B0{number:08}\n" for number in range(ASINS))]))
    email = ("--notification-email", "ops@example.com")
    yield "collections", "import", "Laptops", "--csv", file, *PLACE, "--size", 150, *email
    yield "collections", "list"
    yield "runs", "run", "--all", "--dest", folder, "--poll-interval", 0.5, "--yes"
    yield "category", "run", CATEGORY, *PLACE, "--dest", folder, "--poll-interval", 0.5, "--yes"
    yield "sync", folder / "mirror"
    yield "sync", folder / "mirror"
    yield "verify", folder / "mirror"
    yield ("credits",)


def type_command(words: Sequence[object], environment: Mapping[str, str], *, keep: bool = False) -> str:
    """Show a command line, and run it; with *keep*, return its output after it was shown.

    Raises:
        subprocess.CalledProcessError: Its exit status is not 0.
    """
    texts = [str(word) for word in words]
    print(f"\n$ {shlex.join(['multicart', *texts])}", flush=True)
    line, output = [sys.executable, "-m", "multicart_async", *texts], subprocess.PIPE if keep else None
    done = subprocess.run(line, env=environment, stdout=output, text=True, check=True)  # noqa: S603
    print(done.stdout or "", end="", flush=True)
    return done.stdout or ""


@contextmanager
def sandbox() -> Iterator[dict[str, str]]:
    """Serve a sandbox, and give the environment for commands: the sandbox, and no setting and no proxy of yours.

    Raises:
        subprocess.CalledProcessError: It does not serve; it has said why.
    """
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MULTICART_")}
    print(f"$ {shlex.join(['multicart', *SANDBOX])} &", flush=True)
    line = [sys.executable, "-m", "multicart_async", *SANDBOX]
    with subprocess.Popen(line, env=clean, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        try:
            assert process.stdout is not None
            said = ""
            for text in process.stdout:
                said += text
                if "Ctrl-C" in text:  # its last line
                    break
            else:
                raise subprocess.CalledProcessError(process.wait() or 1, line)
            exports = dict(re.findall(r"export (\w+)=(\S+)", said))
            print(*(f"$ export {name}={value}" for name, value in exports.items()), sep="\n", flush=True)
            yield {**clean, **exports, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
        finally:
            process.terminate()


def main(folder: Path) -> None:
    """Type all commands.

    Raises:
        subprocess.CalledProcessError: One has failed, and the others were not typed.
    """
    with sandbox() as environment:
        for words in commands(folder):
            type_command(words, environment)
    print(f"\nThe files are in {folder}: sizes and SHA-256 are in the manifest.json of each folder.")


def start(work: Callable[[Path], None], description: str | None, folder: str) -> None:
    """Do *work* with the folder on the command line, by default *folder*, and end with the status of what failed."""
    line = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    line.add_argument(
        "folder", metavar="FOLDER", nargs="?", type=Path, default=Path(folder), help="where files go (%(default)s)"
    )
    asked = line.parse_args()
    try:
        work(asked.folder)
    except subprocess.CalledProcessError as error:
        sys.exit(error.returncode)  # the command has said why
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    start(main, __doc__, "demo-results")
