"""Mirrors for the tests of the report: written as `sync` writes them, with prices that drift."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from multicart_async._downloads.manifest import MANIFEST, Manifest, ManifestFile, iter_manifest

START = datetime(2026, 11, 3, 6, 0, tzinfo=UTC)
PAGE = 100  # records


def write_run(
    root: Path,
    collection: int,
    run: int,
    records: Sequence[Any],
    *,
    at: datetime | None = START,
    label: str = "AU Laptops",
    differences: tuple[str, ...] = (),
    fields: Mapping[str, Any] = {},
) -> Path:
    """Write a run with its manifest, and return its folder."""
    folder = root / str(collection) / str(run)
    folder.mkdir(parents=True)
    files = []
    for number, start in enumerate(range(0, len(records), PAGE), 1):
        content = json.dumps(records[start : start + PAGE]).encode()
        name = f"page-{number:04d}.json"
        (folder / name).write_bytes(content)
        service_name = f"{label}_{run}_Results_Page_{number}.json"
        files.append(ManifestFile(name, len(content), hashlib.sha256(content).hexdigest(), None, service_name))
    write_manifest(folder, files, differences, {**({"updated_at": at.isoformat()} if at else {}), **fields})
    return folder


def write_manifest(
    folder: Path, files: Sequence[ManifestFile], differences: tuple[str, ...] = (), fields: Mapping[str, Any] = {}
) -> None:
    """Write the manifest of a run."""
    collection, run = int(folder.parent.name), int(folder.name)
    described = {"id": run, "collection": collection, **fields}
    manifest = Manifest(collection, run, described, tuple(files), differences)
    (folder / MANIFEST).write_bytes(b"".join(iter_manifest(manifest)))


def record(key: str, price: Any = "$5.00", availability: Any = "In Stock", title: Any = None) -> dict[str, Any]:
    """The record of a product."""
    return {
        "asin": key,
        "title": f"Item {key}" if title is None else title,
        "price": price,
        "availability": availability,
    }


def demo_mirror(root: Path, *, items: int = 200, runs: int = 12) -> Path:
    """Three collections with a sale, an interrupted run, a damaged page, a difference, and a collection without runs."""
    for number, (label, nouns, sign) in enumerate(_SHOPS):
        _Shop(random.Random(number), label, nouns, sign).write(root, 101 + number, items, runs)
    (root / "104").mkdir(parents=True)
    interrupted = root / "102" / str(_run_id(102, runs))
    interrupted.mkdir()
    (interrupted / "page-0001.json").write_text("[")
    damaged = root / "103" / str(_run_id(103, runs // 2)) / "page-0001.json"
    damaged.write_bytes(damaged.read_bytes().replace(b"In Stock", b"in Stock", 1))
    return root


def _run_id(collection: int, number: int) -> int:
    return 80 + number * 3 + collection % 3


_SHOPS = (
    ("AU Laptops", ("Laptop", "Notebook", "Chromebook", "2-in-1 Laptop"), "$"),
    ("Office & Stationery", ("Gel Pens", "A4 Copy Paper", "Notebook", "Desk Lamp", "Stapler"), "A$"),
    ("Coffee Machines", ("Espresso Machine", "Milk Frother", "Burr Grinder", "Pour-Over Kettle"), "$"),
)
_BRANDS = ("Aurelia", "Northway", "Kestrel", "Bellbird", "Pinnacle", "Lumen", "Tamar", "Corvus & Sons")
_DETAILS = (
    "15.6-inch, 16 GB, 512 GB, Silver", "Black, Pack of 12", "2026 Model with USB-C and a very long description of all it can do",
    "Stainless Steel, 1.2 L", "“Everyday” Edition", "Graphite (Renewed)", "with Travel Case", "Twin Pack",
)  # fmt: skip


class _Shop:
    """A collection whose prices drift, with a sale in the last runs."""

    def __init__(self, chance: random.Random, label: str, nouns: Sequence[str], sign: str) -> None:
        self.chance, self.label, self.nouns, self.sign = chance, label, nouns, sign
        self.made = 0
        self.prices: dict[str, float] = {}
        self.titles: dict[str, str] = {}
        self.stock: dict[str, str] = {}

    def write(self, root: Path, collection: int, items: int, runs: int) -> None:
        for _ in range(items):
            self.grow()
        at = START
        for number in range(runs):
            at += timedelta(hours=self.chance.choice((20, 24, 26, 30, 72 if number == runs // 2 else 24)))
            self.step(sale=number >= runs - 2)
            said = ("run has 200 records, and the service says 201",) if (collection, number) == (102, 3) else ()
            write_run(
                root, collection, _run_id(collection, number), self.records(), at=at, label=self.label, differences=said
            )

    def grow(self) -> None:
        self.made += 1
        key = f"B0{self.chance.getrandbits(40):08X}"[:10]
        self.titles[key] = (
            f"{self.chance.choice(_BRANDS)} {self.chance.choice(self.nouns)} {self.chance.choice(_DETAILS)}"
        )
        self.prices[key] = round(self.chance.lognormvariate(5, 0.7), 2)
        self.stock[key] = "In Stock"

    def step(self, *, sale: bool) -> None:
        for key in [*self.prices]:
            if self.chance.random() < 0.12:
                self.prices[key] = round(self.prices[key] * self.chance.uniform(0.93, 1.08), 2)
            if sale and self.chance.random() < 0.12:
                self.prices[key] = round(self.prices[key] * self.chance.uniform(0.65, 0.9), 2)
            if self.chance.random() < 0.03:
                self.stock[key] = self.chance.choice(
                    (
                        "In Stock",
                        "In Stock",
                        "Only 3 left in stock",
                        "Currently unavailable",
                        "Usually ships in 2 weeks",
                    )
                )
        for key in self.chance.sample([*self.prices], 2):
            for values in (self.prices, self.titles, self.stock):
                del values[key]  # type: ignore[attr-defined]
        for _ in range(self.chance.choice((1, 2, 3))):
            self.grow()

    def records(self) -> list[dict[str, Any]]:
        return [
            record(
                key,
                None if self.chance.random() < 0.01 else f"{self.sign}{price:,.2f}",
                self.stock[key],
                self.titles[key],
            )
            for key, price in self.prices.items()
        ]
