"""Every method of the client, called with every argument that goes over the wire: a table for `drive.py`."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import attrs

from multicart_async import AsyncMultiCart, PollPolicy
from multicart_async.models import CategoryRequest, CategoryRun, Run, StartedCategory, StartedRun
from multicart_async.sandbox import Sandbox

SOON = PollPolicy(poll_interval=0.02, wait_timeout=30)
TEXT = "ops@example.com"
PLACE = {"domain": "amazon.com.au", "postcode": "4500"}
STORE = {"store_id": "W411", "postcode": "4500"}
CATEGORY = "https://www.amazon.com.au/s?rh=n%3A4851693051&dc"
MINUTES = {"minutes_frequency": "30", "days_of_week": ["monday"], "hours": ["08.00", "12.00"]}
ASINS_CSV = b"domain,customer_postcode,asin,include_raw_html\namazon.com.au,4500,B0CSV00001,true\n"
SKUS_CSV = b"sku,customer_postcode,store_id\nCSV00001,4500,W411\n"


@attrs.define(kw_only=True)
class Place:
    """What the calls find in the sandbox; no two of them need the same thing unchanged."""

    sandbox: Sandbox
    folder: Path
    finished: int
    doomed: Iterator[int]
    stationery: int
    asins: Iterator[int]
    output: int
    started: StartedRun
    run: Run
    category: StartedCategory
    category_run: CategoryRun


Call = Callable[[AsyncMultiCart, Place], Awaitable[object]]


async def every(values: AsyncIterator[Any]) -> list[Any]:
    """All that comes; a failure among the outcomes of a bulk call is raised."""
    found = [value async for value in values]
    for value in found:
        if getattr(value, "error", None) is not None:
            raise value.error
    return found


async def read(client: AsyncMultiCart, place: Place) -> int:
    """The size of a page file."""
    async with client.stream(place.run.download_links.pages[0]) as stream:
        return sum([len(piece) async for piece in stream])


async def register(client: AsyncMultiCart, place: Place) -> object:
    """A new account, by the code that was mailed."""
    await client.account.send_registration_code("new@example.com")
    return await client.account.register(
        name="Bob",
        email="new@example.com",
        password="correct horse",
        otp=place.sandbox.registration_code("new@example.com"),
        country="Australia",
        business_name="Bob's",
        address_1="1 Creek Rd",
    )


async def new_zipcode(client: AsyncMultiCart, _: Place) -> object:
    """A postcode, created and waited for."""
    created = await client.zipcodes.create("4000", domain_id=1)
    return await client.zipcodes.wait_active(created.id, policy=SOON)


async def mirror(client: AsyncMultiCart, place: Place) -> None:
    """A mirror, its failures raised."""
    (await client.sync(place.folder / "mirror", collections=[place.finished], files="both")).raise_for_failures()


CALLS: tuple[tuple[str, Call], ...] = (
    ("request", lambda c, p: c.request("/schedules/get/", {"schedule_id": p.finished}, safety="safe")),
    ("stream", read),
    ("sync", mirror),
    ("verify", lambda c, p: c.verify(p.folder / "mirror")),
    (
        "collections.create",
        lambda c, _: c.collections.create(
            "AU Laptops",
            notification_email=TEXT,
            schedule="Every X Minutes",
            priority="High",
            fetch_mode="availability_only",
            schedule_time=MINUTES,
            destinations="none",
        ),
    ),
    (
        "collections.create_sharded",
        lambda c, _: c.collections.create_sharded(
            "Shard", ["B0SHARD001", "B0SHARD002", "B0SHARD003"], notification_email=TEXT, size=2, **PLACE
        ),
    ),
    ("collections.list", lambda c, _: c.collections.list(sort_by="updated_at", sort_order="asc")),
    ("collections.get", lambda c, p: c.collections.get(p.finished)),
    (
        "collections.update",
        lambda c, p: c.collections.update(
            next(p.doomed),
            name="Other",
            schedule="Weekly",
            priority="Lowest",
            notification_email=TEXT,
            fetch_mode="full",
            schedule_time=MINUTES,
        ),
    ),
    ("collections.delete", lambda c, p: c.collections.delete(next(p.doomed))),
    ("collections.delete_many", lambda c, p: c.collections.delete_many([next(p.doomed), next(p.doomed)])),
    ("runs.start", lambda c, p: c.runs.start(next(p.doomed))),
    ("runs.start_many", lambda c, p: every(c.runs.start_many([next(p.doomed)]))),
    ("runs.list", lambda c, p: c.runs.list(p.finished, skip=0, limit=5)),
    ("runs.iterate", lambda c, p: every(c.runs.iterate(p.finished))),
    ("runs.latest", lambda c, p: c.runs.latest(p.finished)),
    ("runs.wait", lambda c, p: c.runs.wait(p.started, policy=SOON)),
    ("runs.start_and_wait", lambda c, p: c.runs.start_and_wait(next(p.doomed), policy=SOON)),
    ("runs.watch", lambda c, p: every(c.runs.watch(p.started, policy=SOON))),
    ("runs.wait_many", lambda c, p: every(c.runs.wait_many([p.started], policy=SOON))),
    (
        "runs.run_many",
        lambda c, p: every(c.runs.run_many([next(p.doomed)], p.folder, policy=SOON, check_credits=True)),
    ),
    ("runs.download", lambda c, p: c.runs.download(p.run, p.folder / "run", files="both")),
    ("runs.records", lambda c, p: every(c.runs.records(p.run))),
    ("runs.missing_items", lambda c, p: c.runs.missing_items(p.run)),
    ("asins.add", lambda c, p: c.asins.add(next(p.doomed), ["B0ADD00001"], policy=SOON, **PLACE)),
    (
        "asins.create",
        lambda c, p: c.asins.create(
            next(p.doomed),
            "B0CREATE01",
            domain_id=1,
            zipcode_id=15,
            custom_id="ref-001",
            include_raw_html=False,
            output="HTML",
        ),
    ),
    (
        "asins.create_many",
        lambda c, p: c.asins.create_many(next(p.doomed), ["B0MANY0001"], include_raw_html=True, **PLACE),
    ),
    ("asins.import_csv", lambda c, p: c.asins.import_csv(next(p.doomed), ASINS_CSV)),
    ("asins.export_csv", lambda c, p: c.asins.export_csv(p.finished, p.folder / "asins.csv")),
    ("asins.list", lambda c, p: c.asins.list(p.finished, skip=1, limit=2)),
    ("asins.iterate", lambda c, p: every(c.asins.iterate(p.finished))),
    ("asins.count", lambda c, p: c.asins.count(p.finished)),
    ("asins.wait_ingested", lambda c, p: c.asins.wait_ingested(p.finished, 1, policy=SOON)),
    ("asins.get", lambda c, p: c.asins.get(next(p.asins))),
    (
        "asins.update",
        lambda c, p: c.asins.update(
            next(p.asins), asin="B0UPDATE01", include_raw_html=True, output="JSON", custom_id="ref-updated"
        ),
    ),
    ("asins.delete", lambda c, p: c.asins.delete(next(p.asins))),
    ("outputs.list", lambda c, p: c.outputs.list(p.finished, skip=0, limit=1)),
    ("outputs.iterate", lambda c, p: every(c.outputs.iterate(p.finished))),
    ("outputs.get", lambda c, p: c.outputs.get(p.output)),
    (
        "categories.submit",
        lambda c, _: c.categories.submit(
            CATEGORY,
            amazon_node_id="4851693051",
            name="Laptops",
            filter_prime_ships_from_au=True,
            filter_delivery_day="within_2_days",
            price_min_cents=0,
            price_max_cents=50000,
            notification_email=TEXT,
            priority="Normal",
            **PLACE,
        ),
    ),
    (
        "categories.submit_many",
        lambda c, p: every(c.categories.submit_many([CategoryRequest(CATEGORY, **PLACE)], p.folder, policy=SOON)),
    ),
    (
        "categories.submit_and_wait",
        lambda c, _: c.categories.submit_and_wait(CATEGORY, filter_delivery_day=None, policy=SOON, **PLACE),
    ),
    ("categories.result", lambda c, p: c.categories.result(p.category.collection_id)),
    ("categories.wait", lambda c, p: c.categories.wait(p.category, policy=SOON)),
    ("categories.watch", lambda c, p: every(c.categories.watch(p.category, policy=SOON))),
    ("categories.download", lambda c, p: c.categories.download(p.category_run, p.folder / "category")),
    ("categories.cancel", lambda c, p: c.categories.cancel(p.category.collection_id)),
    ("skus.create", lambda c, p: c.skus.create(p.stationery, "JBMS310BK", **STORE)),
    ("skus.create_many", lambda c, p: c.skus.create_many(p.stationery, ["HPLAP001", "DLLAT002"], **STORE)),
    ("skus.import_csv", lambda c, p: c.skus.import_csv(p.stationery, SKUS_CSV)),
    ("catalogue.categories", lambda c, _: c.catalogue.categories(flat=True, seo_path="technology")),
    ("catalogue.products", lambda c, _: c.catalogue.products("technology/computers/laptops")),
    ("zipcodes.create", new_zipcode),
    ("zipcodes.list", lambda c, _: c.zipcodes.list(status="active", domain_id=1)),
    ("zipcodes.wait_active", lambda c, _: c.zipcodes.wait_active(15, policy=SOON)),
    ("zipcodes.ensure", lambda c, _: c.zipcodes.ensure("3000", domain="amazon.com.au", policy=SOON)),
    ("settings.domains", lambda c, _: c.settings.domains(refresh=True)),
    ("settings.officeworks_stores", lambda c, _: c.settings.officeworks_stores(refresh=True)),
    ("account.login", lambda c, _: c.account.login(TEXT, "S3cur3p@ss")),
    ("account.profile", lambda c, _: c.account.profile()),
    (
        "account.update_profile",
        lambda c, _: c.account.update_profile(
            name="Alice Smith", email=TEXT, timezone="Australia/Brisbane", notification_emails=True
        ),
    ),
    ("account.details", lambda c, _: c.account.details()),
    ("account.credits", lambda c, _: c.account.credits()),
    ("account.send_registration_code", lambda c, _: c.account.send_registration_code("other@example.com")),
    ("account.register", register),
    ("billing.plans", lambda c, _: c.billing.plans()),
    ("billing.public_plans", lambda c, _: c.billing.public_plans()),
    ("billing.download_invoice", lambda c, p: c.billing.download_invoice(1, p.folder / "invoices")),
)


def methods(client: AsyncMultiCart) -> set[str]:
    """Every public method of the client and of its groups, as the table calls them."""
    groups = {name: value for name, value in vars(client).items() if not name.startswith("_")}
    own = {name for name in public(client) if name != "aclose"}
    return own.union(*({f"{group}.{name}" for name in public(value)} for group, value in groups.items()))


def public(value: object) -> list[str]:
    """The names of its public methods."""
    return [name for name, _ in inspect.getmembers(type(value), inspect.isfunction) if not name.startswith("_")]
