"""What the tests of pruning share: things that disappear at the service."""

from __future__ import annotations

from pathlib import Path

from multicart_async.sandbox import Sandbox


def folders(folder: Path) -> list[str]:
    """All folders below a folder, the empty ones too."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_dir())


def drop_run(sandbox: Sandbox, run: int) -> None:
    """The service lists that run no more."""
    sandbox._state.db.execute("DELETE FROM runs WHERE id = ?", (run,))
    sandbox._state.db.commit()


def drop_collection(sandbox: Sandbox, collection: int) -> None:
    """Nothing of that collection is left at the service."""
    for table, column in (("runs", "collection"), ("asins", "collection"), ("collections", "id")):
        sandbox._state.db.execute(f"DELETE FROM {table} WHERE {column} = ?", (collection,))
    sandbox._state.db.commit()


def unlist(sandbox: Sandbox, collection: int, status: str = "draft") -> None:
    """A collection that exists and is not listed: a draft, or one that was disabled in the dashboard."""
    sandbox._state.db.execute("UPDATE collections SET status = ? WHERE id = ?", (status, collection))
    sandbox._state.db.commit()


def add_runs(sandbox: Sandbox, collection: int, count: int) -> list[int]:
    """New finished runs of a collection, a minute apart."""
    made: list[int] = []
    for _ in range(count):
        sandbox.advance(60)
        made.append(sandbox.start_run(collection))
        sandbox.advance(1)
    return made
