"""Account and plans: each documented example is sent exactly, each documented answer arrives whole."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from support.fakes import FakeFile, FakeTransport
from support.groups import BASE, groups_over
from test_documented import Call, Row, check, newer, over

CALLS: dict[str, Call] = {
    "users.login": lambda groups, row: groups.account.login(row["email"], row["password"]),
    "users.profile": lambda groups, _: groups.account.profile(),
    "users.profile_update": lambda groups, row: groups.account.update_profile(**row),
    "users.account_details": lambda groups, _: groups.account.details(),
    "users.credits": lambda groups, _: groups.account.credits(),
    "users.register_otp": lambda groups, row: groups.account.send_registration_code(row["email"]),
    "users.register": lambda groups, row: groups.account.register(**row),
    "plans.list": lambda groups, _: groups.billing.plans(),
    "plans.public": lambda groups, _: groups.billing.public_plans(),
}
WITH_MODEL = ["users.login", "users.profile", "plans.list"]
LISTS = {"plans.list", "plans.public"}


def test_every_endpoint_of_account_and_plans_is_covered(endpoints: dict[str, Row]) -> None:
    """All but the invoice, which is a file."""
    documented = {name for name in endpoints if name.startswith(("users.", "plans.", "payments."))}

    assert documented - {"payments.invoice_pdf"} == set(CALLS)


@pytest.mark.parametrize("name", sorted(CALLS))
async def test_the_documented_request_is_sent_exactly(endpoints: dict[str, Row], name: str) -> None:
    """By its method, with its fields and no other; where no body is documented, with none of them."""
    row = endpoints[name]
    answer = row["response"] or {"data": [] if name in LISTS else {}}
    groups = over(answer["data"], name)
    await CALLS[name](groups, row["request"])

    assert groups.transport.sent == [(row["path"], row["request"] or {})]
    assert groups.transport.methods == [row["method"]]
    assert groups.transport.public == [row["auth"] == "public"]


@pytest.mark.parametrize("name", sorted(CALLS))
def test_every_documented_parameter_has_a_place(endpoints: dict[str, Row], name: str) -> None:
    """As an argument of its method."""
    known: dict[str, Any] = {
        "users.login": {"email", "password"},
        "users.profile_update": {"name", "email", "timezone", "notification_emails"},
        "users.register_otp": {"email"},
        "users.register": {"name", "email", "password", "otp", "country", "business_name", "address_1"},
    }

    assert known.get(name, set()) == {param["name"] for param in endpoints[name]["params"]}


async def test_the_documented_invoice_is_asked_for_exactly(endpoints: dict[str, Row], tmp_path: Path) -> None:
    """By GET, as a file."""
    row = endpoints["payments.invoice_pdf"]
    url = BASE + row["path"].format(invoice_id=7)
    groups = groups_over(FakeTransport(files={url: FakeFile.whole(b"%PDF-1.4\nstartxref\n9\n%%EOF")}))
    await groups.billing.download_invoice(7, tmp_path)

    assert ("GET", [(url, {})]) == (row["method"], groups.transport.opened)


@pytest.mark.parametrize("name", WITH_MODEL)
@pytest.mark.parametrize("later", [False, True])
async def test_the_documented_answer_arrives_with_all_of_its_fields(
    endpoints: dict[str, Row], name: str, later: bool
) -> None:
    """Under their own names; what a later version adds is in ``extra``, at every depth."""
    row = endpoints[name]
    wire = copy.deepcopy(row["response"]["data"])
    wire = newer(wire) if later else wire
    value = await CALLS[name](over(wire, name), row["request"])
    extra: Row = {"brand_new": [{"x": None}]} if later else {}

    check(value if isinstance(wire, list) else (value,), wire if isinstance(wire, list) else [wire], extra)
