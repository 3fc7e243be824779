"""The class `Sandbox`: a service on this computer that behaves as the documentation of MultiCartAPI says."""

from __future__ import annotations

import os
import ssl
import warnings
from collections import Counter, deque
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Self

import attrs

from multicart_async._core.loopback import is_loopback
from multicart_async._core.short_repr import short_repr
from multicart_async.errors import MultiCartWarning
from multicart_async.sandbox._content.records import RecordKind
from multicart_async.sandbox._state import run_lifecycle, seed
from multicart_async.sandbox._state.options import AuthErrors, ClockKind, FileErrors, Options, RunsOrder
from multicart_async.sandbox._state.state import SandboxState, open_state
from multicart_async.sandbox._state.users import NewUser, insert_user, newest_code
from multicart_async.sandbox._web.app import PREFIX, Service
from multicart_async.sandbox._web.hosts import local_host, served_names
from multicart_async.sandbox._web.listener import Listener
from multicart_async.sandbox._web.responses import disconnect
from multicart_async.sandbox.faults import Faults
from multicart_async.sandbox.recording import RecordedRequest, Recording

if TYPE_CHECKING:
    from multicart_async.client import AsyncMultiCart
    from multicart_async.config import Limits, RetryPolicy, Timeouts
    from multicart_async.events import Event

__all__ = ["Credits", "Sandbox"]


@attrs.frozen
class Credits:
    """Credits of a user, as the service counts them."""

    available: int
    used: int
    frozen: int

    @property
    def spendable(self) -> int:
        """The credits that a run may cost: ``available - (used + frozen)``."""
        return self.available - (self.used + self.frozen)


def _warn_if_public(listener: Listener, stacklevel: int) -> None:
    for host, port in listener.addresses:
        if not is_loopback(host):
            warnings.warn(
                f"the sandbox listens on {host}, port {port}, where other computers can reach it: its API key is no "
                "secret, so they can read and change its state. Set host to 127.0.0.1 unless that is intended",
                MultiCartWarning,
                stacklevel=stacklevel,
            )
            return


