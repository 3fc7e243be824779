"""Groups of this library over a transport that is not the network."""

from __future__ import annotations

from typing import Any

from multicart_async._core.clock import Clock
from multicart_async._core.lifetime import ClientLifetime
from multicart_async._downloads.context import DownloadContext
from multicart_async._downloads.manager import DownloadManager
from multicart_async._http.caller import ApiCaller
from multicart_async._http.retries import Retrier, ignore_event
from multicart_async.config import Limits
from multicart_async.resources._base import ClientContext
from multicart_async.resources.account import Account
from multicart_async.resources.asins import Asins
from multicart_async.resources.collections import Collections
from multicart_async.resources.runs.runs import Runs
from multicart_async.resources.settings import ServiceSettings
from multicart_async.resources.zipcodes import Zipcodes


def groups_over(transport: Any, clock: Clock = Clock()) -> tuple[Collections, Runs]:
    """``client.collections`` and ``client.runs``, as a client composes them."""
    context = ClientContext(
        api=ApiCaller(transport, retrier=Retrier(clock=clock)),
        downloads=DownloadManager(DownloadContext(transport), "https://multicartapi.com/api/v1"),
        limits=Limits(),
        lifetime=ClientLifetime(),
        clock=clock,
        emit=ignore_event,
    )
    zipcodes = Zipcodes(context, settings=ServiceSettings(context))
    asins = Asins(context, zipcodes=zipcodes)
    collections = Collections(context, asins=asins)
    return collections, Runs(context, collections=collections, account=Account(context), asins=asins)
