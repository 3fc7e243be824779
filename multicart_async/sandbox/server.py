"""`Sandbox`: a service on this computer that behaves as the documentation of MultiCartAPI says."""

from __future__ import annotations

import asyncio
import os
import ssl
import warnings
from collections import Counter, deque
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Self

import attrs
from aiohttp import web

from multicart_async._core.loopback import is_loopback
from multicart_async.errors import MultiCartWarning
from multicart_async.sandbox._state import run_lifecycle, seed
from multicart_async.sandbox._state.options import AuthErrors, ClockKind, FileErrors, Options, RunsOrder
from multicart_async.sandbox._state.run import run_of
from multicart_async.sandbox._state.state import SandboxState, open_world
from multicart_async.sandbox._state.users import NewUser, insert_user, newest_code
from multicart_async.sandbox._web.app import PREFIX, Service
from multicart_async.sandbox._web.hosts import local_host, served_names
from multicart_async.sandbox._web.responses import hang_up
from multicart_async.sandbox.faults import Faults
from multicart_async.sandbox.recording import RecordedRequest, Recording

if TYPE_CHECKING:
    from multicart_async.client import AsyncMultiCart
    from multicart_async.config import Limits, RetryPolicy, Timeouts
    from multicart_async.events import Event

__all__ = ["Credits", "Sandbox"]

_PATIENCE = 2.0  # seconds that handlers have for an orderly end, once their connections are cut


@attrs.frozen
class Credits:
    """Credits of a user, as the service counts them."""

    available: int
    used: int
    frozen: int

    @property
    def spendable(self) -> int:
        """``available - (used + frozen)``: what a run may cost."""
        return self.available - (self.used + self.frozen)


async def _stop(runner: web.AppRunner, world: SandboxState) -> None:
    await runner.cleanup()
    await asyncio.sleep(0)  # closed connections say goodbye one turn of the loop later
    world.db.close()


def _warn_if_public(runner: web.AppRunner, stacklevel: int) -> None:
    for host, port in (address[:2] for address in runner.addresses):
        if not is_loopback(host):
            warnings.warn(
                f"the sandbox listens on {host}, port {port}, where other computers reach it: its API key is no "
                "secret, so they can read and change all that is in it. Bind it to 127.0.0.1 unless that is intended",
                MultiCartWarning,
                stacklevel=stacklevel,
            )
            return


