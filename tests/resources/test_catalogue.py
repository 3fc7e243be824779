"""``client.catalogue``: the tree of categories, and products as they come."""

from __future__ import annotations

from typing import Any

import pytest
from support.fakes import FakeTransport, ok, refused
from support.groups import groups_over

from multicart_async._http import Response
from multicart_async.errors import ArgumentError, InvalidResponseError, NotFoundError
from multicart_async.models import CatalogueCategory, CatalogueTree, Undocumented

CATEGORIES = "/schedules/officeworks/categories/"
PRODUCTS = "/schedules/officeworks/categories/products/"
LAPTOPS = "technology/computers/laptops"


def nested(depth: int) -> str:
    """A category in a category, so many deep, as JSON."""
    return '{"name":"a","seoPath":"a","children":[' * depth + "]}" * depth


async def test_the_documented_tree_arrives_whole(endpoints: dict[str, Any]) -> None:
    """The example is sent exactly; both spellings of the path give the same."""
    row = endpoints["officeworks.categories"]
    groups = groups_over(FakeTransport(ok(row["response"]["data"])))
    tree = await groups.catalogue.categories(**row["request"])

    computers = CatalogueCategory(name="Computers", seoPath="technology/computers")
    technology = CatalogueCategory(name="Technology", seoPath="technology", children=(computers,))
    assert groups.transport.sent == [(row["path"], row["request"])]
    assert CatalogueTree(total=5, categories=(technology,)) == tree
    assert tree.categories[0].children[0].seo_path == "technology/computers"


async def test_nothing_is_sent_that_was_not_given() -> None:
    """The whole tree is asked for without fields; false is a value."""
    groups = groups_over(FakeTransport(*[ok({"total": 0, "categories": []})] * 3))
    await groups.catalogue.categories()
    await groups.catalogue.categories(flat=False)
    await groups.catalogue.categories(flat=True, seo_path="technology")

    sent = [{}, {"flat": False}, {"flat": True, "seo_path": "technology"}]
    assert [(CATEGORIES, fields) for fields in sent] == groups.transport.sent


async def test_no_match_is_no_error() -> None:
    """Zero and nothing, as documented."""
    groups = groups_over(FakeTransport(ok({"total": 0, "categories": []})))

    assert CatalogueTree(total=0) == await groups.catalogue.categories(seo_path="no/such/place")


async def test_a_flat_list_has_no_children() -> None:
    """Whether the key is missing, null or empty."""
    rows = [{"name": "A", "seoPath": "a"}, {"name": "B", "seoPath": "a/b", "children": None}]
    groups = groups_over(FakeTransport(ok({"total": 2, "categories": rows})))
    tree = await groups.catalogue.categories(flat=True)

    assert [(row.name, row.seo_path, row.children) for row in tree.categories] == [("A", "a", ()), ("B", "a/b", ())]


async def test_unknown_fields_are_kept_at_every_depth() -> None:
    """Trap 34."""
    inner = {"name": "B", "seoPath": "a/b", "productCount": 7}
    row = {"name": "A", "seoPath": "a", "children": [inner], "imageUrl": "x"}
    groups = groups_over(FakeTransport(ok({"total": 2, "categories": [row], "cached": True})))
    tree = await groups.catalogue.categories()

    found = (tree.extra, tree.categories[0].extra, tree.categories[0].children[0].extra)
    assert found == ({"cached": True}, {"imageUrl": "x"}, {"productCount": 7})


async def test_a_category_without_its_path_does_not_fail_the_tree() -> None:
    """However deep it is: the path is ``None``, and what came in its place is kept."""
    inner = {"name": "B", "seo_path": "a/b"}
    answer = ok({"total": 2, "categories": [{"name": "A", "seoPath": "a", "children": [inner]}]})
    groups = groups_over(FakeTransport(answer))

    (outer,) = (await groups.catalogue.categories()).categories or ()
    (found,) = outer.children or ()

    assert (outer.seo_path, found.name, found.seo_path) == ("a", "B", None)
    assert found.extra == {"seo_path": "a/b"}


