"""The groups of the client over a fake transport and a fake clock."""

from __future__ import annotations

import attrs

from multicart_async._downloads.manager import DownloadManager
from multicart_async._downloads.transfer import Downloader
from multicart_async._http.caller import ApiCaller
from multicart_async._http.retries import Retrier
from multicart_async.config import RetryPolicy
from multicart_async.events import Event
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
    downloader: Downloader
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


def groups_over(
    transport: FakeTransport, *, retry: RetryPolicy = RetryPolicy(), clock: FakeClock | None = None
) -> Groups:
    """Groups as the client composes them."""
    clock = clock or FakeClock()
    events: list[Event] = []
    attempts = Retrier(retry, emit=events.append, now=clock.now, sleep=clock.sleep)
    call = ApiCaller(transport, attempts=attempts)
    downloader = Downloader(transport, attempts=attempts, emit=events.append, now=clock.now)
    results = DownloadManager(downloader, BASE)
    settings = ServiceSettings(call)
    zipcodes = Zipcodes(call, domains=settings.domains, clock=clock.clock)
    asins = Asins(call, zipcode=zipcodes.ensure, clock=clock.clock)
    collections = Collections(call, add=asins.create_many)
    account = Account(call)
    waiting = {"collection": collections.get, "results": results, "clock": clock.clock, "emit": events.append}
    return Groups(
        transport=transport,
        clock=clock,
        events=events,
        downloader=downloader,
        results=results,
        collections=collections,
        runs=Runs(call, collections=collections.list, account=account.credits, **waiting),
        account=account,
        asins=asins,
        outputs=Outputs(call),
        categories=Categories(call, **waiting),
        settings=settings,
        zipcodes=zipcodes,
        skus=Skus(call, rows=asins.iterate),
        catalogue=Catalogue(call),
        billing=Billing(call, results=results),
    )
