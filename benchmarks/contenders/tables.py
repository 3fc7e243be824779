"""The pages of a mirror as one table, as this library and others make it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from multicart_async.tables import export


class WithoutPandas:
    """Finds no pandas: pyarrow imports it wherever it is, for 45 MiB, and makes no use of it here."""

    @staticmethod
    def find_spec(name: str, *_: object) -> None:
        if name == "pandas":
            raise ModuleNotFoundError(name)


async def ours(options: Mapping[str, Any]) -> dict[str, Any]:
    """`tables.export`, to a name that says the format."""
    sys.meta_path.insert(0, WithoutPandas)
    report = await export(options["source"], Path(options["dest"]) / options["name"])
    return {"rows": report.rows, "bytes": report.bytes}


def with_duckdb(options: Mapping[str, Any]) -> None:
    """`read_json` with all records as the sample, since it loses late fields otherwise; nested values stay nested."""
    import duckdb  # noqa: PLC0415 -- not in the memory of the others

    pages, dest = f"{options['source']}/*/*/page-*.json", Path(options["dest"]) / "table.parquet"
    duckdb.sql(f"COPY (FROM read_json('{pages}', sample_size=-1)) TO '{dest}' (FORMAT parquet, COMPRESSION zstd)")


def with_polars(options: Mapping[str, Any]) -> None:
    """`read_json` of each page, joined with the fields of all."""
    import polars as pl  # noqa: PLC0415 -- not in the memory of the others

    frames = [pl.read_json(page, infer_schema_length=None) for page in _pages(options)]
    pl.concat(frames, how="diagonal_relaxed").write_parquet(Path(options["dest"]) / "table.parquet")


def with_pandas(options: Mapping[str, Any]) -> None:
    """`json.load`, and one data frame of all records."""
    import pandas as pd  # noqa: PLC0415 -- not in the memory of the others

    records = [record for page in _pages(options) for record in json.loads(page.read_bytes())]
    pd.DataFrame(records).to_parquet(Path(options["dest"]) / "table.parquet", compression="zstd")


def with_json(options: Mapping[str, Any]) -> None:
    """A loop of `json.load` and `json.dumps`."""
    with (Path(options["dest"]) / "table.jsonl").open("w", encoding="utf-8") as lines:
        for page in _pages(options):
            with page.open("rb") as file:
                for record in json.load(file):
                    lines.write(json.dumps(record) + "\n")


def _pages(options: Mapping[str, Any]) -> Iterator[Path]:
    return iter(sorted(Path(options["source"]).glob("*/*/page-*.json")))
