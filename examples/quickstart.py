"""Do the main job: make a collection of ASINs, run it, wait for this run, download its files, and read its records.

    python examples/quickstart.py --sandbox B0DJQQ38TG B0ABC12345        # spends nothing, and does not use the network
    MULTICART_API_KEY=... python examples/quickstart.py B0DJQQ38TG B0ABC12345

On the real service it spends one credit for each ASIN, and asks before. Progress is written to standard error. The
collection stays in the account. With --delete, the collection and its results on the service are deleted after the
files were downloaded.
"""

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from multicart_async import AsyncMultiCart, MultiCartError, PollPolicy
from multicart_async.events import Event, FileCompleted, Retrying, RunProgress
from multicart_async.models import Run
from multicart_async.sandbox import Sandbox

POLICY = PollPolicy(poll_interval=2, wait_timeout=3600)


def show(event: Event) -> None:
    """Say on standard error what is going on."""
    match event:
        case RunProgress(waited=waited, status=status, finished=finished):
            print(f"{waited:5.1f} s  run: {'finished' if finished else status or 'not listed yet'}", file=sys.stderr)
        case FileCompleted(name=name, size=size):
            print(f"         {name}: {size:,} bytes", file=sys.stderr)
        case Retrying(path=path, error=error):
            print(f"         {path} once more: {error}", file=sys.stderr)


@asynccontextmanager
async def connect(*, sandbox: bool) -> AsyncIterator[AsyncMultiCart]:
    """Open a client of the service that the environment names, or of a sandbox in this process."""
    async with AsyncExitStack() as stack:
        if sandbox:
            service = await stack.enter_async_context(Sandbox(scrape_seconds_per_item=1))
            yield await stack.enter_async_context(service.client(on_event=show))
        else:
            yield await stack.enter_async_context(AsyncMultiCart(on_event=show))


async def main(
    asins: Sequence[str],
    folder: Path,
    *,
    sandbox: bool = False,
    delete: bool = False,
    confirm: Callable[[str], bool] = lambda _: True,
    policy: PollPolicy = POLICY,
) -> Run | None:
    """Run a new collection of *asins*, and store its files in *folder*; nothing is run unless *confirm* says so."""
    async with connect(sandbox=sandbox) as client:
        laptops = await client.collections.create("Quickstart", notification_email="ops@example.com")
        added = await client.asins.add(laptops.id, asins, domain="amazon.com.au", postcode="4500", policy=policy)
        added.raise_for_errors()
        estimate = await client.runs.estimate([laptops.id])
        if not confirm(f"Spend {estimate.items} of {estimate.spendable} credits?"):
            await client.collections.delete(laptops.id)
            return None

        run = await client.runs.start_and_wait(laptops.id, policy=policy)
        download = await client.runs.download(run, folder)
        async for product in client.runs.records(run):
            print(*(plain(product.get(name)) for name in ("asin", "price", "title")), sep="  ")

        print(f"{estimate.items} credits spent; the files are in {download.directory}", file=sys.stderr)
        if delete:
            await client.collections.delete(laptops.id)
    return run


def plain(value: object) -> str:
    """A value of the service for a terminal: control characters in it are escaped."""
    return repr(str(value))[1:-1]


def ask(question: str) -> bool:
    """Ask on the terminal; everything but yes is no."""
    return input(f"{question} [y/N] ").strip().lower() in {"y", "yes"}


if __name__ == "__main__":
    line = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    line.add_argument("asins", metavar="ASIN", nargs="+", help="a product of amazon.com.au")
    line.add_argument("--dest", type=Path, default=Path("results"), help="where files go (%(default)s)")
    line.add_argument("--sandbox", action="store_true", help="use a sandbox in place of the service")
    line.add_argument("--yes", action="store_true", help="spend the credits without asking")
    line.add_argument("--delete", action="store_true", help="delete the collection at the end")
    asked = line.parse_args()
    certain: Callable[[str], bool] = (lambda _: True) if asked.yes or asked.sandbox else ask
    try:
        done = asyncio.run(main(asked.asins, asked.dest, sandbox=asked.sandbox, delete=asked.delete, confirm=certain))
    except MultiCartError as error:
        sys.exit(str(error))  # one line on standard error, and the exit status 1
    except (EOFError, KeyboardInterrupt):
        sys.exit(130)
    sys.exit(0 if done else "Nothing was spent.")
