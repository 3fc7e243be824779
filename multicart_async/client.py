"""``AsyncMultiCart``: opens or borrows a session, composes the rest, closes what it opened."""

from __future__ import annotations

import errno
import os
import re
import ssl
from collections.abc import AsyncIterable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Literal, Self

import aiohttp
import anyio
import attrs

from multicart_async._core.clock import Clock
from multicart_async._core.credentials import Given, resolve
from multicart_async._core.extra_headers import ExtraHeaders
from multicart_async._core.failures import Listener
from multicart_async._core.lifetime import ClientLifetime
from multicart_async._core.redaction import redact
from multicart_async._core.threads import run_in_thread
from multicart_async._core.validation import check_bool, check_choice, check_listener, wrong_argument
from multicart_async._downloads.context import DownloadContext
from multicart_async._downloads.manager import DownloadManager
from multicart_async._downloads.plan import Files
from multicart_async._downloads.stream import checked_stream
from multicart_async._http import SOCKS_ADVICE, AiohttpTransport, ByteStream, NetworkOptions, Proxy, seal_proxy
from multicart_async._http.caller import ApiCaller
from multicart_async._http.endpoint import ANYTHING, Endpoint
from multicart_async._http.retries import Retrier, ignore_event
from multicart_async._sync.engine import Synchronizer
from multicart_async._sync.options import SyncOptions
from multicart_async._sync.repair import Repairer
from multicart_async._sync.verify import verify
from multicart_async.config import Limits, RetryPolicy, Timeouts
from multicart_async.errors import ArgumentError, DiskError
from multicart_async.events import Emit, Event
from multicart_async.models import SyncReport, VerifyReport
from multicart_async.resources._base import ClientContext
from multicart_async.resources.account import Account
from multicart_async.resources.asins import Asins
from multicart_async.resources.billing import Billing
from multicart_async.resources.catalogue import Catalogue
from multicart_async.resources.categories import Categories
from multicart_async.resources.collections import Collections
from multicart_async.resources.outputs import Outputs
from multicart_async.resources.runs.runs import Runs
from multicart_async.resources.settings import ServiceSettings
from multicart_async.resources.skus import Skus
from multicart_async.resources.zipcodes import Zipcodes
from multicart_async.sinks import DirectorySink, ListableSink, Sink, check_listable, map_sink_errors

__all__ = ["AsyncMultiCart"]

_PATH = re.compile(r"/(?!/)[!\"$->@-\[\]-~]*\Z")  # it goes out as it is: visible ASCII, no query, no other place
RequestSafety = Literal["safe", "idempotent", "unsafe"]


