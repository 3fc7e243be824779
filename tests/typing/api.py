"""What type checkers see of the public API. Never run: mypy and pyright check it, both in strict mode."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from datetime import time
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, TypedDict, assert_type

import attrs
from support.fakes import FakeFile, FakeTransport

import multicart_async
from multicart_async import (
    UNSET,
    AsyncMultiCart,
    DirectorySink,
    Failure,
    Limits,
    MultiCartError,
    Outcome,
    PollPolicy,
    RetryPolicy,
    Sink,
    Success,
    Timeouts,
    errors,
    events,
    plan_shards,
    sandbox,
    tables,
)
from multicart_async._core.unset import Unset
from multicart_async._http import ByteStream, Transport
from multicart_async.models import (
    AddResult,
    Asin,
    AsinRow,
    CatalogueCategory,
    CatalogueTree,
    CategoryRequest,
    CategoryRun,
    Collection,
    DeleteReport,
    Domain,
    DownloadedFile,
    DownloadLinks,
    Estimate,
    EveryMinutes,
    Login,
    Output,
    Plan,
    Profile,
    Run,
    RunDownload,
    RunState,
    Shard,
    Sku,
    SkuRow,
    StartedCategory,
    StartedRun,
    Store,
    Undocumented,
    User,
    Zipcode,
)


@attrs.frozen
class Product:
    """A class of the caller."""

    asin: str
    price: str | None = None


class Row(TypedDict):
    """A dictionary of the caller."""

    asin: str


class MemorySink:
    """A sink of the caller, without a base class."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    async def put(self, name: str, chunks: AsyncIterator[bytes]) -> None:
        self.files[name] = b"".join([chunk async for chunk in chunks])

    async def read(self, name: str) -> bytes | None:
        return self.files.get(name)

    async def size(self, name: str) -> int | None:
        return len(self.files[name]) if name in self.files else None


def hear(event: events.Event) -> None:
    """A listener."""
    if isinstance(event, events.FileProgress):
        assert_type(event.received, int)
        assert_type(event.expected, int | None)
    if isinstance(event, events.SyncAdvanced):
        assert_type(event.of_collections, int | None)
        assert_type(event.bytes, int)


async def client_calls() -> None:
    """Construction and what a client has itself."""
    client = AsyncMultiCart(
        "a.b",
        base_url="http://127.0.0.1/api/v1",
        timeouts=Timeouts(connect=5, transfer=3600),
        retry=RetryPolicy(attempts=1),
        limits=Limits(requests=2, requests_per_second=0.5, bytes_per_second=1_000_000, file_bytes=2**30),
        on_event=hear,
        headers={"x-team": "pricing"},
        user_agent="my-app/1.2",
    )
    AsyncMultiCart(api_key_file=Path("key"), allow_http=True)
    AsyncMultiCart(api_key_file="key")
    AsyncMultiCart(api_key_command="pass show multicart")
    AsyncMultiCart(api_key_command=["pass", "show", "multicart"])
    AsyncMultiCart(api_key_command=7)  # type: ignore[arg-type]
    AsyncMultiCart(headers={"x-team": 1})  # type: ignore[dict-item]
    async with client as entered:
        assert_type(entered, AsyncMultiCart)
    assert_type(await client.request("/new/", {"a": 1}, safety="safe"), Any)
    assert_type(client.stream("https://…"), AbstractAsyncContextManager[ByteStream])
    assert_type(await client.aclose(), None)
    async with client.stream("https://…") as stream:
        assert_type(stream.length, int | None)
        async for piece in stream:
            assert_type(piece, bytes)
    client.request("/new/", safety="maybe")  # type: ignore[arg-type, unused-coroutine]


async def collection_calls(client: AsyncMultiCart) -> None:
    """``client.collections``"""
    assert_type(await client.collections.create("x", notification_email="a@b.c", priority="High"), Collection)
    assert_type(await client.collections.list(sort_by="name", sort_order="asc"), tuple[Collection, ...])
    assert_type(await client.collections.list(request_type="amazon_category_scrape"), tuple[Collection, ...])
    await client.collections.list(request_type="ebay")  # type: ignore[arg-type]
    collection = await client.collections.get(1)
    assert_type(collection.is_category, bool)
    assert_type(collection.to_dict(), dict[str, Any])
    assert_type(collection, Collection)
    assert_type(collection.asin_count, int | None)
    assert_type(collection.extra, Mapping[str, Any])
    assert_type(await client.collections.update(1, name="y"), Collection)
    assert_type(await client.collections.delete(1), None)
    assert_type(await client.collections.delete_many(iter([1, 2])), DeleteReport)
    times = EveryMinutes(30, ["monday"], [8, "12.00", time(16)])
    assert_type(times.hours, tuple[str, ...])
    await client.collections.update(1, schedule_time=times)
    shards = await client.collections.create_sharded(
        "x", iter(["A"]), notification_email="a@b.c", domain="amazon.com.au", postcode="4500", schedule_time=times
    )
    assert_type(shards, tuple[Shard, ...])
    assert_type(plan_shards(["A"], existing=[shard.asins for shard in shards]), tuple[tuple[str, ...], ...])
    EveryMinutes("30", ["monday"], [8])  # type: ignore[arg-type]
    await client.collections.update(1, priority="Urgent")  # type: ignore[arg-type]
    await client.collections.update(1, "y")  # type: ignore[call-arg]
    await client.collections.update(1, colour="red")  # type: ignore[call-arg]