class Sandbox:
    """A local copy of the service, including its irregularities, for tests, demos and benchmarks.

    ``async with Sandbox() as sandbox`` provides ``sandbox.url``, ``sandbox.api_key`` and ``sandbox.client()``. It listens
    on this computer only, and its state is lost when it closes, unless ``database`` names a file.

    It starts with a user (id 42, Alice Smith, who logs in as ops@example.com with "S3cur3p@ss"), the domains
    1 amazon.com.au, 2 amazon.com and 3 officeworks.com.au, the active postcode "4500" on domain 1 (id 15), Officeworks
    stores including the documented W411, the two documented plans, and the invoice 1. Nothing is mailed;
    `registration_code` returns the codes of registration. Where the documentation shows no response, the sandbox gives
    the simplest one that fits the rest.

    Args:
        host: Address to listen on. If other computers can reach it, a `MultiCartWarning` is issued: the key is no secret.
        port: Port to listen on; 0 selects a free one.
        allowed_hosts: Further host names to accept, without port, such as that of a container. Always accepted are the
            sandbox's own address, localhost, the host of ``links_base`` and, if other computers can reach it, the name
            of this one. Any other ``Host`` gets code 403, which prevents access from web pages by DNS rebinding.
        database: A file that keeps the state, so that a sandbox can be stopped and started again. Only its owner
            can read it and the files that SQLite keeps beside it (mode 0600).
        ssl_context: Serve https.
        links_base: The start of ``download_links``, instead of the base URL of the request.
        seed: The same seed, collection and run give files with the same bytes; the same seed and item, the same product.
        clock: With ``"manual"``, time stands still until `advance` is called.
        instant: Runs are finished at the first poll, without any delay (unless ``row_delay`` is given).
        scrape_seconds_per_item: Seconds that a run takes for each item.
        row_delay: Seconds from the start of a run until it is listed; 0.2 unless ``instant``.
        items_per_page: Items in one page file.
        records_per_item: Records in a result file for each item.
        record_bytes: Size of a record in a file. A smaller one has fewer fields, a larger one longer lists, and none is
            smaller than 160.
        records: The fields that the service does not document, all made up: ``"products"`` has about 100 of them, with
            nested lists and some text beyond ASCII, ``"text"`` one long text.
        category_items: Products that a category scrape finds.
        category_items_per_page: Products on one page of a category.
        zipcode_seconds: Seconds that a new postcode of a scraping domain is ``in-progress``; 5 unless ``instant``.
        credits: ``available_credits`` of each user, except for those who register: they get 500, as documented.
        runs_order: Order of run history, which the service does not guarantee.
        auth_errors: A bad credential: code 401 under HTTP 200 (``"envelope"``) or HTTP 401 (``"http"``); undocumented.
        file_errors: 403 and 404 of a file as HTTP status (``"http"``) or under HTTP 200 (``"envelope"``); undocumented.
        ranges: Support Range requests and send ETag; a plain Django file response does not.
        stage_after_cancel: ``stage`` of a cancelled category scrape, which is not documented.

    Raises:
        ArgumentError: An argument is invalid; the error names it.
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
        record_bytes: int = 5000,
        records: RecordKind = "products",
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
            records=records,
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
        self._running: tuple[Service, Listener] | None = None
        self._address = (host, port)

    async def __aenter__(self) -> Self:
        await self._start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def start(self) -> None:
        """Open the database and the port; ``async with`` does both."""
        await self._start()

    async def _start(self) -> None:
        if self._running is not None:
            raise RuntimeError("this sandbox is already running; call aclose() before starting it again")
        options = self._options
        hosts = served_names(options.host, options.links_base, options.allowed_hosts)
        state = open_state(options)
        service = Service(state, self.faults, self.recording, hosts)
        listener = Listener(service.application())
        try:
            seed.seed_defaults(state)
            await listener.open(options.host, options.port, options.ssl_context)
            _warn_if_public(listener, stacklevel=4)  # of the caller of start(), or of `async with`
        except BaseException:
            await listener.aclose()
            state.db.close()
            raise
        self._running = service, listener
        self._address = listener.addresses[0]

    async def aclose(self) -> None:
        """Close all connections, stalled ones too, and discard the state; a second call has no effect."""
        if self._running is None:
            return
        (service, listener), self._running = self._running, None
        service.closing.set()
        for request in tuple(service.active_requests):
            disconnect(request, reset=True)  # an orderly close would wait for a client that does not read
        await listener.aclose()
        service.state.db.close()

    @property
    def _state(self) -> SandboxState:
        if self._running is None:
            raise RuntimeError("this sandbox is not running; use it inside `async with`, or call start()")
        state = self._running[0].state
        run_lifecycle.apply_due_changes(state)
        return state

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
        """Return a client of this sandbox, for ``async with``; what is not given is the client's default."""
        from multicart_async import client, config  # noqa: PLC0415 - the sandbox runs without the client

        return client.AsyncMultiCart(
            self.api_key,
            base_url=self.url,
            allow_http=True,  # its key is no secret, and it may listen on a public address
            timeouts=timeouts or config.Timeouts(),
            retry=retry or config.RetryPolicy(),
            limits=limits or config.Limits(),
            ssl_context=ssl_context,
            on_event=on_event,
        )

    @property
    def requests(self) -> deque[RecordedRequest]:
        """The last 10,000 requests, or fewer if they would take more than 16 MiB of memory together."""
        return self.recording.requests

    @property
    def counts(self) -> Counter[str]:
        """The number of requests for each documented path."""
        return self.recording.counts

    @property
    def ignored_fields(self) -> list[tuple[str, str]]:
        """The path and name of each undocumented field that arrived; the service ignores such fields silently."""
        return self.recording.ignored_fields

    def advance(self, seconds: float) -> None:
        """Move a manual clock forward by *seconds* and apply all changes that are due by then."""
        state = self._state
        state.advance(seconds)
        run_lifecycle.apply_due_changes(state)

    def now(self) -> float:
        """Return the sandbox's time, in seconds since 1970."""
        return self._state.now()

    def start_run(self, collection_id: int) -> int:
        """Start a run, as a schedule or another program would, and return its id.

        Raises:
            RuntimeError: The service would reject it: no such collection, no items, or not enough credits.
        """
        return run_lifecycle.start_by_id(self._state, collection_id)

    def fail_next_run(self, collection_id: int | None, message: str = "Scraping failed") -> None:
        """Make the next run of a collection, or of any collection with None, fail after half of its items."""
        self._state.script(collection_id).failure = message

    def lose_items_of_next_run(self, collection_id: int | None, items: int) -> None:
        """Make the next run of a collection, or of any collection with None, find nothing for *items* items.

        Its ``total_exacted_result`` is then below its ``total_results``.
        """
        self._state.script(collection_id).lost_items = items

    def fail_runs(self, collection_id: int, message: str = "Scraping failed") -> int:
        """Make all active runs of a collection fail now, and return how many they are."""
        return run_lifecycle.fail_all(self._state, collection_id, message)

    def add_collections(
        self,
        count: int,
        *,
        runs: int = 1,
        items: int = 10,
        name: str = "Collection",
        user_id: int = seed.DEFAULT_USER_ID,
    ) -> range:
        """Add collections with finished runs, thousands per second; return their ids. Each is named ``{name} {id}``."""
        return seed.add_collections(self._state, count, runs, items, name, user_id)

    def add_user(
        self,
        name: str,
        *,
        api_key: str,
        token: str = "",
        email: str = "someone@example.com",
        password: str | None = None,
    ) -> int:
        """Add a user whose key is accepted, and return their id; without a password they cannot log in."""
        state = self._state
        user = NewUser(
            name=name,
            email=email,
            api_key=api_key,
            token=token or f"token-of-{api_key}",
            password=password,
            available=state.options.credits,
            created=state.now(),
            updated=state.now(),
        )
        number = insert_user(state, user)
        state.db.commit()
        return number

    def add_invoice(self, *, user_id: int = seed.DEFAULT_USER_ID) -> int:
        """Add an invoice of a user and return its id."""
        return seed.add_invoice(self._state, user_id)

    def registration_code(self, email: str) -> int:
        """Return the code that was last "mailed" to an address, even if it is no longer valid.

        Raises:
            LookupError: No code was sent, or it was used.
        """
        found = newest_code(self._state, email)
        if found is None:
            raise LookupError(
                f"email: expected an address with an unused code, got {short_repr(email)}; request a code first"
            )
        return found[0]

    def add_zipcode(
        self,
        zipcode: str,
        *,
        domain: str = "amazon.com.au",
        status: str = "active",
        user_id: int = seed.DEFAULT_USER_ID,
    ) -> int:
        """Add a postcode of a user and return its id.

        Raises:
            LookupError: The domain does not exist.
        """
        return seed.add_zipcode(self._state, zipcode, domain, status, user_id)

    def fail_next_zipcode(self, status: Literal["failed", "inactive"] = "failed") -> None:
        """Make the next new postcode that needs a cookie end in *status* instead of ``active``."""
        self._state.next_zipcode = status

    def set_zipcode_status(self, zipcode_id: int, status: str) -> None:
        """Set the status of a postcode permanently, also to one that is not documented.

        Raises:
            LookupError: The postcode does not exist.
        """
        seed.set_zipcode_status(self._state, zipcode_id, status)

    def set_credits(self, available: int, *, user_id: int = seed.DEFAULT_USER_ID) -> None:
        """Set the credits granted to a user; used and frozen credits stay as they are."""
        state = self._state
        state.db.execute("UPDATE users SET available = ? WHERE id = ?", (available, user_id))
        state.db.commit()

    def credits(self, *, user_id: int = seed.DEFAULT_USER_ID) -> Credits:
        """Return the current credits of a user; items that running runs have scraped count as used."""
        return Credits(*run_lifecycle.credits_of(self._state, user_id))
