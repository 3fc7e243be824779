"""The commands that list, make, change and delete."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.command_kit import BackgroundSandbox, Commands, Terminal, background_sandbox

from multicart_async.errors import WaitTimeoutError
from multicart_async.models import AddResult

EMAIL = ("--notification-email", "ops@example.com")
PLACE = ("--domain", "amazon.com.au", "--postcode", "4500")


@pytest.fixture(scope="module")
def changing() -> Iterator[BackgroundSandbox]:
    """A sandbox for tests that change something."""
    with background_sandbox(1, zipcode_seconds=0) as served:
        yield served


@pytest.fixture
def change(plain: Commands, changing: BackgroundSandbox) -> Commands:
    """The command, with the sandbox `changing`."""
    return plain.at(changing)


def created(change: Commands, name: str = "Laptops") -> int:
    number: int = change("collections", "create", name, *EMAIL, "--json").document["id"]
    return number


def test_collections_are_listed_in_each_mode(multicart: Commands) -> None:
    """Ids for a loop, values for a pipe, objects for a program."""
    assert multicart("collections", "list", "-q").out.split() == ["105", "104", "103", "102", "101"]
    assert multicart("collections", "list").out.splitlines()[4].split("\t")[:4] == [
        "101",
        "Collection 101",
        "10",
        "enable",
    ]
    assert [row["asin_count"] for row in multicart("collections", "list", "--jsonl").rows] == [10] * 5
    assert len(multicart("collections", "list", "--json").document) == 5


def test_nothing_to_list_is_said(multicart: Commands) -> None:
    """On stderr, because stdout is data."""
    done = multicart("collections", "list", "--request-type", "officeworks.com.au")

    assert (done.status, done.out, done.err) == (0, "", "no collections\n")


def test_one_collection_is_shown(multicart: Commands) -> None:
    """A collection that is not there has status 1."""
    assert multicart("collections", "get", 101, "--json").document["name"] == "Collection 101"
    done = multicart("collections", "get", 999, "--json")
    assert (done.status, done.out, done.err) == (1, "", "multicart: collection 999: not found\n")


def test_a_collection_is_made_changed_and_deleted(change: Commands) -> None:
    """Each call prints the object."""
    number = created(change)

    assert change("collections", "update", number, "--name", "Screens", "--json").document["name"] == "Screens"
    done = change("collections", "delete", number, number, "--jsonl")
    assert done.rows == [{"collection_id": number, "deleted": True}]
    assert change("collections", "get", number).status == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("collections", "create", "Laptops"), "--notification-email is missing"),
        (("collections", "update", 101), "nothing to change"),
        (("collections", "delete"), "no collection is named"),
        (("collections", "delete", "x"), "positive integers, got 'x'"),
        (("collections", "import", "Laptops", "--csv", __file__), "--notification-email is missing"),
        (("asins", "add", 101), "no item is named"),
        (("asins", "add", 101, "B00007B5D7", "--domain", "amazon.com.au"), "--postcode is missing"),
        (("asins", "add", 101, "B00007B5D7", "--csv", __file__), "--csv excludes items"),
        (("skus", "add", 101, "X1"), "--store and --postcode is missing"),
        (("request", "/x/", "-f", "y"), "expected NAME=VALUE"),
        (("verify", ".", "--repair", "--dry-run"), "exclude each other"),
        (("sync", "x", "--shard", "2/2"), "0 <= I < N"),
        (("sync", "x", "--shard", f"0/{'9' * 5000}"), "0 <= I < N"),
        (("asins", "add", 101, "--csv", "none", "--dry-run"), "does not exist"),
        (("runs", "follow", "--state", "seen", "--dry-run"), "--state and --dry-run exclude each other"),
        (("runs", "estimate", "9" * 5000), "positive integers"),
        (("runs", "wait", f"101:{'9' * 5000}"), "expected COLLECTION:AFTER_RUN"),
        (("collections", "delete", "-"), "deleting what stdin names needs a confirmation"),
        (("runs", "start", 101, "--all", "--yes"), "--all and ids exclude each other"),
        (("runs", "wait", 101), "expected COLLECTION:AFTER_RUN"),
        (("runs", "wait", "101:x"), "expected COLLECTION:AFTER_RUN"),
    ],
)
def test_a_wrong_call_sends_nothing(multicart: Commands, words: tuple[object, ...], said: str) -> None:
    """Status 2, and what to do."""
    done = multicart(*words)

    assert (done.status, done.out) == (2, "")
    assert said in done.err


DRY = [
    (("collections", "create", "New", *EMAIL), "collection New would be created"),
    (("collections", "update", 101, "--priority", "High"), "collection 101 would be changed: priority"),
    (("collections", "delete", 101, 102), "2 collections to delete with all items: 101, 102"),
    (("asins", "add", 101, "B00007B5D7", *PLACE), "1 ASIN would be added to collection 101"),
    (("asins", "export", 101, "x.csv"), "would be written to x.csv"),
    (("asins", "remove", 5), "1 ASIN to remove: 5"),
    (("skus", "add", 101, "X1", "--store", "W411", "--postcode", "0800"), "1 SKU would be added to collection 101"),
    (("zipcodes", "ensure", "2000", "--domain", "amazon.com.au"), "postcode 2000 of amazon.com.au would be created"),
    (("category", "cancel", 101), "the scrape of collection 101 is stopped"),
    (("request", "/schedules/delete_schedule/", "-f", "schedule_id=101"), "POST /schedules/delete_schedule/ would"),
    (("request", "/users/credits/"), "fields: none"),
]


@pytest.mark.parametrize(("words", "said"), DRY)
def test_a_dry_run_says_what_would_be_done(
    multicart: Commands, shop: BackgroundSandbox, words: tuple[object, ...], said: str
) -> None:
    """And sends nothing that changes something."""
    before = shop.do(lambda sandbox: len(sandbox.requests))
    done = multicart(*words, "--dry-run")

    assert done.status == 0
    assert said in done.out
    assert shop.do(lambda sandbox: len(sandbox.requests)) == before
    assert isinstance(multicart(*words, "--dry-run", "--json").document, dict)


def test_deleting_asks_on_a_terminal(change: Commands) -> None:
    """The answer no has status 2, and nothing was sent; --yes does not ask."""
    number = created(change)

    done = change("collections", "delete", number, stdin=Terminal("n\n"))
    assert done.status == 2
    assert f"1 collection to delete with all items: {number}. Go on? [y/N]" in done.err
    assert change("collections", "get", number).status == 0
    assert change("collections", "delete", number, "--yes", stdin=Terminal()).status == 0


def test_a_csv_becomes_as_many_collections_as_it_needs(change: Commands, tmp_path: Path) -> None:
    """Domain and postcode are columns, or options."""
    path = tmp_path / "asins.csv"
    path.write_text(
        "domain,customer_postcode,asin\n" + "".join(f"amazon.com.au,4500,B0000000{n:02}\n" for n in range(5))
    )

    dry = change("collections", "import", "Lamps", "--csv", path, *EMAIL, "--dry-run")
    assert dry.out == "5 ASINs would be added to 1 collection\n"
    done = change("collections", "import", "Lamps", "--csv", path, "--size", 3, *EMAIL)
    assert [line.split("\t")[1:] for line in done.out.splitlines()] == [["Lamps 1", "3"], ["Lamps 2", "2"]]


def test_asins_are_added_listed_counted_exported_and_removed(change: Commands, tmp_path: Path) -> None:
    """The whole life of an item."""
    number = created(change)
    added = change("asins", "add", number, "-", *PLACE, "--json", stdin="B000000001 B000000002\nB000000003\n")
    assert added.document["success_count"] == 3
    assert change("asins", "count", number).out == "3\n"
    listed = change("asins", "list", number, "--jsonl").rows
    assert [row["asin"] for row in listed] == ["B000000001", "B000000002", "B000000003"]

    path = tmp_path / "asins.csv"
    assert change("asins", "export", number, path, "--json").document == {"rows": 3, "path": str(path)}
    assert change("asins", "remove", listed[0]["id"], listed[1]["id"], "--jsonl").rows == [
        {"asin_id": row["id"], "removed": True} for row in listed[:2]
    ]
    done = change("asins", "add", number, "--csv", path)
    assert done.status == 1  # one of them is there already
    assert "rejected" in done.err


def test_one_item_that_is_gone_does_not_stop_the_others(change: Commands) -> None:
    """Its status is 1."""
    number = created(change)
    change("asins", "add", number, "B000000001", *PLACE)
    asin_id = change("asins", "list", number, "-q").out.strip()
    done = change("asins", "remove", 999_999, asin_id, "--jsonl")

    assert (done.status, done.rows) == (1, [{"asin_id": int(asin_id), "removed": True}])
    assert "item 999999: not found" in done.err


def test_a_schedule_has_its_times(change: Commands, changing: BackgroundSandbox) -> None:
    """As JSON; without them it may run each hour, which is a warning."""
    words = ("collections", "create", "Daily", *EMAIL, "--schedule", "Daily", "--json")
    done = change(*words, "--schedule-time", '{"hours": ["06.00"]}')
    assert (done.status, done.err) == (0, "")
    sent = changing.do(lambda sandbox: sandbox.requests[-1].fields)
    assert sent is not None
    assert (sent["schedule"], sent["schedule_time"]) == ("Daily", {"hours": ["06.00"]})

    assert "multicart: warning: " in change(*words).err
    for wrong in ("[]", "{"):
        assert change(*words, "--schedule-time", wrong).status == 2


def test_a_wait_that_has_started_nothing_says_how_to_go_on(
    change: Commands, changing: BackgroundSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Status 6, and the command."""
    with background_sandbox(1, zipcode_seconds=100) as served:
        change.at(served)
        words = ("--domain", "amazon.com.au", "--timeout", 0.02, "--poll-interval", 0.01)
        for command in (("zipcodes", "ensure", "2000"), ("asins", "add", 101, "B000000001", "--postcode", "2000")):
            done = change(*command, *words)
            assert done.status == 6
            assert "wait for it again: multicart zipcodes ensure 2000 --domain amazon.com.au" in done.err

    async def not_listed(*_: object, **__: object) -> None:
        error = WaitTimeoutError("9 of 10 items are listed")
        error.report = AddResult(success_count=10)
        raise error

    change.at(changing)
    monkeypatch.setattr("multicart_async.resources.asins.Asins.add", not_listed)
    done = change("asins", "add", 101, "B000000001", *PLACE)
    assert (done.status, "multicart asins count 101" in done.err) == (6, True)