class AsyncMultiCart:
    """A client of MultiCartAPI. Use it as ``async with AsyncMultiCart() as client:``, one for the whole program.

    Connections are opened at the first call. A client belongs to the event loop and process of its first call: elsewhere
    it raises ``RuntimeError``. See docs/client.md.

    Args:
        api_key: The key, else ``MULTICART_API_KEY``. It goes to the origin of *base_url* and nowhere else.
        token: A session token in its place, as `Account.login` gives one, else ``MULTICART_TOKEN``.
        api_key_file: A file that holds the key, where neither is given as an argument. Only its owner may change it, and
            its group read it.
        api_key_command: The same for a program that prints the key: a command line, or its words; no shell is involved.
            It is run once, here, and waited for, for at most 60 seconds. So make the client before an event loop runs.
        base_url: Where the service is, else ``MULTICART_BASE_URL``, else the live service.
        allow_http: Send the credential, or a password, over plain http to another machine too.
        timeouts: How long the network may take, in seconds.
        retry: How often, and after how long, what may be repeated is.
        limits: How many calls and files at once, and how large an answer may be.
        proxy: URL of a proxy for everything, ``http://`` or ``https://``.
        trust_env: Take the proxy from the environment. Nothing else of it is used, no ``.netrc`` either.
        ssl_context: Which certificates are trusted, where it is not those of the system.
        session: A session of yours for everything. It is never closed here, and you answer for its connectors.
        trace_configs: aiohttp's, for the sessions that are made here. What they are told includes the credential.
        on_event: Called with each event, on the event loop: see `multicart_async.events`. It must be a plain function: a
            coroutine function would never run.
        headers: Headers of your own for each request, calls and files alike; like the key they go to the origin of
            *base_url* alone. None of those that are set here can be among them.
        user_agent: What is appended to the User-Agent, such as ``"my-app/1.2"``.

    Attributes:
        account: Log in, register, and see profile, key and credits.
        asins: Add the ASINs of a collection, list, change and delete them.
        billing: List plans, and download invoices.
        catalogue: Browse what Officeworks sells.
        categories: Scrape whole Amazon categories.
        collections: Create, list, change and delete collections.
        outputs: Read the records that the service keeps of each ASIN.
        runs: Start runs, wait for them, and download or read their results.
        settings: List the domains and the Officeworks stores.
        skus: Add Officeworks SKUs to a collection.
        zipcodes: Create postcodes, and wait until they are active.

    Raises:
        ConfigurationError: Key and token both, a malformed one, none in the file or from the command, a base URL that is
            not absolute http(s) or to which a key must not go, or a proxy in the environment that cannot be used.
        ArgumentError: (a `ConfigurationError`) Another argument cannot be right.
    """

    account: Account
    """Log in, register, and see profile, key and credits."""
    asins: Asins
    """Add the ASINs of a collection, list, change and delete them."""
    billing: Billing
    """List plans, and download invoices."""
    catalogue: Catalogue
    """Browse what Officeworks sells."""
    categories: Categories
    """Scrape whole Amazon categories."""
    collections: Collections
    """Create, list, change and delete collections."""
    outputs: Outputs
    """Read the records that the service keeps of each ASIN."""
    runs: Runs
    """Start runs, wait for them, and download or read their results."""
    settings: ServiceSettings
    """List the domains and the Officeworks stores."""
    skus: Skus
    """Add Officeworks SKUs to a collection."""
    zipcodes: Zipcodes
    """Create postcodes, and wait until they are active."""

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
        network = NetworkOptions(
            proxy=way, trust_env=trust_env, ssl_context=ssl_context, session=session, trace_configs=trace_configs
        )
        self._transport = AiohttpTransport(
            self._settings, timeouts=timeouts, limits=limits, network=network, lifetime=lifetime
        )
        retrier = Retrier(retry, emit=emit, lifetime=lifetime, requests_per_second=limits.requests_per_second)
        redactor, exposed = self._transport.redactor, self._settings.exposed
        self._api = ApiCaller(
            self._transport, retrier=retrier, limits=limits, lifetime=lifetime, exposed=exposed, redactor=redactor
        )
        self._downloads = DownloadContext(
            self._transport, retrier=retrier, limits=limits, lifetime=lifetime, emit=emit, redactor=redactor
        )
        self._context = context = ClientContext(
            api=self._api,
            downloads=DownloadManager(self._downloads, self._settings.base_url),
            limits=limits,
            lifetime=lifetime,
            clock=Clock(sleep=lifetime.sleep),
            emit=emit,
        )
        self.account = Account(context)
        self.billing = Billing(context)
        self.catalogue = Catalogue(context)
        self.outputs = Outputs(context)
        self.settings = ServiceSettings(context)
        self.zipcodes = Zipcodes(context, settings=self.settings)
        self.asins = Asins(context, zipcodes=self.zipcodes)
        self.skus = Skus(context, asins=self.asins)
        self.collections = Collections(context, asins=self.asins)
        self.runs = Runs(context, collections=self.collections, account=self.account)
        self.categories = Categories(context, collections=self.collections)

    def __repr__(self) -> str:
        if not hasattr(self, "_settings"):  # a traceback with local variables shows what could not be made
            return "<AsyncMultiCart, not made>"
        state = ", closed" if self._lifetime.closed else ""
        return f"<AsyncMultiCart {self._settings.base_url} {self._settings.credential or 'no credential'!r}{state}>"

    async def __aenter__(self) -> Self:
        self._lifetime.ensure_open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """End what is under way with `ClientClosedError`, wait until it has ended, close the connections. Twice is once."""
        try:
            await self._lifetime.shutdown()
        finally:  # also of a client that is left by a cancellation
            with anyio.CancelScope(shield=True):
                await self._transport.aclose()

    async def request(self, path: str, fields: Mapping[str, object] = {}, *, safety: RequestSafety = "unsafe") -> Any:
        """The ``data`` of a call that has no method here: POST *fields* as JSON to *path* below the base URL.

        The way out when the service has something new. Credential, retries and errors are as everywhere; *safety* says
        what may be done when the answer is lost: ``"safe"`` asks again, ``"unsafe"`` never. The values of *fields* may be
        secrets: tracebacks show dots, and so does an error of the service that repeats a value of 3 characters or more.

        Raises:
            APIError: The service refused.
            ArgumentError: *path* does not begin with one slash, or holds what no path does; or *fields* is no mapping, or
                holds what is not JSON.
        """
        fields = redact(fields)
        _check_path(path)
        _check_fields(fields)
        check_choice("safety", safety, RequestSafety)
        return await self._api.call(Endpoint(path, ANYTHING, safety=safety), fields)

    def stream(self, url: str) -> AbstractAsyncContextManager[ByteStream]:
        """The raw bytes of a result file, as they come: ``async with client.stream(url) as stream: async for piece in stream``.

        *url* is a link from ``download_links``, with its blanks and all. It is checked like every download: what is
        not whole, or not the file, raises while you iterate, at the latest at the end. So wait for the end before you
        believe what you have. Nothing is tried again here.

        Raises:
            UnreachableResultError: Another origin, or no link to a result.
            DownloadError: (while iterating) The transfer broke off, stalled, or brought something else.
            APIError: The service refused it.
        """
        return checked_stream(self._downloads, url, self._settings.base_url)

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
    ) -> SyncReport:
        """Mirror finished runs into ``<dest>/<collection>/<run>/``: only what is missing is fetched.

        All listed collections (drafts are not listed), or *collections*: ids, as they come. ``runs="latest"`` is the
        newest finished run of each; with ``check="changed"`` a collection is asked for it only if its row has changed
        since the last time, else always. A run that is complete by its manifest and the sizes of its files costs no file
        request; `verify` reads them. ``dry_run`` only counts. ``shard=(i, n)`` takes the collections that fall to worker
        *i* of *n*. *count_records* and *strict* are as in ``runs.download``. A category scrape gets its CSV too.

        ``report.gone`` names collections and runs of the mirror that the service no longer has. *prune* deletes them after
        everything else went well: never with *collections*, after a failure or an empty list, nor if more than half of the
        mirror's collections are gone. *keep* leaves the newest so many runs of each collection in the mirror, if those are
        complete, and deletes older ones last; with ``runs="all"`` older ones are not even fetched. ``report.removed`` names
        the folders that were deleted, or with *dry_run* would be. Files of other programs stay. See docs/mirror.md.

        One failure does not stop the rest: look at ``report.ok``, or call ``report.raise_for_failures()``. A refused
        key, a full disk or a service that cannot be reached for half a minute stops what is left (``report.stopped``).
        Several processes may mirror into one folder.

        Raises:
            ArgumentError: An argument cannot be right, or *dest* cannot be listed, which *prune* and *keep* need.
            DiskError: *dest* cannot be written to.
            APIError: The collections could not be listed.
        """
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
        with self._lifetime.track():  # *collections* may never end by itself
            mirror = Synchronizer(
                options,
                await self._context.downloads.sink(dest),
                collections=self.collections,
                runs=self.runs,
                downloads=self._context.downloads,
                listers=max(1, self._context.limits.requests // 2),  # the rest is for other calls of this client
                fetchers=self._context.limits.downloads,
            )
            return await mirror.run(collections)

    async def verify(self, dest: str | os.PathLike[str] | ListableSink, *, repair: bool = False) -> VerifyReport:
        """Read every file of a mirror again and compare it with its manifest, by size and SHA-256; offline.

        Names every file that is missing, changed or surplus or cannot be read, every damaged manifest, every folder
        without one. A refresh that was interrupted when its new files were whole is completed first.

        With *repair*, exactly what is missing or changed is fetched again, and named in ``repaired``. What a run without
        a trusted manifest holds cannot be told good from bad: all of it is fetched again. A failure that stays says why.

        Raises:
            ArgumentError: *dest* is a sink that cannot be listed.
            DiskError: *dest* itself cannot be read.
        """
        check_bool("repair", repair)
        with self._lifetime.track():
            sink = await self._readable(dest)
            mend = Repairer(sink, self.runs, self._context.downloads).repair if repair else None
            return await verify(sink, lambda folder: self._context.downloads.recover(sink, folder), mend)

    async def _readable(self, dest: str | os.PathLike[str] | ListableSink) -> ListableSink:
        if not isinstance(dest, Sink):
            folder = DirectorySink(dest)
            if not await run_in_thread(folder.root.is_dir):
                raise DiskError(str(folder.root), "dest: there is no such folder", errno.ENOENT)
            return folder
        return check_listable("dest", map_sink_errors(dest))


def _check_path(path: object) -> None:
    if not isinstance(path, str) or not _PATH.match(path):
        raise wrong_argument("path", "a path below the base URL, such as '/schedules/get/'", path)


def _checked_listener(on_event: Callable[[Event], None] | None) -> Emit:
    check_listener("on_event", on_event)
    return on_event or ignore_event


def _check_fields(fields: object) -> None:
    if not isinstance(fields, Mapping):
        raise wrong_argument("fields", "a mapping from names of fields to values", fields)


def _check_proxy(proxy: Proxy | None) -> None:
    if proxy is not None and not proxy.is_usable:
        reason = f"expected an absolute http or https URL such as http://proxy.example:3128; {SOCKS_ADVICE}"
        raise ArgumentError("proxy", reason)


def _check_kinds(**values: tuple[object, type]) -> None:
    for argument, (value, kind) in values.items():
        if not isinstance(value, kind):
            raise ArgumentError(argument, f"expected a {kind.__name__}, got {type(value).__name__}")