async def run_calls(client: AsyncMultiCart) -> None:
    """``client.runs``"""
    policy = PollPolicy(wait_timeout=None, on_ambiguous="raise")
    started = await client.runs.start(1)
    assert_type(started, StartedRun)
    assert_type(await client.runs.list(1), tuple[Run, ...])
    assert_type(client.runs.iterate(1), AsyncGenerator[Run, None])
    assert_type(await client.runs.latest(1), Run | None)
    run = await client.runs.wait(started, policy=policy)
    assert_type(run, Run)
    assert_type(run.download_links, DownloadLinks)
    assert_type(run.download_links.pages, tuple[str, ...])
    assert_type(await client.runs.start_and_wait(1), Run)
    assert_type(client.runs.watch(started), AsyncGenerator[RunState, None])
    async for state in client.runs.watch(started):
        assert_type(state.run, Run | None)
    await client.runs.wait(1)  # type: ignore[arg-type]
    assert_type(await client.runs.estimate([1], journal="monday.jsonl"), Estimate)
    assert_type(client.runs.follow(collections=[1], state=Path("followed"), since="all"), AsyncGenerator[Run, None])
    client.runs.follow(since="yesterday")  # type: ignore[arg-type]


async def files_and_records(client: AsyncMultiCart, run: Run, scrape: CategoryRun) -> None:
    """Downloads to every kind of place, and records as dicts or as a class."""
    for dest in ("results", Path("results"), DirectorySink("results"), MemorySink()):
        done = await client.runs.download(run, dest, files="both")
        assert_type(done, RunDownload[Run])
        assert_type(done.run, Run)
        assert_type(done.files, tuple[DownloadedFile, ...])
    assert_type(client.runs.records(run), AsyncGenerator[dict[str, Any], None])
    assert_type(client.runs.records(scrape), AsyncGenerator[dict[str, Any], None])
    assert_type(client.runs.records(run, into=Product), AsyncGenerator[Product, None])
    assert_type(client.runs.records(run, into=dict, on_invalid="skip"), AsyncGenerator[dict[str, Any], None])
    assert_type(client.runs.records(run, into=Row, on_invalid="raise"), AsyncGenerator[Row, None])
    client.runs.records(run, on_invalid="ignore")  # type: ignore[call-overload]
    async for product in client.runs.records(run, into=Product):
        assert_type(product.price, str | None)
    assert_type(await client.runs.missing_items(run), tuple[Asin, ...])
    await client.runs.missing_items(scrape)  # type: ignore[arg-type]
    await client.runs.download(run, "results", files="pdf")  # type: ignore[arg-type]


async def item_calls(client: AsyncMultiCart) -> None:
    """``client.asins`` and ``client.outputs``"""
    assert_type(await client.asins.create(1, "B0", domain_id=1, zipcode_id=2, output="JSON"), Asin)
    assert_type(await client.asins.create_many(1, {"B0"}, domain="amazon.com.au", postcode="4500"), AddResult)
    assert_type(await client.asins.add(1, ["B0"], domain="amazon.com.au", postcode="4500"), AddResult)
    assert_type(await client.asins.import_csv(1, b"domain"), AddResult)
    assert_type(await client.asins.import_csv(1, Path("asins.csv")), AddResult)
    assert_type(await client.asins.list(1), tuple[Asin, ...])
    assert_type(client.asins.iterate(1), AsyncGenerator[Asin, None])
    assert_type(await client.asins.count(1), int)
    assert_type(await client.asins.wait_ingested(1, 5), int)
    assert_type(await client.asins.get(1), Asin)
    assert_type(await client.asins.update(1, custom_id="x"), Asin)
    assert_type(await client.asins.delete(1), None)
    assert_type(await client.outputs.list(1), tuple[Output, ...])
    assert_type(client.outputs.iterate(1), AsyncGenerator[Output, None])
    assert_type(await client.outputs.get(1), Output)