def test_skus_are_added(change: Commands, tmp_path: Path) -> None:
    """One by one, or from a CSV."""
    words = ("--request-type", "officeworks.com.au", "--json")
    number = change("collections", "create", "Pens", *EMAIL, *words).document["id"]
    assert change("zipcodes", "ensure", "0800", "--domain", "officeworks.com.au", "--poll-interval", 0.01).status == 0

    done = change("skus", "add", number, "JBMS310BK", "--store", "W411", "--postcode", "0800", "--json")
    assert done.document["success_count"] == 1
    path = tmp_path / "skus.csv"
    path.write_text("sku,customer_postcode,store_id\nJBMS311BK,0800,W411\n")
    assert change("skus", "add", number, "--csv", path, "--json").document["success_count"] == 1


def test_postcodes_are_listed_and_made_ready(change: Commands) -> None:
    """`ensure` waits until a new one is active."""
    done = change("zipcodes", "ensure", "2000", "--domain", "amazon.com.au", "--poll-interval", 0.01, "--json")

    assert (done.document["zipcode"], done.document["status"]) == ("2000", "active")
    listed = change("zipcodes", "list", "--status", "active", "--jsonl").rows
    assert {"4500", "2000"} <= {row["zipcode"] for row in listed}


def test_any_call_can_be_made(change: Commands) -> None:
    """A value is JSON if it can be read as such, else text; credentials in the response show dots."""
    number = created(change)
    done = change("request", "/schedules/update_schedule/", "-f", f"schedule_id={number}", "-f", "name=[x")
    assert done.status == 0
    assert json.loads(change("request", "/schedules/get/", "-f", f"schedule_id={number}").out)["name"] == "[x"

    login = change("request", "/users/login", "-f", "email=ops@example.com", "-f", "password=S3cur3p@ss")
    assert json.loads(login.out)["token"] == "••••••••"


def test_an_unknown_domain_is_refused_before_anything_is_made(
    change: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that does not agree with itself, or has no ASINs, too."""
    path = tmp_path / "asins.csv"
    for content, said in (
        ("asin,domain\nB000000001,amazon.com\nB000000002,amazon.com.au\n", "--domain: all ASINs"),
        ("asin\nB000000001\n", "--domain is missing"),
        ("asins\nB000000001\n", "no column asin"),
        ("", "no column asin"),
        ("asin\n\xff", "no CSV in UTF-8"),
    ):
        path.write_bytes(content.encode("latin-1"))
        done = change("collections", "import", "Lamps", "--csv", path, *EMAIL)
        assert (done.status, said in done.err) == (2, True), done.err
    path.chmod(0o000)
    monkeypatch.setattr("multicart_async.cli._asin_file.open", _unreadable, raising=False)
    done = change("collections", "import", "Lamps", "--csv", path, *EMAIL)
    assert (done.status, "Input/output error" in done.err) == (1, True)


def _unreadable(*_: object, **__: object) -> None:
    raise OSError(5, "Input/output error")
