"""Collections: create, list, get, update and delete."""

from __future__ import annotations

from typing import Any

import pytest
from support.sandbox_api import NEW_COLLECTION


async def names(api: Any, **fields: Any) -> list[str]:
    return [row["name"] for row in await api.data("/schedules/get_schedules/", **fields)]


async def test_new_collections_are_drafts(api: Any) -> None:
    """A new collection is a draft, and a status that was sent is recorded as ignored."""
    made = await api.data("/schedules/add_schedule/", status="enable", **NEW_COLLECTION)
    assert made["status"] == "draft"
    assert api.sandbox.ignored_fields == [("/schedules/add_schedule/", "status")]


async def test_the_first_item_enables_a_draft(api: Any) -> None:
    """A collection with an item is enabled."""
    assert (await api.get(await api.collection("B01")))["status"] == "enable"


async def test_drafts_are_not_listed(api: Any) -> None:
    """The list does not contain drafts."""
    await api.collection(name="draft")
    await api.collection("B01", name="enabled")
    assert await names(api) == ["enabled"]


async def test_list_is_sorted_by_last_change(api: Any) -> None:
    """Without fields, the list starts with the collection that was changed last."""
    for name in ("first", "second", "third"):
        await api.collection("B01", name=name)
        api.sandbox.advance(1)
    assert await names(api) == ["third", "second", "first"]


async def test_list_is_sorted_as_requested(api: Any) -> None:
    """The list is sorted by sort_by and sort_order."""
    for name in ("b", "c", "a"):
        await api.collection("B01", name=name)
    assert await names(api, sort_by="name", sort_order="asc") == ["a", "b", "c"]


async def test_processing_collections_are_first(api: Any) -> None:
    """A Processing collection is first in each order."""
    await api.collection("B01", name="a")
    await api.started("B01", name="b")
    assert await names(api, sort_by="name", sort_order="asc") == ["b", "a"]
    assert await names(api, sort_by="name", sort_order="desc") == ["b", "a"]


async def test_an_unknown_sort_field_is_rejected(api: Any) -> None:
    """An unknown sort_by gets code 400."""
    assert await api.refused("/schedules/get_schedules/", sort_by="password") == 400


async def test_list_counts_items(api: Any) -> None:
    """Each listed collection has its asin_count."""
    await api.collection("B01", "B02", "B03")
    assert (await api.data("/schedules/get_schedules/"))[0]["asin_count"] == 3


async def test_collection_id_finds_no_collection(api: Any) -> None:
    """The call expects schedule_id, and with collection_id nothing is found."""
    collection = await api.collection()
    assert await api.refused("/schedules/get/", collection_id=collection) == 404
    assert api.sandbox.ignored_fields == [("/schedules/get/", "collection_id")]


async def test_update_changes_the_given_fields(api: Any) -> None:
    """An update changes the given fields and no others."""
    collection = await api.collection("B01")
    before = await api.get(collection)
    api.sandbox.advance(1)
    await api.data("/schedules/update_schedule/", schedule_id=collection, priority="High", schedule_time={"hours": []})
    after = await api.get(collection)
    assert after == {**before, "priority": "High", "updated_at": "2026-06-20T10:00:01Z"}


async def test_update_shows_five_fields(api: Any) -> None:
    """The response to an update has five fields of the collection."""
    changed = await api.data("/schedules/update_schedule/", schedule_id=await api.collection(), name="New")
    assert list(changed) == ["id", "name", "priority", "schedule", "updated_at"]


async def test_delete_removes_runs_and_files(api: Any) -> None:
    """A deletion also removes runs, files and outputs."""
    collection = await api.started("B01")
    api.sandbox.advance(60)
    link = (await api.runs(collection))[0]["download_links"]["all_pages"]
    assert (await api.fetch(link)).status == 200
    await api.data("/schedules/delete_schedule/", schedule_id=collection)
    assert (await api.fetch(link)).status == 404
    assert await api.refused("/schedules/get/", schedule_id=collection) == 404


async def test_delete_releases_credits_of_a_run(api: Any) -> None:
    """Credits that a deleted run had reserved and not used can be spent again."""
    collection = await api.started("B01", "B02", "B03")
    api.sandbox.advance(4)
    assert (api.sandbox.credits().used, api.sandbox.credits().frozen) == (2, 1)
    await api.data("/schedules/delete_schedule/", schedule_id=collection)
    assert (api.sandbox.credits().used, api.sandbox.credits().frozen) == (2, 0)


async def test_delete_multiple_skips_unknown_ids(api: Any) -> None:
    """A batch deletion skips unknown ids and returns the number of deleted collections."""
    ids = [await api.collection(), 999, await api.collection()]
    response = await api.data("/schedules/delete_multiple/", schedule_ids=ids)
    assert response == {"detail": "2 schedule(s) and associated folder(s) deleted successfully."}


async def test_a_large_batch_deletion_times_out(api: Any) -> None:
    """A batch of more than a thousand ids ends with a gateway timeout, and its first thousand deletions are kept."""
    ids = api.sandbox.add_collections(1200)
    url = api.sandbox.url + "/schedules/delete_multiple/"
    async with api.session.post(url, json={"schedule_ids": list(ids)}) as response:
        assert response.status == 504
    assert len(await names(api)) == 200


@pytest.mark.parametrize("name", sorted(NEW_COLLECTION))
async def test_required_fields_are_required(api: Any, name: str) -> None:
    """A collection without a required field is rejected."""
    fields = {key: value for key, value in NEW_COLLECTION.items() if key != name}
    assert await api.refused("/schedules/add_schedule/", **fields) == 400


@pytest.mark.parametrize(
    "wrong",
    [{"name": 7}, {"name": ""}, {"name": "\ud800"}, {"schedule": "Hourly"}, {"schedule_time": "x"}, {"priority": None}],
    ids=str,
)
async def test_invalid_values_are_rejected(api: Any, wrong: dict[str, Any]) -> None:
    """A wrong type, or a value outside of a documented list, gets code 400."""
    assert await api.refused("/schedules/add_schedule/", **{**NEW_COLLECTION, **wrong}) == 400


@pytest.mark.parametrize("wrong", ["101", [True], [1.5], None])
async def test_delete_multiple_expects_an_array(api: Any, wrong: Any) -> None:
    """A comma-separated string is not an array of integers."""
    assert await api.refused("/schedules/delete_multiple/", schedule_ids=wrong) == 400
