"""Every verb of the client, called as a user would, so that a hostile service can answer it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import attrs

from multicart_async import AsyncMultiCart, PollPolicy
from multicart_async.models import AsinRow, CategoryRequest, Run, SkuRow, StartedRun
from multicart_async.sinks import MemorySink

__all__ = ["CODE", "PASSWORD", "VERBS", "Scene"]

PASSWORD = "correct/horse=battery+staple"
CODE = "483920"
NODE = "https://www.amazon.com.au/b?node=5130777051"
AMAZON: Mapping[str, Any] = {"domain": "amazon.com.au", "postcode": "4500"}
STORE: Mapping[str, Any] = {"store_id": "W411", "postcode": "4500"}
POLICY = PollPolicy(poll_interval=0.02, max_poll_interval=0.05, wait_timeout=0.4)
MAX_ROWS = 2_000  # rows that are taken from what may never end


@attrs.define
class Scene:
    """A client, what it knows of the service, and a folder."""

    client: AsyncMultiCart
    collections: list[int]
    folder: Path
    url: str
    run: Run | None = None
    count: int = 0

    @property
    def one(self) -> int:
        """A collection."""
        return self.collections[0]

    def word(self) -> str:
        """A name that was not used before."""
        self.count += 1
        return f"word{self.count:05d}"

    async def some_run(self) -> Run:
        """A finished run, as the service gave it when it was asked at last; one of our own where it never did."""
        if self.run is None:
            self.run = await self.client.runs.latest(self.one)
        assert self.run is not None or self.collections
        return self.run or Run(id=1, collection=self.one, is_download_generated=True)


async def drained(rows: AsyncIterator[Any]) -> list[Any]:
    """What comes, up to a bound."""
    found: list[Any] = []
    async for row in rows:
        found.append(row)
        if len(found) >= MAX_ROWS:
            break
    await rows.aclose()  # type: ignore[attr-defined]
    return found


async def latest(scene: Scene) -> Run | None:
    """The newest run; it is remembered for other verbs."""
    found = await scene.client.runs.latest(scene.one)
    scene.run = found or scene.run
    return found


async def download(scene: Scene, **options: Any) -> Any:
    """The files of a run."""
    return await scene.client.runs.download(await scene.some_run(), scene.folder, **options)


async def records(scene: Scene, **options: Any) -> Any:
    """Its records."""
    return await drained(scene.client.runs.records(await scene.some_run(), **options))


async def missing_items(scene: Scene) -> Any:
    """The items that a run did not bring."""
    return await scene.client.runs.missing_items(await scene.some_run())


async def raw(scene: Scene) -> int:
    """The bytes of a page, as they come."""
    run = await scene.some_run()
    links = run.download_links.pages or (f"{scene.url}/results/1/1/AU_1_Results_Page_1.json",)
    size = 0
    async with scene.client.stream(links[0]) as stream:
        async for piece in stream:
            size += len(piece)
    return size


async def submit_many(scene: Scene) -> list[Any]:
    """Two category scrapes."""
    requests = [CategoryRequest(NODE, **AMAZON), CategoryRequest(f"{NODE}1", **AMAZON)]
    return await drained(scene.client.categories.submit_many(requests, scene.folder, policy=POLICY))


async def category(scene: Scene) -> Any:
    """The result of a category scrape, to the folder."""
    run = await scene.client.categories.submit_and_wait(NODE, **AMAZON, policy=POLICY)
    return await scene.client.categories.download(run, scene.folder)


async def run_many(scene: Scene) -> list[Any]:
    """Two runs, with a journal of their own."""
    journal = scene.folder.parent / f"{scene.word()}.journal"
    return await drained(scene.client.runs.run_many(scene.collections, scene.folder, policy=POLICY, journal=journal))


async def wait_many(scene: Scene) -> list[Any]:
    """For two runs, of which one may never come."""
    started = [StartedRun(scene.one, 0), StartedRun(scene.collections[-1], 1_000)]
    return await drained(scene.client.runs.wait_many(started, policy=POLICY))


async def follow(scene: Scene) -> list[Any]:
    """Until nothing has finished for a moment."""
    state = scene.folder.parent / f"{scene.word()}.state"
    return await drained(scene.client.runs.follow(since="all", state=state, policy=POLICY))


async def sharded(scene: Scene) -> Any:
    """A list in three collections."""
    asins = [f"B{number:09d}" for number in range(7)]
    journal = scene.folder.parent / f"{scene.word()}.shards"
    return await scene.client.collections.create_sharded(
        scene.word(), asins, notification_email="ops@example.com", size=3, journal=journal, **AMAZON
    )


VERBS: Mapping[str, Callable[[Scene], Awaitable[Any]]] = {
    "account.login": lambda s: s.client.account.login("ops@example.com", PASSWORD),
    "account.profile": lambda s: s.client.account.profile(),
    "account.update_profile": lambda s: s.client.account.update_profile(name=s.word(), extra={"secret": PASSWORD}),
    "account.details": lambda s: s.client.account.details(),
    "account.credits": lambda s: s.client.account.credits(),
    "account.send_registration_code": lambda s: s.client.account.send_registration_code(f"{s.word()}@example.com"),
    "account.register": lambda s: s.client.account.register(
        name="Nora", email=f"{s.word()}@example.com", password=PASSWORD, otp=CODE, country="Australia"
    ),
    "billing.plans": lambda s: s.client.billing.plans(),
    "billing.public_plans": lambda s: s.client.billing.public_plans(),
    "billing.download_invoice": lambda s: s.client.billing.download_invoice(1, s.folder),
    "catalogue.categories": lambda s: s.client.catalogue.categories(),
    "catalogue.products": lambda s: s.client.catalogue.products("technology/laptops"),
    "settings.domains": lambda s: s.client.settings.domains(refresh=True),
    "settings.officeworks_stores": lambda s: s.client.settings.officeworks_stores(refresh=True),
    "zipcodes.create": lambda s: s.client.zipcodes.create("2000", domain_id=1),
    "zipcodes.list": lambda s: s.client.zipcodes.list(),
    "zipcodes.wait_active": lambda s: s.client.zipcodes.wait_active(15, policy=POLICY),
    "zipcodes.ensure": lambda s: s.client.zipcodes.ensure("4500", domain="amazon.com.au", policy=POLICY),
    "collections.create": lambda s: s.client.collections.create(s.word(), notification_email="ops@example.com"),
    "collections.create_sharded": sharded,
    "collections.list": lambda s: s.client.collections.list(),
    "collections.get": lambda s: s.client.collections.get(s.one),
    "collections.update": lambda s: s.client.collections.update(s.one, name=s.word()),
    "collections.delete": lambda s: s.client.collections.delete(10**6),
    "collections.delete_many": lambda s: s.client.collections.delete_many([10**6, 10**6 + 1]),
    "asins.create": lambda s: s.client.asins.create(s.one, s.word().upper(), domain_id=1, zipcode_id=15),
    "asins.create_many": lambda s: s.client.asins.create_many(s.one, [s.word().upper() for _ in range(3)], **AMAZON),
    "asins.add": lambda s: s.client.asins.add(s.one, [s.word().upper()], **AMAZON, policy=POLICY),
    "asins.import_csv": lambda s: s.client.asins.import_csv(
        s.one, [AsinRow("amazon.com.au", "4500", s.word().upper(), False)]
    ),
    "asins.export_csv": lambda s: s.client.asins.export_csv(s.one, s.folder / "asins.csv"),
    "asins.list": lambda s: s.client.asins.list(s.one),
    "asins.iterate": lambda s: drained(s.client.asins.iterate(s.one)),
    "asins.count": lambda s: s.client.asins.count(s.one),
    "asins.wait_ingested": lambda s: s.client.asins.wait_ingested(s.one, 5, policy=POLICY),
    "asins.get": lambda s: s.client.asins.get(1),
    "asins.update": lambda s: s.client.asins.update(1, custom_id=s.word()),
    "asins.delete": lambda s: s.client.asins.delete(10**6),
    "skus.create": lambda s: s.client.skus.create(s.one, s.word().upper(), **STORE),
    "skus.create_many": lambda s: s.client.skus.create_many(s.one, [s.word().upper()], **STORE),
    "skus.import_csv": lambda s: s.client.skus.import_csv(s.one, [SkuRow(s.word().upper(), "4500", "W411")]),
    "runs.start": lambda s: s.client.runs.start(s.one),
    "runs.start_many": lambda s: drained(s.client.runs.start_many(s.collections)),
    "runs.list": lambda s: s.client.runs.list(s.one),
    "runs.iterate": lambda s: drained(s.client.runs.iterate(s.one)),
    "runs.latest": latest,
    "runs.wait": lambda s: s.client.runs.wait(StartedRun(s.one, 0), policy=POLICY),
    "runs.start_and_wait": lambda s: s.client.runs.start_and_wait(s.one, policy=POLICY),
    "runs.watch": lambda s: drained(s.client.runs.watch(StartedRun(s.one, 0), policy=POLICY)),
    "runs.wait_many": wait_many,
    "runs.run_many": run_many,
    "runs.estimate": lambda s: s.client.runs.estimate(s.collections),
    "runs.follow": follow,
    "runs.download": download,
    "runs.download again": lambda s: download(s, overwrite=True, files="both", count_records=True),
    "runs.records": records,
    "runs.records skipping": lambda s: records(s, on_invalid="skip"),
    "runs.missing_items": missing_items,
    "categories.submit": lambda s: s.client.categories.submit(NODE, **AMAZON),
    "categories.submit_and_wait": lambda s: s.client.categories.submit_and_wait(NODE, **AMAZON, policy=POLICY),
    "categories.submit_many": submit_many,
    "categories.result": lambda s: s.client.categories.result(s.one),
    "categories.wait": lambda s: s.client.categories.wait(s.one, policy=POLICY),
    "categories.watch": lambda s: drained(s.client.categories.watch(s.one, policy=POLICY)),
    "categories.download": category,
    "categories.cancel": lambda s: s.client.categories.cancel(s.one),
    "outputs.list": lambda s: s.client.outputs.list(s.one),
    "outputs.iterate": lambda s: drained(s.client.outputs.iterate(s.one)),
    "outputs.get": lambda s: s.client.outputs.get(1),
    "request": lambda s: s.client.request("/users/change-password/", {"old_password": PASSWORD}),
    "stream": raw,
    "sync": lambda s: s.client.sync(s.folder),
    "sync all": lambda s: s.client.sync(s.folder, runs="all", files="both", check="all", prune=True, keep=2),
    "sync to memory": lambda s: s.client.sync(MemorySink(), count_records=True),
    "verify": lambda s: s.client.verify(s.folder),
    "verify and repair": lambda s: s.client.verify(s.folder, repair=True),
}
