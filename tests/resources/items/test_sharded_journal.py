"""``collections.create_sharded`` with a journal: made again, with more ASINs too, it goes on where it was."""

# ruff: noqa: ASYNC240 -- nothing else runs here meanwhile

from __future__ import annotations

import asyncio
import json
import threading
from pathlib import Path
from typing import Any

import pytest
from support.eventually import until
from support.fakes import FakeTransport, ok, refused
from support.shard_service import ADD, CREATE, FIVE, PLACE, ShardService, call, failed, notes, warned

from multicart_async.errors import (
    APIConnectionError,
    APITimeoutError,
    ArgumentError,
    DiskError,
    MultiCartError,
    NotFoundError,
    OutcomeUnknownError,
)
from multicart_async.models import ErrorRow
from multicart_async.resources._journal_file import JournalFile
from multicart_async.resources.runs._journal import RunJournal

HEAD = '{"journal": "multicart_async shards", "version": 1}\n'
FOR = json.dumps({"state": "for", **PLACE}) + "\n"


def lost() -> APITimeoutError:
    """An answer that did not come."""
    return APITimeoutError(CREATE, "no answer")


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "shards.journal"


async def test_each_step_is_noted(journal: Path) -> None:
    """What is meant before, and what came of it after."""
    await call(ShardService(), ["A", "B", "C"], journal)

    added = {"error_rows": [], "assumed": 0, "blank_rows": 0}
    assert "".join(journal.read_text().splitlines(keepends=True)[:2]) == HEAD + FOR
    assert notes(journal) == [
        {"state": "placed", "shard": 1, "items": ["A", "B"]},
        {"state": "placed", "shard": 2, "items": ["C"]},
        {"state": "intent", "shard": 1, "name": "AU 1"},
        {"state": "created", "shard": 1, "collection": 101},
        {"state": "filling", "shard": 1},
        {"state": "filled", "shard": 1, "added": {"success_count": 2, **added}},
        {"state": "intent", "shard": 2, "name": "AU 2"},
        {"state": "created", "shard": 2, "collection": 102},
        {"state": "filling", "shard": 2},
        {"state": "filled", "shard": 2, "added": {"success_count": 1, **added}},
    ]


async def test_what_is_meant_is_on_disk_before_it_is_sent(journal: Path) -> None:
    """The last line at each request."""
    last: list[str] = []

    class Watched(ShardService):
        async def post(self, path: str, body: Any, *, new_connection: bool = False, public: bool = False) -> Any:
            last.append(notes(journal)[-1]["state"])
            return await super().post(path, body)

    await call(Watched(), ["A", "B", "C"], journal)

    assert last == ["intent", "filling"] * 2


async def test_what_is_finished_is_not_touched(journal: Path) -> None:
    """The second call gives the same, with what was refused, and sends nothing."""
    rows = [{"asin": "B", "error": "Invalid ASIN"}]
    answers = ok({"id": 101, "name": "AU 1"}), ok({"success_count": 1, "error_rows": rows})
    first = await call(FakeTransport(*answers), ["A", "B"], journal)

    assert first == await call(FakeTransport(), ["B", "A"], journal)
    assert first[0].added.error_rows == (ErrorRow(asin="B", error="Invalid ASIN"),)


async def test_new_asins_fill_existing_collections_first(journal: Path) -> None:
    """New ASINs fill free places, then new collections; earlier ones keep their places, also if the list lacks them now."""
    service = ShardService()
    before = await call(service, ["A", "B", "C"], journal)
    service.arm()
    after = await call(service, ["E", "C", "D", "F"], journal)

    assert [shard.asins for shard in before] == [("A", "B"), ("C",)]
    assert [shard.asins for shard in after] == [("A", "B"), ("C", "E"), ("D", "F")]
    assert [(path, fields.get("collection"), fields.get("asins")) for path, fields in service.sent] == [
        (ADD, 102, "E"),
        (CREATE, None, None),
        (ADD, 103, "D,F"),
    ]
    service.check(after, ["A", "B", "C", "D", "E", "F"], 2)


