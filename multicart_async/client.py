"""``AsyncMultiCart``: opens or borrows a session, composes the resources, and closes what it opened."""

from __future__ import annotations

import os
import re
import ssl
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, Self

import aiohttp
import anyio
import attrs

from multicart_async._core.clock import Clock
from multicart_async._core.credentials import Given, resolve
from multicart_async._core.extra_headers import ExtraHeaders
from multicart_async._core.failures import Listener
from multicart_async._core.lifetime import ClientLifetime
from multicart_async._core.redaction import redact
from multicart_async._core.validation import check_bool, check_choice, check_listener, wrong_argument
from multicart_async._http import SOCKS_ADVICE, AiohttpTransport, ByteStream, NetworkOptions, Proxy, seal_proxy
from multicart_async._http.caller import ApiCaller
from multicart_async._http.endpoint import ANYTHING, Endpoint
from multicart_async._http.retries import Retrier, ignore_event
from multicart_async.config import Limits, RetryPolicy, Timeouts
from multicart_async.errors import ArgumentError
from multicart_async.resources._base import ClientContext
from multicart_async.resources._groups import Groups

if TYPE_CHECKING:  # imported where they are used: a mirror and downloads are not for every program
    from multicart_async._downloads.context import DownloadContext
    from multicart_async._downloads.manager import DownloadManager
    from multicart_async._downloads.plan import Files
    from multicart_async._http import Transport
    from multicart_async.events import Emit, Event
    from multicart_async.models import SyncReport, VerifyReport
    from multicart_async.sinks import ListableSink, Sink

__all__ = ["AsyncMultiCart"]

_PATH = re.compile(r"/(?!/)[!\"$->@-\[\]-~]*\Z")  # sent unchanged: visible ASCII, no query, no other host
RequestSafety = Literal["safe", "idempotent", "unsafe"]


