"""One call of the client for each of the 40 documented endpoints, with what each leaves in the sandbox."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any, Literal

import attrs

from multicart_async import AsyncMultiCart
from multicart_async.models import AddResult, AsinRow, Run, SkuRow
from multicart_async.sandbox import Sandbox

EMAIL = "ops@example.com"
AMAZON = {"domain": "amazon.com.au", "postcode": "4500"}
STORE = {"store_id": "W411", "postcode": "4500"}
NODE = "https://www.amazon.com.au/b?node=5130777051"
TABLES = ("users", "codes", "invoices", "domains", "zipcodes", "collections", "asins", "runs")

Safety = Literal["safe", "idempotent", "verifiable", "unsafe"]
Act = Callable[[], Awaitable[Any]]


@attrs.define
class Place:
    """A sandbox with something to find. Each preparation makes what its call needs, once for each time it is called."""

    sandbox: Sandbox
    client: AsyncMultiCart
    folder: Path
    run: Run
    output: int
    numbers: Iterator[int] = attrs.field(factory=lambda: count(1))

    @classmethod
    async def furnished(cls, sandbox: Sandbox, client: AsyncMultiCart, folder: Path) -> Place:
        """With a finished run and its records."""
        (collection_id,) = sandbox.add_collections(1, items=3)
        (run,) = await client.runs.list(collection_id)
        return cls(sandbox, client, folder, run, (await client.outputs.list(collection_id))[0].id)

    def word(self, kind: str) -> str:
        """A name that nobody had before."""
        return f"{kind}{next(self.numbers):04d}"

    async def new(self, request_type: Any = "amazon") -> int:
        """An empty collection."""
        name = self.word("Collection ")
        made = await self.client.collections.create(name, notification_email=EMAIL, request_type=request_type)
        return made.id

    async def filled(self) -> int:
        """A collection with two ASINs."""
        made = await self.new()
        (await self.client.asins.create_many(made, ["B1", "B2"], **AMAZON)).raise_for_errors()
        return made

    async def asin(self) -> int:
        """The id of an ASIN's row."""
        return (await self.client.asins.list(await self.filled()))[0].id

    async def category(self) -> int:
        """The collection of a category scrape that is under way."""
        return (await self.client.categories.submit(NODE, **AMAZON)).collection_id

    def rows(self) -> Counter[str]:
        """How many rows the service has of each kind."""
        return Counter({name: self.sandbox._state.number(f"SELECT count(*) FROM {name}") for name in TABLES})

    def grown(self, before: Counter[str]) -> dict[str, int]:
        """How many rows there are more than *before*, or less; kinds without a change are left out."""
        return {name: there - before[name] for name, there in self.rows().items() if there != before[name]}

    def files(self) -> set[Path]:
        """All files that were brought."""
        return {path for path in self.folder.rglob("*") if path.is_file()}


Prepare = Callable[[Place], Awaitable[Act]]


@attrs.frozen
class Call:
    """``prepare`` gives what is called; ``grows`` is what one success adds to the rows of the service, or takes away.

    ``shows`` is what all successes have in common.
    """

    path: str
    safety: Safety
    prepare: Prepare
    grows: Mapping[str, int] = attrs.field(factory=dict[str, int])
    shows: Callable[[Any], object] = type


def taken(added: AddResult) -> object:
    """What came of adding items."""
    return added.success_count, added.error_rows


def plain(act: Callable[[Place], Awaitable[Any]]) -> Prepare:
    """For a call that needs nothing made."""

    async def prepare(place: Place) -> Act:
        return lambda: act(place)

    return prepare


def with_new(make: Callable[[Place], Awaitable[int]], act: Callable[[Place, int], Awaitable[Any]]) -> Prepare:
    """For a call that needs something with an id of its own."""

    async def prepare(place: Place) -> Act:
        made = await make(place)
        return lambda: act(place, made)

    return prepare


async def a_newcomer(place: Place) -> Act:
    """Registration, with a code that was mailed."""
    email = f"{place.word('new')}@example.com"
    await place.client.account.send_registration_code(email)
    code = place.sandbox.registration_code(email)
    return lambda: place.client.account.register(
        name="Nora", email=email, password="correct horse", otp=code, country="Australia"
    )