async def test_without_a_journal_nothing_is_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And every call makes collections of its own."""
    monkeypatch.chdir(tmp_path)
    service = ShardService()
    await call(service, FIVE, None)
    await call(service, FIVE, None)

    assert len(service.collections) == 6
    assert [*tmp_path.iterdir()] == []


async def test_a_creation_with_a_lost_answer_is_repeated_with_warning(journal: Path) -> None:
    """A creation whose answer was lost is repeated with a warning that names the draft; once it is known, the warning ends."""
    error = await failed(FakeTransport(lost()), ["A"], journal)
    shards, drafts = await warned(ShardService(), ["A"], journal)

    assert isinstance(error, OutcomeUnknownError)
    assert drafts == ["AU 1"]
    assert [shard.asins for shard in shards] == [("A",)]
    assert (await warned(FakeTransport(), ["A"], journal))[1] == []


@pytest.mark.parametrize(
    ("trouble", "drafts"),
    [
        (refused(402), []),
        (refused(429), []),
        (APIConnectionError(CREATE, "no connection", sent=False), []),
        (refused(500), ["AU 1"]),
        (ok("not a collection"), ["AU 1"]),
    ],
    ids=["no credits", "too many", "never sent", "the service's own 500", "no collection"],
)
async def test_only_a_certain_no_is_a_refusal(journal: Path, trouble: Any, drafts: list[str]) -> None:
    """Then there is no draft to look for."""
    await failed(FakeTransport(trouble), ["A"], journal)

    assert drafts == (await warned(ShardService(), ["A"], journal))[1]


async def test_duplicates_are_our_own_only_after_an_interrupted_call(journal: Path) -> None:
    """What was sent and not answered: A and B. C is somebody else's, who put it into the same collection."""
    await failed(FakeTransport(ok({"id": 101, "name": "AU 1"}), lost()), ["A", "B"], journal)
    rows = [{"asin": item, "error": "Duplicate entry"} for item in "ABC"]
    rows.append({"asin": "D", "error": "Invalid ASIN"})
    answer = ok({"success_count": 0, "error_rows": rows})
    (shard,) = await call(FakeTransport(answer), ["A", "B", "C", "D"], journal, 4)

    assert (shard.added.success_count, shard.added.assumed) == (2, 2)
    assert [row.item for row in shard.added.error_rows] == ["C", "D"]


async def test_a_collection_that_was_deleted_is_not_made_again(journal: Path) -> None:
    """The service does not find it: that error, and what is finished."""
    service = ShardService()
    await call(service, ["A", "B", "C"], journal)
    del service.collections[102]
    error = await failed(service, FIVE, journal)

    assert isinstance(error, NotFoundError)
    assert [shard.name for shard in error.report] == ["AU 1"]
    assert error.__notes__ == ["Collection 102, 'AU 2', exists, and does not have all its items."]


async def test_what_earlier_calls_finished_is_in_the_report(journal: Path) -> None:
    """Also what comes after the place of the failure."""
    await call(ShardService(), ["A", "B", "C"], journal)
    text = journal.read_text()
    journal.write_text(text.replace('"items": ["A", "B"]', '"items": ["A"]'))
    error = await failed(FakeTransport(refused(500)), ["A", "C", "D"], journal)

    assert [shard.name for shard in error.report] == ["AU 2"]


@pytest.mark.parametrize("other", [{"name": "NZ"}, {"domain": "amazon.com"}, {"postcode": "2000"}], ids=str)
async def test_a_journal_is_for_one_name_domain_and_postcode(journal: Path, other: dict[str, str]) -> None:
    """Nothing is sent, and it stays as it is."""
    await call(ShardService(), FIVE, journal)
    content = journal.read_text()
    with pytest.raises(ArgumentError, match=r"\Ajournal: .* belongs to 'AU' \(amazon.com.au, 4500\)"):
        await call(FakeTransport(), FIVE, journal, **other)

    assert content == journal.read_text()


async def test_journals_of_runs_and_collections_are_not_mixed_up(journal: Path, tmp_path: Path) -> None:
    """The journals of runs and of collections each reject the other."""
    await call(ShardService(), FIVE, journal)
    async with RunJournal(tmp_path / "runs"):
        pass

    assert "expected a journal of this kind" in str(await failed(FakeTransport(), FIVE, tmp_path / "runs"))
    with pytest.raises(ArgumentError, match="expected a journal of this kind"):
        async with RunJournal(journal):
            pass


PLACED = '{"state": "placed", "shard": 1, "items": ["A", "B"]}'
INTENT = '{"state": "intent", "shard": 1, "name": "AU 1"}'
CREATED = '{"state": "created", "shard": 1, "collection": 101}'
FILLING = '{"state": "filling", "shard": 1}'
FILLED = '{"state": "filled", "shard": 1, "added": {"success_count": 2, "error_rows": []}}'


