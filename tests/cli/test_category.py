"""``multicart category``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.command_kit import BackgroundSandbox, Commands, Terminal, background_sandbox

URL = "https://www.amazon.com.au/s?rh=n%3A4851693051"
PLACE = ("--domain", "amazon.com.au", "--postcode", "4500")
FAST = ("--poll-interval", 0.01)


@pytest.fixture(scope="module")
def scraping() -> Iterator[BackgroundSandbox]:
    """A sandbox with 1,000 credits, whose scrapes find 48 products at once."""
    with background_sandbox(0, credits=1000, instant=True) as served:
        yield served


@pytest.fixture
def scrape(plain: Commands, scraping: BackgroundSandbox) -> Commands:
    """The command, with the sandbox `scraping`."""
    return plain.at(scraping)


def test_a_category_is_submitted_waited_for_and_downloaded(scrape: Commands, tmp_path: Path) -> None:
    """Each step prints what the next one needs."""
    started = scrape("category", "submit", URL, *PLACE, "--name", "Laptops", "--yes", "--json").document
    number = started["collection_id"]

    assert scrape("category", "wait", number, *FAST, "--json").document["id"] == started["runner_id"]
    assert "would be downloaded" in scrape("category", "download", number, "--dry-run").out
    done = scrape("category", "download", number, "--dest", tmp_path, "--json").document
    assert [file["name"].rpartition(".")[2] for file in done["files"]] == ["json", "csv"]
    assert scrape("category", "cancel", number, "--json").document == {"collection_id": number, "revoked": False}


def test_a_wait_that_times_out_says_how_to_go_on(plain: Commands) -> None:
    """Status 6."""
    with background_sandbox(0, scrape_seconds_per_item=10) as served:
        number = plain.at(served)("category", "submit", URL, *PLACE, "--yes", "-q").out.strip()
        done = plain("category", "wait", number, "--timeout", 0.02, *FAST)

    assert done.status == 6
    assert f"wait for it again: multicart category wait {number}" in done.err


def test_run_does_all_of_it(scrape: Commands, tmp_path: Path) -> None:
    """For several categories."""
    done = scrape("category", "run", URL, *PLACE, "--dest", tmp_path, "--yes", "--jsonl", *FAST)

    assert done.status == 0
    assert [(row["ok"], row["run"]["asin_count"], row["files"]) for row in done.rows] == [(True, 48, 2)]


def test_a_failed_category_is_named_by_its_url(scrape: Commands) -> None:
    """It has no collection yet."""
    done = scrape("category", "run", URL, "--domain", "amazon.com", "--postcode", "00000", "--yes", "--jsonl", *FAST)

    row = done.rows[0]
    assert (done.status, row["collection_id"], row["category_url"], row["code"]) == (1, None, URL, 400)
    assert f"multicart: {URL}: " in done.err


def test_what_it_may_cost_is_asked(scrape: Commands, scraping: BackgroundSandbox) -> None:
    """The number of products is not known before."""
    done = scrape("category", "submit", URL, *PLACE, stdin=Terminal("n\n"))

    assert done.status == 2
    assert "1 category scrape, one credit for each product found: up to " in done.err
    assert scrape("category", "submit", URL, *PLACE).status == 2
    assert scrape("category", "submit", URL, *PLACE, stdin=Terminal("y\n")).status == 0


@pytest.mark.parametrize("word", ["submit", "run"])
def test_a_limit_that_cannot_be_kept_is_refused(scrape: Commands, word: str) -> None:
    """Unless not more than the limit is spendable at all."""
    done = scrape("category", word, URL, *PLACE, "--yes", "--max-credits", 10)

    assert done.status == 4
    assert "--max-credits 10 cannot be kept" in done.err
    dry = scrape("category", word, URL, *PLACE, "--dry-run", "--max-credits", 10_000, "--json")
    assert (dry.status, dry.document["scrapes"], dry.document["items"]) == (0, 1, None)


def test_an_unknown_number_of_credits_is_said(scrape: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    """The response of the credits call is not documented."""
    monkeypatch.setattr("multicart_async.models.account.Credits.spendable", None)

    assert "up to an unknown number of credits" in scrape("category", "submit", URL, *PLACE, "--dry-run").out
