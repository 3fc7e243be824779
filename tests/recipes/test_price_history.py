"""The notebook on price history, run by a kernel on a sandbox."""

from __future__ import annotations

import base64
import os
from copy import deepcopy
from pathlib import Path

import pytest

from multicart_async.sandbox import Sandbox

pytestmark = pytest.mark.heavy
nbclient = pytest.importorskip("nbclient", reason="in the dependency group recipes")
pytest.importorskip("matplotlib", reason="in the dependency group recipes")
pytest.importorskip("ipykernel", reason="in the dependency group recipes")

EXAMPLE = Path(__file__).parents[2] / "examples" / "price_history.py"
PNG = b"\x89PNG\r\n\x1a\n"


def outputs(cell) -> list[dict[str, str]]:
    """What a cell shows, by type; what it prints arrives in pieces, and is one text."""
    assert not [each for each in cell.outputs if each.get("name") == "stderr"], cell.outputs
    printed = "".join(each["text"] for each in cell.outputs if each.output_type == "stream")
    shown = [each["data"] for each in cell.outputs if each.output_type != "stream"]
    return [{"text/plain": printed}, *shown] if printed else shown


def cell_with(cells, text: str):
    """The only cell with that text."""
    (found,) = [cell for cell in cells if cell.cell_type == "code" and text in cell.source]
    return found


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the packages that talk to the kernel
async def test_the_notebook_shows_tables_and_a_plot(tmp_path, monkeypatch) -> None:
    """Eight runs as a table, what changed and a picture; the cell that costs credits runs twice, and starts one run."""
    from support.notebooks import notebook  # noqa: PLC0415 -- it needs nbformat

    made = notebook(EXAMPLE.read_text("utf-8").replace("START = False", "START = True"))
    paid = next(number for number, cell in enumerate(made.cells) if "run_many" in cell.source)
    made.cells.insert(paid + 1, deepcopy(made.cells[paid]))
    made.cells[paid + 1].id = "again"
    for name in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "MPLCONFIGDIR"):
        monkeypatch.setenv(name, os.fspath(tmp_path / name))
    async with Sandbox(instant=True) as sandbox:
        monkeypatch.setenv("MULTICART_BASE_URL", sandbox.url)
        monkeypatch.setenv("MULTICART_API_KEY", sandbox.api_key)
        sandbox.add_collections(1, runs=7, items=5)
        await nbclient.NotebookClient(made, resources={"metadata": {"path": os.fspath(tmp_path)}}).async_execute()

    assert sandbox.counts["/schedules/run/result/"] == 1
    (told,) = outputs(cell_with(made.cells, "client.sync"))
    assert told["text/plain"] == "8 runs were fetched, 0 were there, 0 failed\n"
    (listed,) = outputs(cell_with(made.cells, "collections.list"))
    (tail,) = outputs(cell_with(made.cells, "records.tail"))
    (changed,) = outputs(cell_with(made.cells, "change.to_dict"))
    assert "Collection 101" in listed["text/html"]
    assert tail["text/html"].count("<tr>") == 5
    assert "<td>price</td>" in changed["text/html"]
    (plot,) = outputs(cell_with(made.cells, "plt.show"))
    picture = base64.b64decode(plot["image/png"])
    (tmp_path / "plot.png").write_bytes(picture)
    assert picture.startswith(PNG)
    assert len(picture) > 10_000
