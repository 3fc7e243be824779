"""Domains, stores, and the Officeworks catalogue."""

from __future__ import annotations

from typing import Any

import pytest

CATEGORIES = "/schedules/officeworks/categories/"
PRODUCTS = "/schedules/officeworks/categories/products/"


async def test_domains_have_ids_and_names(api: Any) -> None:
    """Domains have the ids and names that other calls take."""
    rows = await api.data("/settings/domains/")
    assert {row["id"]: row["domain"] for row in rows} == {1: "amazon.com.au", 2: "amazon.com", 3: "officeworks.com.au"}
    assert set(rows[0]) == {"id", "domain", "country_code", "supplier_type", "status"}


async def test_only_active_stores_are_listed(api: Any) -> None:
    """Active stores are listed, including the documented one."""
    rows = await api.data("/settings/officeworks/stores/")
    assert {row["status"] for row in rows} == {"active"}
    assert tuple(rows[0][name] for name in ("store_id", "store_name", "lat")) == (
        "W411",
        "Officeworks Carindale",
        -27.502345,
    )


async def test_a_sku_can_have_an_inactive_store(api: Any) -> None:
    """A SKU can be added with a store that is not listed."""
    collection = await api.collection(request_type="officeworks.com.au")
    assert "W904" not in {row["store_id"] for row in await api.data("/settings/officeworks/stores/")}
    sku = {"sku": "A1", "store_id": "W904", "customer_postcode": "4500"}
    await api.data("/schedules/officeworks/sku/create/", collection=collection, **sku)


async def test_the_tree_is_nested(api: Any) -> None:
    """Each category is in its parent, and the total counts all of them."""
    response = await api.data(CATEGORIES)
    assert (response["total"], [row["seoPath"] for row in response["categories"]]) == (7, ["technology", "furniture"])
    computers = response["categories"][0]["children"][0]
    assert (computers["name"], computers["seoPath"]) == ("Computers", "technology/computers")
    assert computers["children"][0] == {"name": "Laptops", "seoPath": "technology/computers/laptops", "children": []}


async def test_a_path_restricts_the_tree(api: Any) -> None:
    """With a path, the tree has that category and its subcategories."""
    response = await api.data(CATEGORIES, seo_path="technology", flat=False)
    assert (response["total"], [row["seoPath"] for row in response["categories"]]) == (5, ["technology"])
    leaf = await api.data(CATEGORIES, seo_path="technology/computers/laptops")
    assert (leaf["total"], leaf["categories"][0]["children"]) == (1, [])


async def test_a_flat_list_has_all_categories(api: Any) -> None:
    """A flat list has all categories at one level."""
    response = await api.data(CATEGORIES, seo_path="technology/computers", flat=True)
    paths = ["technology/computers", "technology/computers/laptops", "technology/computers/mice"]
    assert (3, paths) == (response["total"], [row["seoPath"] for row in response["categories"]])
    assert len((await api.data(CATEGORIES, flat=True))["categories"]) == 7


@pytest.mark.parametrize("path", ["nowhere", "tech", "technology/comp", "technology/"])
@pytest.mark.parametrize("flat", [True, False])
async def test_no_match_is_a_success(api: Any, path: str, flat: bool) -> None:
    """An unknown path, such as half of a name, gives zero categories in an empty array."""
    assert await api.data(CATEGORIES, seo_path=path, flat=flat) == {"total": 0, "categories": []}


async def test_products_of_a_category(api: Any) -> None:
    """The products of a category have the codes that the calls for SKUs take."""
    response = await api.data(PRODUCTS, seo_path="technology/computers/laptops", recursive=True)
    assert (response["total"], [row["sku"] for row in response["products"]]) == (2, ["HPLAP001", "DLLAT002"])
    assert await api.data(PRODUCTS, seo_path="nowhere") == {"total": 0, "products": []}
    assert api.sandbox.ignored_fields == []


async def test_the_catalogue_costs_no_credits(api: Any) -> None:
    """Requests for the catalogue leave the credits unchanged."""
    before = api.sandbox.credits()
    await api.data(CATEGORIES)
    await api.data(PRODUCTS, seo_path="furniture/desks")
    assert before == api.sandbox.credits()