async def postcode_calls(client: AsyncMultiCart) -> None:
    """``client.zipcodes`` and ``client.settings``"""
    assert_type(await client.zipcodes.create("0800", domain_id=1), Zipcode)
    assert_type(await client.zipcodes.list(status="in-progress", domain_id=1), tuple[Zipcode, ...])
    assert_type(await client.zipcodes.wait_active(15), Zipcode)
    zipcode = await client.zipcodes.ensure("4500", domain="amazon.com.au")
    assert_type(zipcode, Zipcode)
    assert_type(zipcode.domain, Domain | None)
    assert_type(zipcode.status, str | None)
    assert_type(await client.settings.domains(refresh=True), tuple[Domain, ...])
    assert_type(await client.settings.officeworks_stores(), tuple[Store, ...])
    await client.zipcodes.create(4500, domain_id=1)  # type: ignore[arg-type]
    await client.zipcodes.list(status="ready")  # type: ignore[arg-type]


async def category_calls(client: AsyncMultiCart) -> None:
    """``client.categories``"""
    started = await client.categories.submit("https://…", domain="amazon.com.au", postcode="4500", price_min_cents=0)
    assert_type(started, StartedCategory)
    assert_type(await client.categories.result(1), CategoryRun)
    assert_type(await client.categories.wait(started), CategoryRun)
    scrape = await client.categories.wait(1)
    assert_type(scrape, CategoryRun)
    assert_type(scrape.asins, tuple[dict[str, Any], ...] | None)
    assert_type(client.categories.watch(started), AsyncGenerator[CategoryRun, None])
    assert_type(await client.categories.submit_and_wait("https://…", domain="d", postcode="p"), CategoryRun)
    assert_type(await client.categories.cancel(1), bool)
    files = await client.categories.download(scrape, "results", csv=False)
    assert_type(files, RunDownload[CategoryRun])
    assert_type(files.run.asins, tuple[dict[str, Any], ...] | None)
    either: RunDownload[Run | CategoryRun] = files  # where both kinds may be meant
    del either
    async for scraped in client.categories.submit_many([]):
        assert_type(scraped, Outcome[CategoryRequest, CategoryRun | RunDownload[CategoryRun]])
    async for downloaded in client.runs.run_many([1], "results"):
        assert_type(downloaded, Outcome[int, RunDownload[Run]])


async def account_calls(client: AsyncMultiCart) -> None:
    """``client.account`` and ``client.billing``"""
    login = await client.account.login("a@b.c", "secret")
    assert_type(login, Login)
    assert_type(login.token, str)
    assert_type(login.user, User | None)
    assert_type(await client.account.profile(), Profile)
    assert_type(await client.account.update_profile(name="x", extra={"colour": "red"}), Undocumented)
    assert_type((await client.account.details()).data, Any)
    assert_type(await client.account.send_registration_code("a@b.c"), None)
    for otp in (482931, "482931"):
        await client.account.register(name="n", email="a@b.c", password="p", otp=otp, country="Australia")
    assert_type(await client.billing.plans(), tuple[Plan, ...])
    assert_type(await client.billing.public_plans(), tuple[Plan, ...])
    assert_type(await client.billing.download_invoice(5, "invoices"), DownloadedFile)
    assert_type(await client.billing.download_invoice("INV-5", MemorySink()), DownloadedFile)
    client.account.register(name="n", email="a@b.c", password="p", country="Australia")  # type: ignore[call-arg, unused-coroutine]


async def csv_calls(client: AsyncMultiCart) -> None:
    """Every source of a CSV, and back."""
    rows = [AsinRow("amazon.com.au", "0800", "B0"), AsinRow("amazon.com.au", "0800", "B1", include_raw_html=True)]
    assert_type(await client.asins.import_csv(1, rows, split=True), AddResult)
    assert_type(await client.asins.import_csv(1, (row for row in rows)), AddResult)
    assert_type(await client.asins.export_csv(1, Path("asins.csv")), int)
    assert_type(await client.skus.import_csv(1, "skus.csv"), AddResult)
    assert_type(await client.skus.import_csv(1, [SkuRow("S", "0800", "W411")], split=True), AddResult)
    await client.skus.import_csv(1, rows)  # type: ignore[arg-type]
    AsinRow("amazon.com.au", 800, "B0")  # type: ignore[arg-type]


