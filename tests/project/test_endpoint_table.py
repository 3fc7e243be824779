"""Every call of the service: documented path, right safety class, a route in the sandbox."""

from __future__ import annotations

import pkgutil
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from support.every_endpoint import CALLS

from multicart_async import resources
from multicart_async._http.endpoint import Endpoint
from multicart_async.sandbox._api.routes import ROUTES


def modules() -> list[ModuleType]:
    """All modules with groups of calls."""
    found = pkgutil.walk_packages(resources.__path__, f"{resources.__name__}.")
    return [import_module(info.name) for info in found if not info.ispkg]


def walk() -> list[tuple[str, Endpoint[Any]]]:
    """All endpoints, with where they live."""
    found: list[tuple[str, Endpoint[Any]]] = []
    for module in modules():
        group = module.__name__.split(".")[2]
        found += [(f"{group}.{name}", value) for name, value in vars(module).items() if isinstance(value, Endpoint)]
    return found


ENDPOINTS = walk()
every_endpoint = pytest.mark.parametrize(("where", "endpoint"), ENDPOINTS, ids=[where for where, _ in ENDPOINTS])


def row_of(endpoints: dict[str, dict[str, Any]], path: str) -> dict[str, Any]:
    """What is documented at *path*."""
    (row,) = [row for row in endpoints.values() if row["path"] == path]
    return row


def test_the_walk_finds_the_endpoints() -> None:
    """An empty list would make the tests below say nothing."""
    assert len(ENDPOINTS) >= 20


@every_endpoint
def test_a_path_is_the_documented_one(
    where: str, endpoint: Endpoint[Any], endpoints: dict[str, dict[str, Any]]
) -> None:
    """To the last slash, and called by its method."""
    assert endpoint.method == row_of(endpoints, endpoint.path)["method"]


@every_endpoint
def test_an_endpoint_has_its_safety_class(
    where: str, endpoint: Endpoint[Any], endpoints: dict[str, dict[str, Any]]
) -> None:
    """What may be done when its answer is lost was decided for each of them."""
    assert CALLS[row_of(endpoints, endpoint.path)["id"]].safety == endpoint.safety


@every_endpoint
def test_an_endpoint_needs_a_credential_as_documented(
    where: str, endpoint: Endpoint[Any], endpoints: dict[str, dict[str, Any]]
) -> None:
    """A public one works without."""
    assert (row_of(endpoints, endpoint.path)["auth"] == "public") == endpoint.public


@every_endpoint
def test_what_can_answer_a_secret_or_is_sent_one_is_private(where: str, endpoint: Endpoint[Any]) -> None:
    """Login and registration, the details with the key in them, and the update whose fields are not all known."""
    assert endpoint.sensitive == (where.removeprefix("account.") in {"LOGIN", "REGISTER", "DETAILS", "UPDATE_PROFILE"})


@every_endpoint
def test_what_changes_something_wants_a_fresh_connection(where: str, endpoint: Endpoint[Any]) -> None:
    """A POST on a stale one cannot be repeated by anybody."""
    assert (endpoint.safety != "safe") == endpoint.mutates


def test_every_fully_documented_call_has_an_endpoint(endpoints: dict[str, dict[str, Any]]) -> None:
    """All but the download of files, which is no call."""
    documented = {row["path"] for row in endpoints.values() if row["source"] == "complete"}
    files = {endpoints["results.download"]["path"]}

    assert documented - files <= {endpoint.path for _, endpoint in ENDPOINTS}


@pytest.mark.parametrize("where", ["runs", "collections", "asins", "outputs", "categories"])
def test_every_group_of_the_client_has_endpoints(where: str) -> None:
    """A module of the folder that names none would not be one."""
    assert any(name.startswith(f"{where}.") for name, _ in ENDPOINTS)


def test_the_sandbox_has_a_route_for_each(endpoints: dict[str, dict[str, Any]]) -> None:
    """For every endpoint, and for every documented path with its method."""
    routes = {(route.method, route.path) for route in ROUTES}
    documented = {(row["method"], row["path"]) for row in endpoints.values()}

    assert documented == routes
    assert {(endpoint.method, endpoint.path) for _, endpoint in ENDPOINTS} <= routes


def test_a_path_occurs_once_in_the_source() -> None:
    """Two names for one path share one text: a reader finds a call by its path."""
    for module in modules():
        assert module.__file__ is not None
        source = Path(module.__file__).read_text("utf-8")
        for path in {value.path for value in vars(module).values() if isinstance(value, Endpoint)}:
            assert source.count(f'"{path}"') == 1