@pytest.mark.parametrize(
    "lines",
    [
        ["[]"],
        ["{}"],
        [FOR.strip()],
        ['{"state": "placed", "items": ["A"]}'],
        ['{"state": "placed", "shard": 1}'],
        ['{"state": "placed", "shard": 1, "items": []}'],
        ['{"state": "placed", "shard": 1, "items": "A"}'],
        ['{"state": "placed", "shard": 1, "items": ["A", "A"]}'],
        ['{"state": "placed", "shard": 2, "items": ["A"]}'],
        ['{"state": "placed", "shard": 0, "items": ["A"]}'],
        ['{"state": "placed", "shard": true, "items": ["A"]}'],
        [PLACED, PLACED],
        [PLACED, '{"state": "placed", "shard": 2, "items": ["B"]}'],
        [PLACED, '{"state": "forgotten", "shard": 1}'],
        [INTENT],
        [PLACED, CREATED],
        [PLACED, INTENT, '{"state": "created", "shard": 1}'],
        [PLACED, INTENT, '{"state": "created", "shard": 1, "collection": 0}'],
        [PLACED, INTENT, CREATED, CREATED],
        [PLACED, INTENT, CREATED, INTENT],
        [PLACED, INTENT, CREATED, '{"state": "refused", "shard": 1}'],
        [PLACED, '{"state": "refused", "shard": 1}'],
        [PLACED, FILLING],
        [PLACED, INTENT, CREATED, FILLED],
        [PLACED, INTENT, CREATED, FILLING, '{"state": "filled", "shard": 1}'],
        [PLACED, INTENT, CREATED, FILLING, FILLED, FILLED],
        [PLACED, INTENT, CREATED, FILLING, FILLED, FILLING],
    ],
)
async def test_a_damaged_journal_is_refused_and_left_alone(journal: Path, lines: list[str]) -> None:
    """What does not follow from what stands before it: nothing is created on its account."""
    content = HEAD + FOR + "\n".join([*lines, ""])
    journal.write_text(content)

    assert "damaged" in str(await failed(FakeTransport(), FIVE, journal))
    assert content == journal.read_text()


async def test_the_lines_above_make_sense_in_their_order(journal: Path) -> None:
    """Otherwise the refusals would prove nothing."""
    journal.write_text(HEAD + FOR + f"{PLACED}\n{INTENT}\n{CREATED}\n{FILLING}\n{FILLED}\n")

    assert [(shard.collection_id, shard.asins) for shard in await call(FakeTransport(), ["A"], journal)] == [
        (101, ("A", "B"))
    ]


async def test_a_journal_in_use_is_refused(journal: Path) -> None:
    """Two calls at a time would create everything twice."""
    refusals: list[MultiCartError] = []

    class Watched(ShardService):
        async def post(self, path: str, body: Any, *, new_connection: bool = False, public: bool = False) -> Any:
            refusals.append(await failed(FakeTransport(), ["A"], journal))
            return await super().post(path, body)

    await call(Watched(), ["A"], journal)

    assert {str(error).split(" by ")[0][-6:] for error in refusals} == {"in use"}
    assert len(refusals) == 2


async def test_a_journal_that_was_refused_is_let_go(journal: Path) -> None:
    """It can be opened again at once."""
    await call(ShardService(), ["A"], journal)
    with pytest.raises(ArgumentError) as refusal:
        await call(FakeTransport(), ["A"], journal, name="NZ")

    assert len(await call(FakeTransport(), ["A"], journal)) == 1
    assert refusal.value.argument == "journal"


async def test_a_cancelled_opening_lets_the_journal_go(journal: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It comes when a thread has the file open and its lock."""
    locked, go_on = threading.Event(), threading.Event()
    lock = JournalFile._lock

    def slowly(self: JournalFile, file: Any) -> None:
        lock(self, file)
        locked.set()
        go_on.wait(10)

    with monkeypatch.context() as patch:
        patch.setattr(JournalFile, "_lock", slowly)
        task = asyncio.ensure_future(call(FakeTransport(), ["A"], journal))
        await until(locked.is_set)
        task.cancel()
        await asyncio.sleep(0)
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await task

    assert len(await call(ShardService(), ["A"], journal)) == 1


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ("placed", None),
        ("intent", None),
        ("created", "Collection 101, 'AU 1', exists, and does not have all its items."),
        ("filling", "Collection 101, 'AU 1', exists, and does not have all its items."),
        ("filled", "Collection 101, 'AU 1', exists, and does not have all its items."),
    ],
)
async def test_what_cannot_be_noted_has_no_consequence(
    journal: Path, state: str, told: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk: nothing follows from that line, and the error tells which collection nobody has noted."""
    service, append = ShardService(), JournalFile.append

    def full(self: JournalFile, *rows: Any) -> None:
        if rows[0].get("state") == state:
            raise DiskError("journal", "No space left on device", 28)
        append(self, *rows)

    with monkeypatch.context() as patch:
        patch.setattr(JournalFile, "append", full)
        error = await failed(service, ["A"], journal)
    sent = {"placed": 0, "intent": 0, "created": 1, "filling": 1, "filled": 2}[state]

    assert isinstance(error, DiskError)
    assert error.report == ()
    assert ([] if told is None else [told]) == getattr(error, "__notes__", [])
    assert sent == len(service.sent)
    shards, lost_ones = await warned(service, ["A"], journal)
    service.check(shards, ["A"], 2)
    assert (["AU 1"] if state == "created" else []) == lost_ones