async def test_a_deep_tree_is_no_trouble() -> None:
    """Shops have five levels or six."""
    answer = Response(200, f'{{"code":200,"status":1,"data":{{"total":1,"categories":[{nested(60)}]}}}}'.encode())
    (category,) = (await groups_over(FakeTransport(answer)).catalogue.categories()).categories
    depth = 1
    while category.children:
        (category,) = category.children
        depth += 1

    assert depth == 60


@pytest.mark.parametrize("depth", [2_000, 200_000])
async def test_a_tree_without_an_end_is_an_error_of_ours(depth: int) -> None:
    """Not one of Python's, which nobody expects there."""
    answer = Response(200, f'{{"code":200,"status":1,"data":{{"total":1,"categories":[{nested(depth)}]}}}}'.encode())

    with pytest.raises(InvalidResponseError):
        await groups_over(FakeTransport(answer)).catalogue.categories()


async def test_a_refusal_of_the_catalogue_is_its_class() -> None:
    """As everywhere."""
    with pytest.raises(NotFoundError):
        await groups_over(FakeTransport(refused(404))).catalogue.categories()


ANSWERS: list[Any] = [{"products": [{"sku": "JBMS310BK"}], "data": 1}, [{"sku": "JBMS310BK"}], [], "none", None, 5]


@pytest.mark.parametrize("answer", ANSWERS, ids=repr)
async def test_products_are_what_came(answer: Any) -> None:
    """Whatever its shape is: the documentation does not show it. An object's fields are in ``extra`` too."""
    found = await groups_over(FakeTransport(ok(answer))).catalogue.products(LAPTOPS)

    assert isinstance(found, Undocumented)
    assert answer == found.data
    assert (answer if isinstance(answer, dict) else {}) == found.extra


async def test_products_are_asked_for_by_path_and_what_else_one_knows() -> None:
    """The only documented field, and those that are handed on as they are."""
    groups = groups_over(FakeTransport(ok([]), ok([])))
    await groups.catalogue.products(LAPTOPS)
    await groups.catalogue.products(LAPTOPS, extra={"page": 2, "sort": None})

    first = {"seo_path": LAPTOPS}
    assert groups.transport.sent == [(PRODUCTS, first), (PRODUCTS, {**first, "page": 2, "sort": None})]


REFUSED: list[tuple[str, dict[str, Any]]] = [
    *[("flat", {"flat": value}) for value in (0, "true", None)],
    *[("seo_path", {"seo_path": value}) for value in ("", " ", None, 5)],
]


@pytest.mark.parametrize(("argument", "arguments"), REFUSED)
async def test_a_wrong_argument_of_categories_is_named(argument: str, arguments: dict[str, Any]) -> None:
    """Nothing is sent."""
    groups = groups_over(FakeTransport())
    with pytest.raises(ArgumentError) as caught:
        await groups.catalogue.categories(**arguments)

    assert (argument, []) == (caught.value.argument, groups.transport.sent)


@pytest.mark.parametrize("path", ["", " ", None, 5, ["technology"]], ids=repr)
async def test_products_are_those_of_a_category(path: Any) -> None:
    """It is the one field that is needed."""
    with pytest.raises(ArgumentError, match=r"^seo_path: "):
        await groups_over(FakeTransport()).catalogue.products(path)


@pytest.mark.parametrize("extra", [{"seo_path": "x"}, {1: 2}, None, "page"], ids=repr)
async def test_further_fields_of_products_are_others(extra: Any) -> None:
    """A second ``seo_path`` would win silently."""
    groups = groups_over(FakeTransport())

    with pytest.raises(ArgumentError, match=r"^extra: "):
        await groups.catalogue.products(LAPTOPS, extra=extra)
    assert groups.transport.sent == []
