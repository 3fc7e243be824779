"""Everything that a client can be asked to do, with secrets where there are any."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final

from multicart_async import AsyncMultiCart, PollPolicy
from multicart_async.models import DownloadLinks, Run

KEY: Final = "mc_live_9f.c4n4ry/+Zm9v=b4r&7f<3a9d"
HEADER: Final = "Bearer g4t3way/+s3cr3t=h34d3r"
PASSWORD: Final = 'p4ss/"w\\0rd+=&<é7f3a9d'
CODE: Final = 482931
SECRETS: Final = (KEY, KEY.partition(".")[2], HEADER, HEADER.partition(" ")[2], PASSWORD, str(CODE))
EMAIL: Final = "ops@example.com"
AMAZON: Final[Mapping[str, Any]] = {"domain": "amazon.com.au", "postcode": "4500"}
STORE: Final[Mapping[str, Any]] = {"store_id": "W411", "postcode": "4500"}
LINK: Final = "/api/v1/results/101/88/AU_88_Results_Page_1.json"
RUN: Final = Run(id=88, collection=101, is_download_generated=True, download_links=DownloadLinks(pages=(LINK,)))
ROWS: Final = b"domain,customer_postcode,asin,include_raw_html\r\namazon.com.au,4500,B0DJQQ38TG,0\r\n"

Verb = Callable[[AsyncMultiCart, Path], Awaitable[Any]]


async def stream(client: AsyncMultiCart, folder: Path) -> None:
    """The bytes of a file."""
    async with client.stream(LINK) as pieces:
        async for piece in pieces:
            del piece  # what the caller keeps is not looked at


async def records(client: AsyncMultiCart, folder: Path) -> None:
    """The records of a run."""
    async for record in client.runs.records(RUN):
        del record


async def follow(client: AsyncMultiCart, folder: Path) -> None:
    """What finishes, until nothing has for a moment."""
    async for run in client.runs.follow(since="all", policy=PollPolicy(poll_interval=0.01, wait_timeout=0.05)):
        del run


async def register(client: AsyncMultiCart, folder: Path) -> None:
    """A new account."""
    await client.account.register(
        name="Alice", email=EMAIL, password=PASSWORD, otp=CODE, country="Australia", extra={"again": [PASSWORD]}
    )


async def everything(client: AsyncMultiCart, folder: Path) -> None:
    """A mirror that fails at last."""
    (await client.sync(folder / "mirror", collections=[101])).raise_for_failures()


VERBS: Final[dict[str, Verb]] = {
    "login": lambda c, _: c.account.login(EMAIL, PASSWORD),
    "register": register,
    "register by text": lambda c, _: c.account.register(
        name="Alice", email=EMAIL, password=PASSWORD, otp=str(CODE), country="Australia"
    ),
    "update profile": lambda c, _: c.account.update_profile(
        name="Alice", extra={"password": PASSWORD, "otp": {"of": CODE}}
    ),
    "request": lambda c, _: c.request("/users/change-password/", {"old": PASSWORD, "codes": [CODE, str(CODE)]}),
    "repeated request": lambda c, _: c.request("/users/reset/", {"password": PASSWORD, "otp": CODE}, safety="safe"),
    "details": lambda c, _: c.account.details(),
    "profile": lambda c, _: c.account.profile(),
    "credits": lambda c, _: c.account.credits(),
    "send code": lambda c, _: c.account.send_registration_code(EMAIL),
    "stream": stream,
    "records": records,
    "download": lambda c, folder: c.runs.download(RUN, folder / "run"),
    "invoice": lambda c, folder: c.billing.download_invoice(1, folder / "invoice"),
    "sync": everything,
    "collections.create": lambda c, _: c.collections.create("AU", notification_email=EMAIL),
    "collections.list": lambda c, _: c.collections.list(),
    "collections.get": lambda c, _: c.collections.get(101),
    "collections.update": lambda c, _: c.collections.update(101, priority="Low"),
    "collections.delete": lambda c, _: c.collections.delete(101),
    "collections.delete_many": lambda c, _: c.collections.delete_many([101, 102]),
    "runs.start": lambda c, _: c.runs.start(101),
    "runs.list": lambda c, _: c.runs.list(101),
    "runs.estimate": lambda c, _: c.runs.estimate([101]),
    "runs.follow": follow,
    "runs.missing_items": lambda c, _: c.runs.missing_items(RUN),
    "runs.latest": lambda c, _: c.runs.latest(101),
    "asins.create": lambda c, _: c.asins.create(101, "B1", domain_id=1, zipcode_id=15),
    "asins.create_many": lambda c, _: c.asins.create_many(101, ["B1", "B2"], **AMAZON),
    "asins.import_csv": lambda c, _: c.asins.import_csv(101, ROWS),
    "asins.list": lambda c, _: c.asins.list(101),
    "asins.get": lambda c, _: c.asins.get(1),
    "asins.update": lambda c, _: c.asins.update(1, custom_id="x"),
    "asins.delete": lambda c, _: c.asins.delete(1),
    "outputs.list": lambda c, _: c.outputs.list(101),
    "outputs.get": lambda c, _: c.outputs.get(1),
    "categories.submit": lambda c, _: c.categories.submit("https://www.amazon.com.au/b?node=5130777051", **AMAZON),
    "categories.result": lambda c, _: c.categories.result(101),
    "categories.cancel": lambda c, _: c.categories.cancel(101),
    "zipcodes.create": lambda c, _: c.zipcodes.create("4500", domain_id=1),
    "zipcodes.list": lambda c, _: c.zipcodes.list(),
    "domains": lambda c, _: c.settings.domains(refresh=True),
    "stores": lambda c, _: c.settings.officeworks_stores(refresh=True),
    "skus.create": lambda c, _: c.skus.create(101, "A1", **STORE),
    "skus.create_many": lambda c, _: c.skus.create_many(101, ["A1", "A2"], **STORE),
    "skus.import_csv": lambda c, _: c.skus.import_csv(101, b"sku,customer_postcode,store_id\r\n1,4500,2\r\n"),
    "catalogue.categories": lambda c, _: c.catalogue.categories(),
    "catalogue.products": lambda c, _: c.catalogue.products("technology/printers"),
    "plans": lambda c, _: c.billing.plans(),
    "public plans": lambda c, _: c.billing.public_plans(),
}
FEW: Final = {
    name: VERBS[name] for name in ("login", "register", "request", "profile", "stream", "records", "download")
}
