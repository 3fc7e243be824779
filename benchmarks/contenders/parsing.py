"""Records of a JSON file that is there already, all at once or one by one, as others do it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def with_json(options: Mapping[str, Any]) -> dict[str, Any]:
    """`json.load`."""
    with Path(options["source"]).open("rb") as file:
        return {"records": len(json.load(file))}


def with_pandas(options: Mapping[str, Any]) -> dict[str, Any]:
    """`json.load`, and a `pandas.DataFrame` of the list."""
    import pandas as pd  # noqa: PLC0415 -- not in the memory of the others

    with Path(options["source"]).open("rb") as file:
        return {"records": len(pd.DataFrame(json.load(file)))}


def with_orjson(options: Mapping[str, Any]) -> dict[str, Any]:
    """`orjson.loads`."""
    import orjson  # noqa: PLC0415 -- not in the memory of the others

    return {"records": len(orjson.loads(Path(options["source"]).read_bytes()))}


def with_ijson(options: Mapping[str, Any]) -> dict[str, Any]:
    """`ijson.items`, with the quickest backend that is there."""
    import ijson  # noqa: PLC0415 -- not in the memory of the others

    with Path(options["source"]).open("rb") as file:
        return {"records": sum(1 for _ in ijson.items(file, "item")), "backend": ijson.backend}
