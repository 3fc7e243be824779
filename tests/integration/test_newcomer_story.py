"""From an address to the first result: register, log in, add items for a postcode that does not exist yet, run."""

from __future__ import annotations

from contextlib import asynccontextmanager

import anyio
import pytest
from support.eventually import until

from multicart_async import AsyncMultiCart, PollPolicy
from multicart_async.errors import (
    BadRequestError,
    ConfigurationError,
    ConflictError,
    InsufficientCreditsError,
    NotFoundError,
)
from multicart_async.sandbox import Sandbox

EMAIL, PASSWORD = "new@example.com", "correct horse"
EAGER = PollPolicy(poll_interval=0.001, max_poll_interval=0.01, wait_timeout=30)
ZIPCODES = "/zipcodes/get-zipcodes/"


@asynccontextmanager
async def newcomer(sandbox: Sandbox):
    """A client of somebody who has just registered."""
    async with AsyncMultiCart(base_url=sandbox.url) as stranger:
        await stranger.account.send_registration_code(EMAIL)
        code = sandbox.registration_code(EMAIL)
        await stranger.account.register(name="Nora", email=EMAIL, password=PASSWORD, otp=code, country="Australia")
        login = await stranger.account.login(EMAIL, PASSWORD)
    async with AsyncMultiCart(token=login.token, base_url=sandbox.url) as client:
        yield client


async def test_a_stranger_is_told_what_is_missing(sandbox) -> None:
    """Public calls work without a credential, others say before anything is sent what they need."""
    async with AsyncMultiCart(base_url=sandbox.url) as stranger:
        assert "amazon.com.au" in {row.domain for row in await stranger.settings.domains()}
        sent = len(sandbox.requests)
        with pytest.raises(ConfigurationError, match="needs a credential: pass api_key or token"):
            await stranger.account.profile()

    assert sent == len(sandbox.requests)


async def test_who_registers_has_a_profile_and_500_credits(sandbox) -> None:
    """The session that the login gave is theirs, and so is what they change."""
    async with newcomer(sandbox) as client:
        profile = await client.account.profile()
        await client.account.update_profile(name="Nora Jones", timezone="Australia/Brisbane", notification_emails=True)
        changed = await client.account.profile()
        credit = await client.account.credits()

    assert (profile.name, profile.email) == ("Nora", EMAIL)
    assert (profile.id, "Nora Jones") == (changed.id, changed.name)
    assert (credit.available_credits, credit.spendable) == (500, 500)


async def test_a_session_reads_the_key_and_the_key_works(sandbox) -> None:
    """The same account by either credential; what the documentation does not show is in ``data``."""
    async with newcomer(sandbox) as client:
        mine = await client.account.profile()
        key = (await client.account.details()).data["api_key"]
    async with AsyncMultiCart(key, base_url=sandbox.url) as client:
        assert mine == await client.account.profile()


async def test_a_wrong_code_or_a_second_registration_makes_no_account(sandbox) -> None:
    """Both are refusals that say so; a wrong password is one too."""
    async with newcomer(sandbox), AsyncMultiCart(base_url=sandbox.url) as stranger:
        with pytest.raises(ConflictError):
            await stranger.account.send_registration_code(EMAIL)
        await stranger.account.send_registration_code("other@example.com")
        with pytest.raises(BadRequestError, match="code"):
            await stranger.account.register(
                name="Otto", email="other@example.com", password="x", otp="000000", country="Australia"
            )
        with pytest.raises(BadRequestError, match="password"):
            await stranger.account.login("other@example.com", "x")


async def test_the_first_result(sandbox, tmp_path) -> None:
    """Collection, items for a new postcode, run, files, records: what was added is what comes."""
    asins = {"B0DJQQ38TG", "B0ABC12345", "B0XYZ99999"}
    async with newcomer(sandbox) as client:
        made = await client.collections.create("AU Laptops", notification_email=EMAIL)
        added = await client.asins.add(made.id, asins, domain="amazon.com.au", postcode="3000", policy=EAGER)
        enabled = await client.collections.get(made.id)
        run = await client.runs.start_and_wait(made.id, policy=EAGER)
        download = await client.runs.download(run, tmp_path, files="both")
        records = [record async for record in client.runs.records(run)]
        credit = await client.account.credits()

    assert (made.status, enabled.status) == ("draft", "enable")
    assert (added.success_count, added.error_rows) == (3, ())
    assert [file.name for file in download.files] == ["page-0001.json", "all-pages.zip"]
    assert asins == {record["asin"] for record in records}
    assert (credit.used_credits, credit.spendable) == (3, 497)


async def test_items_wait_for_their_postcode() -> None:
    """Its cookies take 40 seconds; nothing is added before it is active."""
    async with Sandbox(clock="manual", zipcode_seconds=40) as sandbox, newcomer(sandbox) as client:
        made = await client.collections.create("AU Laptops", notification_email=EMAIL)

        async def add() -> None:
            added = await client.asins.add(made.id, ["B1"], domain="amazon.com.au", postcode="3000", policy=EAGER)
            assert added.success_count == 1

        async with anyio.create_task_group() as group:
            group.start_soon(add)
            await until(lambda: sandbox.counts[ZIPCODES] >= 5)
            assert [row.status for row in await client.zipcodes.list()] == ["in-progress"]
            assert await client.asins.count(made.id) == 0
            sandbox.advance(40)
        assert sandbox.ignored_fields == []


async def test_a_run_that_costs_more_than_the_500_credits_is_refused(sandbox) -> None:
    """Nothing is deducted, and no run is there."""
    async with newcomer(sandbox) as client:
        made = await client.collections.create("AU Laptops", notification_email=EMAIL)
        asins = [f"B{number}" for number in range(501)]
        await client.asins.add(made.id, asins, domain="amazon.com.au", postcode="3000", policy=EAGER)
        with pytest.raises(InsufficientCreditsError, match="need 501 but have 500"):
            await client.runs.start(made.id)

        assert (await client.account.credits()).spendable == 500
        assert await client.runs.list(made.id) == ()


async def test_what_belongs_to_others_is_not_there(sandbox) -> None:
    """A newcomer sees nothing of the account that was there before."""
    (theirs,) = sandbox.add_collections(1)
    async with newcomer(sandbox) as client:
        assert await client.collections.list() == ()
        with pytest.raises(NotFoundError):
            await client.collections.get(theirs)