class Sandbox:
    """A running copy of the service, with its warts, for tests, demos and benchmarks.

    ``async with Sandbox() as sandbox`` gives ``sandbox.url``, ``sandbox.api_key`` and ``sandbox.client()``. It listens
    on this computer only, and everything in it is gone when it ends, unless ``database`` names a file.

    There is a user (id 42, Alice Smith; ops@example.com logs in with "S3cur3p@ss"), the domains 1 amazon.com.au,
    2 amazon.com and 3 officeworks.com.au, the active postcode "4500" on domain 1, row id 15, Officeworks stores with
    the documented W411 among them, the two documented plans, and an invoice, id 1. Nothing is mailed: the codes of
    registration are told by `registration_code`. Where the documentation shows no answer, the sandbox gives the
    plainest one in line with the rest.

    Args:
        host: Address to listen on. One that other computers reach is a `MultiCartWarning`: the key is no secret.
        port: Port to listen on; 0 takes a free one.
        allowed_hosts: Further host names that it answers to, without port, such as that of a container. It always
            answers to its own address, localhost, the host of ``links_base`` and, where other computers reach it, the
            name of this one. Any other ``Host`` is code 403, so that no web page reaches it by DNS rebinding.
        database: A file that keeps the state, so that a sandbox can be stopped and started again. Only its owner
            can read it and the files that SQLite keeps beside it (mode 0600).
        ssl_context: Serve https.
        links_base: What ``download_links`` begin with, instead of the base URL that was asked.
        seed: The same seed, collection and run give result files with the same bytes.
        clock: ``"manual"`` stands still until `advance` is called.
        instant: Runs are finished when somebody looks, without any delay (unless ``row_delay`` is given).
        scrape_seconds_per_item: How long a run takes.
        row_delay: Seconds from the start of a run until its row appears; 0.2 unless ``instant``.
        items_per_page: Items in one page file.
        records_per_item: Records that one item yields.
        record_bytes: Size of a record in a file; below 600 it has little in it, and no record is smaller than 150.
        category_items: Products that a category scrape finds.
        category_items_per_page: Products on one page of a category.
        zipcode_seconds: How long a new postcode of a scraping domain is ``in-progress``; 5 unless ``instant``.
        credits: ``available_credits`` of each user but those who register: they get 500, as documented.
        runs_order: Order of run history, which the service does not promise.
        auth_errors: A bad credential: code 401 under HTTP 200 (``"envelope"``) or HTTP 401 (``"http"``); undocumented.
        file_errors: 403 and 404 of a file as HTTP status (``"http"``) or under HTTP 200 (``"envelope"``); undocumented.
        ranges: Honour Range and send ETag; a plain Django file answer does not.
        stage_after_cancel: ``stage`` of a cancelled category scrape, which is not documented.

    Raises:
        ArgumentError: An argument cannot be right; the error names it.
    """

    api_key: str = seed.API_KEY
    token: str = seed.TOKEN

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        allowed_hosts: Iterable[str] = (),
        database: str | os.PathLike[str] | None = None,
        ssl_context: ssl.SSLContext | None = None,
        links_base: str | None = None,
        seed: int = 0,
        clock: ClockKind = "real",
        instant: bool = False,
        scrape_seconds_per_item: float = 0.05,
        row_delay: float | None = None,
        items_per_page: int = 100,
        records_per_item: int = 1,
        record_bytes: int = 1024,
        category_items: int = 48,
        category_items_per_page: int = 16,
        zipcode_seconds: float | None = None,
        credits: int = 100_000,  # noqa: A002 - the service's noun
        runs_order: RunsOrder = "newest",
        auth_errors: AuthErrors = "envelope",
        file_errors: FileErrors = "http",
        ranges: bool = False,
        stage_after_cancel: str = "failed",
    ) -> None:
        self._options = Options(
            host=host,
            port=port,
            allowed_hosts=allowed_hosts,
            database=database,
            ssl_context=ssl_context,
            links_base=links_base,
            seed=seed,
            clock=clock,
            instant=instant,
            scrape_seconds_per_item=scrape_seconds_per_item,
            row_delay=row_delay,
            items_per_page=items_per_page,
            records_per_item=records_per_item,
            record_bytes=record_bytes,
            category_items=category_items,
            category_items_per_page=category_items_per_page,
            zipcode_seconds=zipcode_seconds,
            credits=credits,
            runs_order=runs_order,
            auth_errors=auth_errors,
            file_errors=file_errors,
            ranges=ranges,
            stage_after_cancel=stage_after_cancel,
        )
        self.faults = Faults()
        self.recording = Recording()
        self._running: tuple[Service, web.AppRunner] | None = None
        self._address = (host, port)

    async def __aenter__(self) -> Self:
        await self._start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def start(self) -> None:
        """Open the database and the port; ``async with`` does it for you."""
        await self._start()

    async def _start(self) -> None:
        if self._running is not None:
            raise RuntimeError("this sandbox is running already")
        options = self._options
        hosts = served_names(options.host, options.links_base, options.allowed_hosts)
        world = open_world(options)
        service = Service(world, self.faults, self.recording, hosts)
        runner = web.AppRunner(service.application(), access_log=None, shutdown_timeout=_PATIENCE)
        try:
            seed.seed_defaults(world)
            await runner.setup()
            await web.TCPSite(runner, options.host, options.port, ssl_context=options.ssl_context).start()
            _warn_if_public(runner, stacklevel=4)  # of who called start(), or entered `async with`
        except BaseException:
            await _stop(runner, world)
            raise
        self._running = service, runner
        self._address = runner.addresses[0][:2]

    async def aclose(self) -> None:
        """Cut all connections, stalled ones too, and forget everything. May be called twice."""
        if self._running is None:
            return
        (service, runner), self._running = self._running, None
        service.closing.set()
        for request in tuple(service.under_way):
            hang_up(request, reset=True)  # a client that reads nothing would hold an orderly end up
        await _stop(runner, service.world)

    @property
    def _world(self) -> SandboxState:
        if self._running is None:
            raise RuntimeError("this sandbox is not running; use it inside of `async with`")
        world = self._running[0].world
        run_lifecycle.apply_due_changes(world)
        return world

    @property
    def url(self) -> str:
        """The base URL for this computer, such as ``http://127.0.0.1:49152/api/v1``."""
        scheme = "https" if self._options.ssl_context else "http"
        host, port = local_host(self._address[0]), self._address[1]
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}{PREFIX}"

    def client(
        self,
        *,
        timeouts: Timeouts | None = None,
        retry: RetryPolicy | None = None,
        limits: Limits | None = None,
        ssl_context: ssl.SSLContext | None = None,
        on_event: Callable[[Event], None] | None = None,
    ) -> AsyncMultiCart:
        """A client of this sandbox; use it with ``async with``. What is not given is the client's default."""
        from multicart_async import client, config  # noqa: PLC0415 - the sandbox runs without the client

        return client.AsyncMultiCart(
            self.api_key,
            base_url=self.url,
            allow_http=True,  # its key is no secret, and it may listen on an address that others reach
            timeouts=timeouts or config.Timeouts(),
            retry=retry or config.RetryPolicy(),
            limits=limits or config.Limits(),
            ssl_context=ssl_context,
            on_event=on_event,
        )

    @property
    def requests(self) -> deque[RecordedRequest]:
        """The last 10,000 requests, or fewer where they would take more than 16 MiB of memory together."""
        return self.recording.requests

    @property
    def counts(self) -> Counter[str]:
        """Requests per documented path."""
        return self.recording.counts

    @property
    def ignored_fields(self) -> list[tuple[str, str]]:
        """Path and name of each field that arrived and that no documentation names; the service drops such silently."""
        return self.recording.ignored_fields

    def advance(self, seconds: float) -> None:
        """Move a manual clock on; what is due until then has happened afterwards."""
        world = self._world
        world.advance(seconds)
        run_lifecycle.apply_due_changes(world)

    def now(self) -> float:
        """The sandbox's time, in seconds since 1970."""
        return self._world.now()

    def start_run(self, collection_id: int) -> int:
        """Start a run, as a schedule or another program would, and give its id.

        Raises:
            RuntimeError: The service would refuse it: no such collection, no items, not enough credits.
        """
        world = self._world
        row = world.row("SELECT * FROM collections WHERE id = ?", collection_id)
        if row is None:
            raise RuntimeError(f"no collection {collection_id} in this sandbox")
        run = run_lifecycle.start_product(world, row)
        world.db.commit()
        return run.id

    def fail_next_run(self, collection_id: int | None, message: str = "Scraping failed") -> None:
        """Let the next run of a collection fail after half of its items; of any collection with ``None``."""
        self._world.script(collection_id).failure = message

    def lose_items_of_next_run(self, collection_id: int | None, items: int) -> None:
        """Let so many items of the next run yield nothing: ``total_exacted_result`` below ``total_results``."""
        self._world.script(collection_id).lost_items = items

    def fail_runs(self, collection_id: int, message: str = "Scraping failed") -> int:
        """Let what runs in a collection fail now; how many runs that were."""
        world = self._world
        rows = world.rows("SELECT * FROM runs WHERE collection = ? AND state = 'running'", collection_id)
        for row in rows:
            run_lifecycle.fail(world, run_of(row), message)
        world.db.commit()
        return len(rows)

    def add_collections(
        self,
        count: int,
        *,
        runs: int = 1,
        items: int = 10,
        name: str = "Collection",
        user_id: int = seed.DEFAULT_USER_ID,
    ) -> range:
        """Ids of new collections with finished runs, thousands in a second; each is called ``name`` and its id."""
        return seed.add_collections(self._world, count, runs, items, name, user_id)

    def add_user(
        self,
        name: str,
        *,
        api_key: str,
        token: str = "",
        email: str = "someone@example.com",
        password: str | None = None,
    ) -> int:
        """The id of another user, whose key is accepted from now on; without a password they cannot log in."""
        world = self._world
        user = NewUser(
            name=name,
            email=email,
            api_key=api_key,
            token=token or f"token-of-{api_key}",
            password=password,
            available=world.options.credits,
            created=world.now(),
            updated=world.now(),
        )
        number = insert_user(world, user)
        world.db.commit()
        return number

    def add_invoice(self, *, user_id: int = seed.DEFAULT_USER_ID) -> int:
        """The id of another invoice of a user."""
        return seed.add_invoice(self._world, user_id)

    def registration_code(self, email: str) -> int:
        """The code that was last "mailed" to an address, be it still valid or not.

        Raises:
            LookupError: None was sent, or it was used.
        """
        found = newest_code(self._world, email)
        if found is None:
            raise LookupError("no code was sent to this address")
        return found[0]

    def add_zipcode(
        self,
        zipcode: str,
        *,
        domain: str = "amazon.com.au",
        status: str = "active",
        user_id: int = seed.DEFAULT_USER_ID,
    ) -> int:
        """The row id of another postcode of a user.

        Raises:
            LookupError: No such domain.
        """
        return seed.add_zipcode(self._world, zipcode, domain, status, user_id)

    def fail_next_zipcode(self, status: Literal["failed", "inactive"] = "failed") -> None:
        """Let the next postcode that is created and needs a cookie end so, instead of ``active``."""
        self._world.next_zipcode = status

    def set_zipcode_status(self, zipcode_id: int, status: str) -> None:
        """Give a postcode a status for good; a documented one, or one that the service may come to have.

        Raises:
            LookupError: No such row.
        """
        seed.set_zipcode_status(self._world, zipcode_id, status)

    def set_credits(self, available: int, *, user_id: int = seed.DEFAULT_USER_ID) -> None:
        """Set what was granted to a user; used and frozen credits stay as they are."""
        world = self._world
        world.db.execute("UPDATE users SET available = ? WHERE id = ?", (available, user_id))
        world.db.commit()

    def credits(self, *, user_id: int = seed.DEFAULT_USER_ID) -> Credits:
        """Credits of a user at this moment: what is scraped of running runs counts as used."""
        return Credits(*run_lifecycle.credits_of(self._world, user_id))
