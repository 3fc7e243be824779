"""The groups of the client over a fake transport and a fake clock."""

from __future__ import annotations

import attrs

from multicart_async._core.clock import Clock
from multicart_async._core.lifetime import ClientLifetime
from multicart_async._downloads.context import DownloadContext
from multicart_async._downloads.manager import DownloadManager
from multicart_async._http import Transport
from multicart_async._http.caller import ApiCaller
from multicart_async._http.retries import Retrier, ignore_event
from multicart_async.config import Limits, RetryPolicy
from multicart_async.events import Emit, Event
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
from support.fakes import FakeClock, FakeTransport

BASE = "https://multicartapi.com/api/v1"


@attrs.define
class Groups:
    """Everything that a client composes, with what it runs on within reach."""

    transport: FakeTransport
    clock: FakeClock
    events: list[Event]
    downloader: DownloadContext
    results: DownloadManager
    collections: Collections
    runs: Runs
    account: Account
    asins: Asins
    outputs: Outputs
    categories: Categories
    settings: ServiceSettings
    zipcodes: Zipcodes
    skus: Skus
    catalogue: Catalogue
    billing: Billing


def context_over(
    transport: Transport,
    *,
    retrier: Retrier | None = None,
    downloader: DownloadContext | None = None,
    limits: Limits = Limits(),
    requests: int | None = None,
    lifetime: ClientLifetime | None = None,
    clock: Clock = Clock(),
    emit: Emit = ignore_event,
) -> ClientContext:
    """The infrastructure of a client over *transport*, which takes *requests* at once if that is not what *limits* say."""
    lifetime = lifetime or ClientLifetime()
    return ClientContext(
        api=ApiCaller(
            transport, retrier=retrier, limits=Limits(requests=requests or limits.requests), lifetime=lifetime
        ),
        downloads=DownloadManager(
            downloader or DownloadContext(transport, retrier=retrier or Retrier(), emit=emit), BASE
        ),
        limits=limits,
        lifetime=lifetime,
        clock=clock,
        emit=emit,
    )


def groups_over(
    transport: FakeTransport, *, retry: RetryPolicy = RetryPolicy(), clock: FakeClock | None = None
) -> Groups:
    """Groups as the client composes them."""
    clock = clock or FakeClock()
    events: list[Event] = []
    retrier = Retrier(retry, emit=events.append, clock=clock.clock)
    downloader = DownloadContext(transport, retrier=retrier, emit=events.append, clock=clock.clock)
    context = context_over(transport, retrier=retrier, downloader=downloader, clock=clock.clock, emit=events.append)
    settings = ServiceSettings(context)
    zipcodes = Zipcodes(context, settings=settings)
    asins = Asins(context, zipcodes=zipcodes)
    collections = Collections(context, asins=asins)
    account = Account(context)
    return Groups(
        transport=transport,
        clock=clock,
        events=events,
        downloader=downloader,
        results=context.downloads,
        collections=collections,
        runs=Runs(context, collections=collections, account=account, asins=asins),
        account=account,
        asins=asins,
        outputs=Outputs(context),
        categories=Categories(context, collections=collections),
        settings=settings,
        zipcodes=zipcodes,
        skus=Skus(context, asins=asins),
        catalogue=Catalogue(context),
        billing=Billing(context),
    )