class AsyncMultiCart(Groups):
    """A client of MultiCartAPI. Use it as ``async with AsyncMultiCart() as client:``, one for the whole program.

    Connections are opened at the first call. A client belongs to the event loop and process of its first call:
    elsewhere it raises ``RuntimeError``. See docs/client.md.

    Args:
        api_key: The key, else ``MULTICART_API_KEY``. It is sent only to the origin of *base_url*.
        token: A session token instead of the key: the ``token`` of `Account.login`, else ``MULTICART_TOKEN``.
        api_key_file: A file that contains the key, if neither is given as an argument. Other users must not be able to
            read or change it; its group may read it.
        api_key_command: The same for a program that prints the key: a command line, or a sequence of words; no shell is
            involved. It is run once, in the constructor, which blocks for at most 60 seconds. So create the client
            before an event loop runs.
        base_url: The base URL of the service, else ``MULTICART_BASE_URL``, else the live service.
        allow_http: Whether the credential, or a password, may be sent over plain http to another machine.
        timeouts: How long the network may take, in seconds.
        retry: How often, and after which pauses, repeatable operations are retried.
        limits: How many calls and files run at once, and how large a response may be.
        proxy: URL of a proxy for all requests, ``http://`` or ``https://``.
        trust_env: Whether to take the proxy from the environment. Nothing else is read from it, not even ``.netrc``.
        ssl_context: Which certificates are trusted, if not those of the system.
        session: A session of your own for all requests. It is never closed by the client, and its connector settings
            are your responsibility.
        trace_configs: aiohttp trace configurations for the sessions that the client creates. They see the credential.
        on_event: Called with each event, on the event loop: see `multicart_async.events`. It must be a plain function:
            a coroutine function would never run.
        headers: Extra headers for each request, calls and files alike; like the key they are sent only to the origin of
            *base_url*. Headers that the client sets itself are rejected.
        user_agent: Appended to the User-Agent, such as ``"my-app/1.2"``.

    Attributes:
        account: Log in, register, and read profile, key and credits.
        asins: Add, list, change and delete the ASINs of a collection.
        billing: List plans, and download invoices.
        catalogue: Browse the products of Officeworks.
        categories: Scrape entire Amazon categories.
        collections: Create, list, change and delete collections.
        outputs: Read the output that the service stores for each ASIN.
        runs: Start runs, wait for them, and download or read their results.
        settings: List the domains and the Officeworks stores.
        skus: Add Officeworks SKUs to a collection.
        zipcodes: Create postcodes, and wait until they are active.

    Raises:
        ConfigurationError: Both key and token are given, a credential is malformed, the file or command gives none, the
            base URL is not absolute http(s) or must not receive a key, or a proxy in the environment cannot be used.
        ArgumentError: (a `ConfigurationError`) Another argument is invalid.
    """

    def __init__(
        self,
        api_key: str | None = None,
        *,
        token: str | None = None,
        api_key_file: str | os.PathLike[str] | None = None,
        api_key_command: str | Sequence[str] | None = None,
        base_url: str | None = None,
        allow_http: bool = False,
        timeouts: Timeouts = Timeouts(),
        retry: RetryPolicy = RetryPolicy(),
        limits: Limits = Limits(),
        proxy: str | None = None,
        trust_env: bool = False,
        ssl_context: ssl.SSLContext | None = None,
        session: aiohttp.ClientSession | None = None,
        trace_configs: Sequence[aiohttp.TraceConfig] = (),
        on_event: Callable[[Event], None] | None = None,
        headers: Mapping[str, str] = {},
        user_agent: str | None = None,
    ) -> None:
        given, way = Given(api_key, token, api_key_file, api_key_command), seal_proxy(proxy)
        extra = ExtraHeaders(headers, user_agent)
        del api_key, token, api_key_command, headers, proxy  # a traceback with local variables must not find them
        self._lifetime = lifetime = ClientLifetime()
        self._settings = attrs.evolve(resolve(given, base_url, allow_http=allow_http), extra=extra.checked())
        _check_kinds(timeouts=(timeouts, Timeouts), retry=(retry, RetryPolicy), limits=(limits, Limits))
        _check_proxy(way)
        emit = Listener(_checked_listener(on_event))
        self._has_listener = on_event is not None
        network = NetworkOptions(
            proxy=way, trust_env=trust_env, ssl_context=ssl_context, session=session, trace_configs=trace_configs
        )
        self._transport = AiohttpTransport(
            self._settings, timeouts=timeouts, limits=limits, network=network, lifetime=lifetime
        )
        retrier = Retrier(retry, emit=emit, lifetime=lifetime, requests_per_second=limits.requests_per_second)
        redactor, exposed = self._transport.redactor, self._settings.exposed
        sending = self._bounded(self._transport)
        self._api = ApiCaller(
            sending, retrier=retrier, limits=limits, lifetime=lifetime, exposed=exposed, redactor=redactor
        )
        self._downloads = downloads = _Downloads(self._api, retrier, limits, emit, self._settings.base_url)
        self._context = ClientContext(
            api=self._api,
            downloads=downloads.manager,
            limits=limits,
            lifetime=lifetime,
            clock=Clock(sleep=lifetime.sleep),
            emit=emit,
        )

    def _bounded(self, transport: Transport) -> Transport:
        """Return what requests go through. Each request of a cluster's client waits there for its lease."""
        return transport

    def __repr__(self) -> str:
        if not hasattr(self, "_settings"):  # a traceback with local variables shows incomplete objects
            return "<AsyncMultiCart, not initialized>"
        state = ", closed" if self._lifetime.closed else ""
        return f"<AsyncMultiCart {self._settings.base_url} {self._settings.credential or 'no credential'!r}{state}>"

    async def __aenter__(self) -> Self:
        self._lifetime.ensure_open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """End in-flight operations with `ClientClosedError`, wait until they have ended, and close the connections.

        Calling it again has no effect.
        """
        try:
            await self._lifetime.shutdown()
        finally:  # also when a cancellation leaves the ``async with`` block
            with anyio.CancelScope(shield=True):
                await self._transport.aclose()

    async def request(self, path: str, fields: Mapping[str, object] = {}, *, safety: RequestSafety = "unsafe") -> Any:
        """Make a call that has no method: POST *fields* as JSON to *path* below the base URL, and return its ``data``.

        Use it where the service has a new endpoint. Credential, retries and errors are those of all calls; *safety*
        says what may be done when the response is lost: ``"safe"`` and ``"idempotent"`` are retried; ``"unsafe"`` only if
        it certainly had no effect: no byte was sent, or code 429. The values of *fields* may be secrets: tracebacks show
        dots, and so does an error of the service that repeats a value of at least 3 characters.

        Raises:
            APIError: The service rejected the call.
            ArgumentError: *path* does not begin with exactly one slash or contains an invalid character, or *fields* is
                not a mapping or cannot be encoded as JSON.
        """
        fields = redact(fields)
        _check_path(path)
        _check_fields(fields)
        check_choice("safety", safety, RequestSafety)
        return await self._api.call(Endpoint(path, ANYTHING, safety=safety), fields)

    def stream(self, url: str) -> AbstractAsyncContextManager[ByteStream]:
        """Stream the raw bytes of a result file as they arrive.

        Use it as ``async with client.stream(url) as stream: async for piece in stream``.

        *url* is a link from ``download_links``, spaces included. It is checked like every download: a body that is
        incomplete, or is not the file, raises during iteration, at the latest at the end. So do not trust the bytes
        before the end. Nothing is retried.

        Raises:
            UnreachableResultError: The link has another origin or does not point to a result.
            DownloadError: (during iteration) The transfer was interrupted, stalled, or delivered something else.
            APIError: The service rejected the request.
        """
        from multicart_async._downloads.stream import checked_stream  # noqa: PLC0415

        return checked_stream(self._downloads.context, url, self._settings.base_url)

    async def sync(
        self,
        dest: str | os.PathLike[str] | Sink,
        *,
        collections: Iterable[int] | AsyncIterable[int] | None = None,
        runs: Literal["latest", "all"] = "latest",
        files: Files = "pages",
        check: Literal["changed", "all"] = "changed",
        dry_run: bool = False,
        overwrite: bool = False,
        shard: tuple[int, int] | None = None,
        count_records: bool = False,
        strict: bool = False,
        prune: bool = False,
        keep: int | None = None,
        follow: bool = False,
    ) -> SyncReport:
        """Mirror finished runs into ``<dest>/<collection>/<run>/``, fetching only what is missing.

        The collections are all that are listed (drafts are not), or *collections*: ids, pulled as needed.
        ``runs="latest"`` takes the newest finished run of each. ``check="changed"`` lists the runs only of collections
        that have changed since the last sync; it has no effect with ``runs="all"``, *overwrite* or *count_records*. A
        run that is complete according to its manifest and the sizes of its files needs no file request; `verify` reads
        the files. ``dry_run`` only counts. ``shard=(i, n)``, 0 <= i < n, takes the collections assigned to worker *i* of
        *n*. *count_records* and *strict* are those of ``runs.download``. A category scrape gets its CSV too.

        ``report.gone`` names collections and runs of the mirror that the service no longer has. *prune* deletes them
        after everything else has succeeded: never with *collections*, after a failure or an empty list, nor if more
        than half of the mirror's collections are gone. *keep* retains that many of the newest runs of each collection
        in the mirror, if those are complete, and deletes older ones last; with ``runs="all"`` older ones are not even
        fetched. ``report.removed`` names the folders that were deleted, or with *dry_run* would be. Files of other
        programs are kept. See docs/mirror.md.

        *follow* keeps the mirror up to date until the call is cancelled: one pass after another, 5 seconds apart after one
        that has fetched something, up to 60 while nothing changes, and every tenth with ``check="all"``. A `SyncCompleted`
        event has the report of each. A list of collections that fails for a transient reason does not end it. A full
        disk or a rejected key does: then the report of the last pass is returned.

        One failure does not stop the rest: check ``report.ok``, or call ``report.raise_for_failures()``. A rejected
        key, a full disk, or a service or store that has been unreachable for half a minute stops the remaining work
        (``report.stopped``). Several processes may mirror into one folder.

        Raises:
            ArgumentError: An argument is invalid, or *dest* cannot be listed, which *prune* and *keep* require.
            DiskError: *dest* cannot be written to.
            APIError: The collections could not be listed.
        """
        from multicart_async._sync.engine import Synchronizer  # noqa: PLC0415
        from multicart_async._sync.following import check_follow, follow_mirror, mirror_once  # noqa: PLC0415
        from multicart_async._sync.options import SyncOptions  # noqa: PLC0415

        options = SyncOptions(
            runs=runs,
            files=files,
            check=check,
            dry_run=dry_run,
            overwrite=overwrite,
            shard=shard,
            count_records=count_records,
            strict=strict,
            prune=prune,
            keep=keep,
        )
        check_follow(follow, options)
        with self._lifetime.track():  # *collections* may be endless
            sink = await self._context.downloads.sink(dest)

            def run(
                options: SyncOptions, collections: Iterable[int] | AsyncIterable[int] | None
            ) -> Awaitable[SyncReport]:
                mirror = Synchronizer(
                    options,
                    sink,
                    collections=self.collections,
                    runs=self.runs,
                    downloads=self._context.downloads,
                    listers=max(1, self._context.limits.requests // 2),  # leaves room for polls and other calls
                    fetchers=self._context.limits.downloads,
                    emit=self._context.emit if self._has_listener else None,
                )
                return mirror.run(collections)

            if follow:
                return await follow_mirror(run, options, collections, self._context)
            return await mirror_once(run, options, collections, self._context.emit)

    async def verify(self, dest: str | os.PathLike[str] | ListableSink, *, repair: bool = False) -> VerifyReport:
        """Read every file of a mirror again and compare its size and SHA-256 with its manifest; offline.

        The report names every file that is missing, changed, surplus or unreadable, every damaged manifest, and every
        folder without one. A refresh that was interrupted after its new files were complete is finished first.

        With *repair*, exactly the missing and changed files are fetched again and named in ``repaired``. Files of a run
        without a trusted manifest cannot be verified, so all of them are fetched again. A remaining failure says why.

        Raises:
            ArgumentError: *dest* is a sink that cannot be listed.
            DiskError: *dest* itself cannot be read.
        """
        from multicart_async._sync.repair import Repairer  # noqa: PLC0415
        from multicart_async._sync.verify import verify  # noqa: PLC0415

        check_bool("repair", repair)
        with self._lifetime.track():
            sink = await self._readable(dest)
            repair_run = Repairer(sink, self.runs, self._context.downloads).repair if repair else None
            return await verify(sink, lambda folder: self._context.downloads.recover(sink, folder), repair_run)

    async def _readable(self, dest: str | os.PathLike[str] | ListableSink) -> ListableSink:
        from multicart_async.sinks import Sink  # noqa: PLC0415
        from multicart_async.sinks._error_mapping import map_sink_errors  # noqa: PLC0415
        from multicart_async.sinks._places import find_place, is_in_place, missing_place  # noqa: PLC0415
        from multicart_async.sinks._protocol import check_listable  # noqa: PLC0415

        if isinstance(dest, Sink):
            return check_listable("dest", map_sink_errors(dest))
        place = await find_place("dest", dest)
        if not await is_in_place(place):
            raise missing_place("dest", place)
        return place


class _Downloads:
    """What downloads share, made by the first one. It must not refer to the client, which would then not be freed at once."""

    def __init__(self, api: ApiCaller, retrier: Retrier, limits: Limits, emit: Emit, base_url: str) -> None:
        self._api = api
        self._retrier = retrier
        self._limits = limits
        self._emit = emit
        self._base_url = base_url

    @cached_property
    def context(self) -> DownloadContext:
        """The infrastructure of downloads."""
        from multicart_async._downloads.context import DownloadContext  # noqa: PLC0415

        api = self._api
        return DownloadContext(
            api.transport,
            retrier=self._retrier,
            limits=self._limits,
            lifetime=api.lifetime,
            emit=self._emit,
            redactor=api.redactor,
        )

    def manager(self) -> DownloadManager:
        """Return a new manager of downloads."""
        from multicart_async._downloads.manager import DownloadManager  # noqa: PLC0415

        return DownloadManager(self.context, self._base_url)


def _check_path(path: object) -> None:
    if not isinstance(path, str) or not _PATH.match(path):
        raise wrong_argument("path", "a path below the base URL, such as '/schedules/get/'", path)


def _checked_listener(on_event: Callable[[Event], None] | None) -> Emit:
    check_listener("on_event", on_event)
    return on_event or ignore_event


def _check_fields(fields: object) -> None:
    if not isinstance(fields, Mapping):
        raise wrong_argument("fields", "a mapping of field names to values", fields)


def _check_proxy(proxy: Proxy | None) -> None:
    if proxy is not None and not proxy.is_usable:
        reason = f"expected an absolute http or https URL such as http://proxy.example:3128; {SOCKS_ADVICE}"
        raise ArgumentError("proxy", reason)


def _check_kinds(**values: tuple[object, type]) -> None:
    for argument, (value, kind) in values.items():
        if not isinstance(value, kind):
            raise ArgumentError(argument, f"expected a {kind.__name__}, got an object of type {type(value).__name__}")
