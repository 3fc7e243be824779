"""Domains, stores, and the Officeworks catalogue."""

from __future__ import annotations

from typing import Any

import pytest

CATEGORIES = "/schedules/officeworks/categories/"
PRODUCTS = "/schedules/officeworks/categories/products/"


async def test_domains_have_ids_and_names(api: Any) -> None:
    """Those that other calls want."""
    rows = await api.data("/settings/domains/")
    assert {row["id"]: row["domain"] for row in rows} == {1: "amazon.com.au", 2: "amazon.com", 3: "officeworks.com.au"}
    assert set(rows[0]) == {"id", "domain", "country_code", "supplier_type", "status"}


async def test_only_active_stores_are_listed(api: Any) -> None:
    """The documented one among them."""
    rows = await api.data("/settings/officeworks/stores/")
    assert {row["status"] for row in rows} == {"active"}
    assert tuple(rows[0][name] for name in ("store_id", "store_name", "lat")) == (
        "W411",
        "Officeworks Carindale",
        -27.502345,
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
    assert (answer["total"], [row["seoPath"] for row in answer["categories"]]) == (7, ["technology", "furniture"])
    computers = answer["categories"][0]["children"][0]
    assert (computers["name"], computers["seoPath"]) == ("Computers", "technology/computers")
    assert computers["children"][0] == {"name": "Laptops", "seoPath": "technology/computers/laptops", "children": []}


async def test_a_path_restricts_the_tree(api: Any) -> None:
    """To that category and what is below it."""
    answer = await api.data(CATEGORIES, seo_path="technology", flat=False)
    assert (answer["total"], [row["seoPath"] for row in answer["categories"]]) == (5, ["technology"])
    leaf = await api.data(CATEGORIES, seo_path="technology/computers/laptops")
    assert (leaf["total"], leaf["categories"][0]["children"]) == (1, [])


async def test_a_flat_list_has_all_of_them(api: Any) -> None:
    """Side by side."""
    answer = await api.data(CATEGORIES, seo_path="technology/computers", flat=True)
    paths = ["technology/computers", "technology/computers/laptops", "technology/computers/mice"]
    assert (3, paths) == (answer["total"], [row["seoPath"] for row in answer["categories"]])
    assert len((await api.data(CATEGORIES, flat=True))["categories"]) == 7


@pytest.mark.parametrize("path", ["nowhere", "tech", "technology/comp", "technology/"])
@pytest.mark.parametrize("flat", [True, False])
async def test_no_match_is_no_failure(api: Any, path: str, flat: bool) -> None:
    """Zero of them, in an empty array; half a name is no match."""
    assert await api.data(CATEGORIES, seo_path=path, flat=flat) == {"total": 0, "categories": []}


async def test_products_of_a_category(api: Any) -> None:
    """With the codes that SKU calls want."""
    answer = await api.data(PRODUCTS, seo_path="technology/computers/laptops", recursive=True)
    assert (answer["total"], [row["sku"] for row in answer["products"]]) == (2, ["HPLAP001", "DLLAT002"])
    assert await api.data(PRODUCTS, seo_path="nowhere") == {"total": 0, "products": []}
    assert api.sandbox.ignored_fields == []


async def test_looking_around_costs_nothing(api: Any) -> None:
    """No credits at all."""
    before = api.sandbox.credits()
    await api.data(CATEGORIES)
    await api.data(PRODUCTS, seo_path="furniture/desks")
    assert before == api.sandbox.credits()