async def officeworks_calls(client: AsyncMultiCart) -> None:
    """``client.skus`` and ``client.catalogue``"""
    made = await client.skus.create(1, "S", store_id="W411", postcode="4500")
    assert_type(made, Sku)
    assert_type(made.customer_postcode, str | None)
    assert_type(await client.skus.create_many(1, ["S"], store_id="W411", postcode="4500"), AddResult)
    tree = await client.catalogue.categories(flat=True, seo_path="technology")
    assert_type(tree, CatalogueTree)
    assert_type(tree.categories, tuple[CatalogueCategory, ...] | None)
    assert_type([category.seo_path for category in tree.categories or ()], list[str | None])
    products = await client.catalogue.products("technology", extra={"page": 2})
    assert_type(products, Undocumented)
    assert_type(products.data, Any)
    await client.skus.create(1, "S", store_id="W411", postcode=4500)  # type: ignore[arg-type]


def narrowing(name: str | Unset) -> str:
    """``is UNSET`` tells the two apart."""
    if name is UNSET:
        return "not given"
    assert_type(name, str)
    return name


def outcomes(done: Outcome[StartedRun, Run], failed: Outcome[int, str]) -> None:
    """Both parts of an outcome are typed, whichever it is."""
    assert_type(done.key, StartedRun)
    assert_type(done.value, Run | None)
    assert_type(done.error, Exception | None)
    assert_type(done.unwrap(), Run)
    assert_type(failed.unwrap(), str)
    assert_type(done.ok, bool)
    assert_type(Success(key=1, value="x"), Success[int, str])
    assert_type(Failure(key=1, error=ValueError()), Failure[int])


def narrowed_outcomes(outcome: Outcome[StartedRun, Run]) -> Run:
    """Every question tells the two apart; pyright alone does not narrow by the mere truth of an attribute."""
    if outcome.ok is True:
        assert_type(outcome.value, Run)
    else:
        assert_type(outcome.error, Exception)
    if outcome.error is None:
        assert_type(outcome.value, Run)
    if isinstance(outcome, Success):
        assert_type(outcome.value, Run)
    match outcome:
        case Success(value=run):
            assert_type(run, Run)
        case Failure(error=error):
            assert_type(error, Exception)
    if not outcome.ok:
        assert_type(outcome.error, Exception)  # pyright: ignore[reportAssertTypeFailure]
        return outcome.unwrap()
    return outcome.value  # pyright: ignore[reportReturnType]


def protocols() -> None:
    """Ours and the caller's own fit."""
    sink: Sink = DirectorySink("results")
    sink = MemorySink()
    transport: Transport = FakeTransport()
    stream: ByteStream = FakeFile.whole(b"[]")
    del sink, transport, stream


async def failures(client: AsyncMultiCart) -> None:
    """What an error holds."""
    try:
        await client.runs.start_and_wait(1)
    except errors.RateLimitError as error:
        assert_type(error.retry_after, float | None)
        assert_type(error.code, int | None)
        assert_type(error.attempts, int)
        assert_type(error.request_id, str | None)
        assert_type(error.headers, Mapping[str, str])
    except errors.AmbiguousRunError as error:
        assert_type(error.runs, tuple[Run, ...])
    except errors.WaitError as error:
        assert_type(error.started, StartedRun | StartedCategory | int | None)
    except errors.OutcomeUnknownError as error:
        assert_type(error.started, StartedRun | None)
    except errors.ItemsRejectedError as error:
        assert_type(error.added, AddResult)
    except errors.DiskError as error:
        assert_type(error.name, str)
        caught: OSError = error
        del caught
    except MultiCartError as error:
        assert_type(error.report, Any)


async def comparing() -> None:
    """Records of a mirror, amounts, and the changes between two runs."""
    async for found in tables.read_records("mirror"):
        assert_type(found.value, dict[str, Any])
    async for product in tables.read_records("mirror", into=Product):
        assert_type(product.value, Product)
    assert_type(tables.amount("$5"), Decimal | None)
    async for change in tables.changes("mirror", 101, old=88, key=("asin", "postcode"), fields=["price"]):
        assert_type(change, tables.Change)
        assert_type(change.kind, Literal["added", "removed", "changed"])
    tables.changes("mirror", 101, fields=5)  # type: ignore[arg-type]


def values(run: Run, added: AddResult) -> None:
    """Values evolve, add up and cannot be changed."""
    assert_type(attrs.evolve(run, ambiguous=True), Run)
    assert_type(added + added, AddResult)
    assert_type(added.raise_for_errors(), None)
    run.id = 5  # type: ignore[misc]


def names() -> None:
    """The packages have the names that they export, though these are imported on first use, and no others."""
    assert_type(multicart_async.__version__, str)
    unset: Unset = multicart_async.UNSET
    assert_type(narrowing(unset), str)
    assert_type(multicart_async.Limits(requests=1), Limits)
    assert_type(sandbox.Sandbox().credits(), sandbox.Credits)
    _ = multicart_async.nothing  # type: ignore[attr-defined]
    _ = sandbox.nothing  # type: ignore[attr-defined]
