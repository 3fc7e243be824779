"""Domains, stores, and the Officeworks catalogue."""

from __future__ import annotations

from typing import Any

import pytest

CATEGORIES = "/schedules/officeworks/categories/"
PRODUCTS = "/schedules/officeworks/categories/products/"


async def test_domains_have_ids_and_names(api: Any) -> None:
    """Those that other calls want."""
    rows = await api.data("/settings/domains/")
    assert {1: "amazon.com.au", 2: "amazon.com", 3: "officeworks.com.au"} == {row["id"]: row["domain"] for row in rows}
    assert {"id", "domain", "country_code", "supplier_type", "status"} == set(rows[0])


async def test_only_active_stores_are_listed(api: Any) -> None:
    """The documented one among them."""
    rows = await api.data("/settings/officeworks/stores/")
    assert {"active"} == {row["status"] for row in rows}
    assert ("W411", "Officeworks Carindale", -27.502345) == tuple(
        rows[0][name] for name in ("store_id", "store_name", "lat")
    )


async def test_a_store_that_is_not_listed_still_exists(api: Any) -> None:
    """A SKU needs no more than that."""
    collection = await api.collection(request_type="officeworks.com.au")
    assert "W904" not in {row["store_id"] for row in await api.data("/settings/officeworks/stores/")}
    sku = {"sku": "A1", "store_id": "W904", "customer_postcode": "4500"}
    await api.data("/schedules/officeworks/sku/create/", collection=collection, **sku)


async def test_the_tree_is_nested(api: Any) -> None:
    """Each category in its parent, and all of them counted."""
    answer = await api.data(CATEGORIES)
    assert (7, ["technology", "furniture"]) == (answer["total"], [row["seoPath"] for row in answer["categories"]])
    computers = answer["categories"][0]["children"][0]
    assert ("Computers", "technology/computers") == (computers["name"], computers["seoPath"])
    assert {"name": "Laptops", "seoPath": "technology/computers/laptops", "children": []} == computers["children"][0]


async def test_a_path_restricts_the_tree(api: Any) -> None:
    """To that category and what is below it."""
    answer = await api.data(CATEGORIES, seo_path="technology", flat=False)
    assert (5, ["technology"]) == (answer["total"], [row["seoPath"] for row in answer["categories"]])
    leaf = await api.data(CATEGORIES, seo_path="technology/computers/laptops")
    assert (1, []) == (leaf["total"], leaf["categories"][0]["children"])


async def test_a_flat_list_has_all_of_them(api: Any) -> None:
    """Side by side."""
    answer = await api.data(CATEGORIES, seo_path="technology/computers", flat=True)
    paths = ["technology/computers", "technology/computers/laptops", "technology/computers/mice"]
    assert (3, paths) == (answer["total"], [row["seoPath"] for row in answer["categories"]])
    assert 7 == len((await api.data(CATEGORIES, flat=True))["categories"])


@pytest.mark.parametrize("path", ["nowhere", "tech", "technology/comp", "technology/"])
@pytest.mark.parametrize("flat", [True, False])
async def test_no_match_is_no_failure(api: Any, path: str, flat: bool) -> None:
    """Zero of them, in an empty array; half a name is no match."""
    assert {"total": 0, "categories": []} == await api.data(CATEGORIES, seo_path=path, flat=flat)


async def test_products_of_a_category(api: Any) -> None:
    """With the codes that SKU calls want."""
    answer = await api.data(PRODUCTS, seo_path="technology/computers/laptops", recursive=True)
    assert (2, ["HPLAP001", "DLLAT002"]) == (answer["total"], [row["sku"] for row in answer["products"]])
    assert {"total": 0, "products": []} == await api.data(PRODUCTS, seo_path="nowhere")
    assert [] == api.sandbox.ignored_fields


async def test_looking_around_costs_nothing(api: Any) -> None:
    """No credits at all."""
    before = api.sandbox.credits()
    await api.data(CATEGORIES)
    await api.data(PRODUCTS, seo_path="furniture/desks")
    assert before == api.sandbox.credits()