async def two_doomed(place: Place) -> Act:
    """Deletion of two."""
    doomed = [await place.new(), await place.new()]
    return lambda: place.client.collections.delete_many(doomed)


async def a_download(place: Place) -> Act:
    """The one page of a run, into a folder of its own."""
    folder = place.folder / place.word("run")
    return lambda: place.client.runs.download(place.run, folder)


async def an_invoice(place: Place) -> Act:
    """Into a folder of its own."""
    folder = place.folder / place.word("invoice")
    return lambda: place.client.billing.download_invoice(1, folder)


def stationery(place: Place) -> Awaitable[int]:
    """A collection for SKUs."""
    return place.new("officeworks.com.au")


def asin_rows() -> list[AsinRow]:
    """A CSV of two."""
    return [AsinRow("amazon.com.au", "4500", asin) for asin in ("B1", "B2")]


def sku_rows() -> list[SkuRow]:
    """A CSV of two."""
    return [SkuRow(sku, "4500", "W411") for sku in ("A1", "A2")]


CALLS: dict[str, Call] = {
    "collections.create": Call(
        "/schedules/add_schedule/",
        "unsafe",
        plain(lambda p: p.client.collections.create("AU Laptops", notification_email=EMAIL)),
        {"collections": 1},
    ),
    "collections.list": Call("/schedules/get_schedules/", "safe", plain(lambda p: p.client.collections.list())),
    "collections.get": Call("/schedules/get/", "safe", plain(lambda p: p.client.collections.get(p.run.collection))),
    "collections.update": Call(
        "/schedules/update_schedule/",
        "idempotent",
        plain(lambda p: p.client.collections.update(p.run.collection, priority="Low")),
        shows=lambda row: row.priority,
    ),
    "collections.delete": Call(
        "/schedules/delete_schedule/",
        "idempotent",
        with_new(Place.new, lambda p, made: p.client.collections.delete(made)),
        {"collections": -1},
    ),
    "collections.delete_multiple": Call("/schedules/delete_multiple/", "idempotent", two_doomed, {"collections": -2}),
    "collections.run": Call(
        "/schedules/run/result/",
        "verifiable",
        with_new(Place.filled, lambda p, made: p.client.runs.start(made)),
        {"runs": 1},
    ),
    "collections.results": Call(
        "/schedules/collections/results/download/", "safe", plain(lambda p: p.client.runs.list(p.run.collection))
    ),
    "results.download": Call("/results/{collection_id}/{runner_id}/{file_name}", "safe", a_download),
    "asins.create": Call(
        "/schedules/amazon/asin/create/",
        "idempotent",
        with_new(Place.new, lambda p, made: p.client.asins.create(made, "B1", domain_id=1, zipcode_id=15)),
        {"asins": 1},
        lambda row: (row.asin, row.domain.id, row.customer_postcode.id),
    ),
    "asins.create_multiple": Call(
        "/schedules/amazon/asin/create/multiple/",
        "idempotent",
        with_new(Place.new, lambda p, made: p.client.asins.create_many(made, ["B1", "B2"], **AMAZON)),
        {"asins": 2},
        taken,
    ),
    "asins.create_bulk": Call(
        "/schedules/amazon/asin/create/bulk/",
        "idempotent",
        with_new(Place.new, lambda p, made: p.client.asins.import_csv(made, asin_rows())),
        {"asins": 2},
        taken,
    ),
    "asins.list": Call(
        "/schedules/amazon/asin/list/", "safe", with_new(Place.filled, lambda p, made: p.client.asins.list(made))
    ),
    "asins.get": Call(
        "/schedules/amazon/asin/get/", "safe", with_new(Place.asin, lambda p, row: p.client.asins.get(row))
    ),
    "asins.update": Call(
        "/schedules/amazon/asin/update/",
        "idempotent",
        with_new(Place.asin, lambda p, row: p.client.asins.update(row, custom_id="x")),
        shows=lambda row: row.custom_id,
    ),
    "asins.delete": Call(
        "/schedules/amazon/asin/delete/",
        "idempotent",
        with_new(Place.asin, lambda p, row: p.client.asins.delete(row)),
        {"asins": -1},
    ),
    "asins.output_list": Call(
        "/schedules/amazon/asin/output/list/", "safe", plain(lambda p: p.client.outputs.list(p.run.collection))
    ),
    "asins.output": Call("/schedules/amazon/asin/output/", "safe", plain(lambda p: p.client.outputs.get(p.output))),
    "category.submit": Call(
        "/schedules/amazon/category/add_schedule/",
        "unsafe",
        plain(lambda p: p.client.categories.submit(NODE, **AMAZON)),
        {"collections": 1, "runs": 1},
    ),
    "category.result": Call(
        "/schedules/amazon/category/result/",
        "safe",
        with_new(Place.category, lambda p, made: p.client.categories.result(made)),
    ),
    "category.cancel": Call(
        "/schedules/amazon/category/cancel/",
        "idempotent",
        with_new(Place.category, lambda p, made: p.client.categories.cancel(made)),
    ),
    "users.login": Call("/users/login", "unsafe", plain(lambda p: p.client.account.login(EMAIL, "S3cur3p@ss"))),
    "users.profile": Call("/users/profile", "safe", plain(lambda p: p.client.account.profile())),
    "users.profile_update": Call(
        "/users/profile/update", "idempotent", plain(lambda p: p.client.account.update_profile(name="Alice"))
    ),
    "users.account_details": Call("/users/account-details", "safe", plain(lambda p: p.client.account.details())),
    "users.credits": Call("/users/credits/", "safe", plain(lambda p: p.client.account.credits())),
    "users.register_otp": Call(
        "/users/register/otp/sent",
        "unsafe",
        plain(lambda p: p.client.account.send_registration_code(f"{p.word('code')}@example.com")),
        {"codes": 1},
    ),
    "users.register": Call("/users/register", "unsafe", a_newcomer, {"users": 1, "codes": -1}),
    "zipcodes.create": Call(
        "/zipcodes/create-zipcode/",
        "unsafe",
        plain(lambda p: p.client.zipcodes.create(p.word("Z"), domain_id=1)),
        {"zipcodes": 1},
    ),
    "zipcodes.list": Call("/zipcodes/get-zipcodes/", "safe", plain(lambda p: p.client.zipcodes.list())),
    "settings.domains": Call("/settings/domains/", "safe", plain(lambda p: p.client.settings.domains(refresh=True))),
    "settings.officeworks_stores": Call(
        "/settings/officeworks/stores/",
        "safe",
        plain(lambda p: p.client.settings.officeworks_stores(refresh=True)),
    ),
    "skus.create": Call(
        "/schedules/officeworks/sku/create/",
        "idempotent",
        with_new(stationery, lambda p, made: p.client.skus.create(made, "A1", **STORE)),
        {"asins": 1},
        lambda row: (row.sku, row.store_id, row.customer_postcode),
    ),
    "skus.create_multiple": Call(
        "/schedules/officeworks/sku/create/multiple/",
        "idempotent",
        with_new(stationery, lambda p, made: p.client.skus.create_many(made, ["A1", "A2"], **STORE)),
        {"asins": 2},
        taken,
    ),
    "skus.create_bulk": Call(
        "/schedules/officeworks/sku/create/bulk/",
        "idempotent",
        with_new(stationery, lambda p, made: p.client.skus.import_csv(made, sku_rows())),
        {"asins": 2},
        taken,
    ),
    "officeworks.categories": Call(
        "/schedules/officeworks/categories/", "safe", plain(lambda p: p.client.catalogue.categories())
    ),
    "officeworks.category_products": Call(
        "/schedules/officeworks/categories/products/",
        "safe",
        plain(lambda p: p.client.catalogue.products("technology/printers")),
    ),
    "plans.list": Call("/plans/get_plans/", "safe", plain(lambda p: p.client.billing.plans())),
    "plans.public": Call("/plans/public/", "safe", plain(lambda p: p.client.billing.public_plans())),
    "payments.invoice_pdf": Call("/users/payments/{invoice_id}/invoice.pdf", "safe", an_invoice),
}
