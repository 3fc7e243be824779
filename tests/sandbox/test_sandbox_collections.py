"""Collections: how they are made, shown, changed and deleted."""

from __future__ import annotations

from typing import Any

import pytest
from support.sandbox_api import NEW_COLLECTION


async def names(api: Any, **fields: Any) -> list[str]:
    return [row["name"] for row in await api.data("/schedules/get_schedules/", **fields)]


async def test_new_collections_are_drafts(api: Any) -> None:
    """Status is draft whatever is sent, and what was sent in vain is reported."""
    made = await api.data("/schedules/add_schedule/", status="enable", **NEW_COLLECTION)
    assert made["status"] == "draft"
    assert api.sandbox.ignored_fields == [("/schedules/add_schedule/", "status")]


async def test_first_item_promotes_a_draft(api: Any) -> None:
    """A collection with an item is enabled."""
    assert (await api.get(await api.collection("B01")))["status"] == "enable"


async def test_drafts_are_not_listed(api: Any) -> None:
    """The list leaves drafts out."""
    await api.collection(name="draft")
    await api.collection("B01", name="enabled")
    assert await names(api) == ["enabled"]


async def test_list_is_sorted_by_last_change(api: Any) -> None:
    """Without fields, the last changed comes first."""
    for name in ("first", "second", "third"):
        await api.collection("B01", name=name)
        api.sandbox.advance(1)
    assert await names(api) == ["third", "second", "first"]


async def test_list_is_sorted_as_asked(api: Any) -> None:
    """sort_by and sort_order are honoured."""
    for name in ("b", "c", "a"):
        await api.collection("B01", name=name)
    assert await names(api, sort_by="name", sort_order="asc") == ["a", "b", "c"]


async def test_processing_comes_first(api: Any) -> None:
    """A collection under way is on top of every order."""
    await api.collection("B01", name="a")
    await api.started("B01", name="b")
    assert await names(api, sort_by="name", sort_order="asc") == ["b", "a"]
    assert await names(api, sort_by="name", sort_order="desc") == ["b", "a"]


async def test_unknown_sort_field_is_refused(api: Any) -> None:
    """What cannot be sorted by is code 400."""
    assert await api.refused("/schedules/get_schedules/", sort_by="password") == 400


async def test_list_counts_items(api: Any) -> None:
    """Each row has its asin_count."""
    await api.collection("B01", "B02", "B03")
    assert (await api.data("/schedules/get_schedules/"))[0]["asin_count"] == 3


async def test_collection_id_finds_no_collection(api: Any) -> None:
    """get wants schedule_id; with collection_id nothing is found."""
    collection = await api.collection()
    assert await api.refused("/schedules/get/", collection_id=collection) == 404
    assert api.sandbox.ignored_fields == [("/schedules/get/", "collection_id")]


async def test_update_changes_what_is_given(api: Any) -> None:
    """The other fields stay as they are."""
    collection = await api.collection("B01")
    before = await api.get(collection)
    api.sandbox.advance(1)
    await api.data("/schedules/update_schedule/", schedule_id=collection, priority="High", schedule_time={"hours": []})
    after = await api.get(collection)
    assert after == {**before, "priority": "High", "updated_at": "2026-06-20T10:00:01Z"}


async def test_update_shows_five_fields(api: Any) -> None:
    """The answer is a part of the collection."""
    changed = await api.data("/schedules/update_schedule/", schedule_id=await api.collection(), name="New")
    assert list(changed) == ["id", "name", "priority", "schedule", "updated_at"]


async def test_delete_removes_runs_and_files(api: Any) -> None:
    """After a deletion there are no runs, files or outputs."""
    collection = await api.started("B01")
    api.sandbox.advance(60)
    link = (await api.runs(collection))[0]["download_links"]["all_pages"]
    assert (await api.fetch(link)).status == 200
    await api.data("/schedules/delete_schedule/", schedule_id=collection)
    assert (await api.fetch(link)).status == 404
    assert await api.refused("/schedules/get/", schedule_id=collection) == 404


async def test_delete_releases_credits_of_a_run(api: Any) -> None:
    """What a deleted run had reserved and not used can be spent again."""
    collection = await api.started("B01", "B02", "B03")
    api.sandbox.advance(4)
    assert (api.sandbox.credits().used, api.sandbox.credits().frozen) == (2, 1)
    await api.data("/schedules/delete_schedule/", schedule_id=collection)
    assert (api.sandbox.credits().used, api.sandbox.credits().frozen) == (2, 0)


async def test_delete_multiple_counts_what_was_there(api: Any) -> None:
    """Ids that are not there are passed over."""
    ids = [await api.collection(), 999, await api.collection()]
    answer = await api.data("/schedules/delete_multiple/", schedule_ids=ids)
    assert answer == {"detail": "2 schedule(s) and associated folder(s) deleted successfully."}


async def test_thousands_of_deletions_time_out_half_done(api: Any) -> None:
    """A batch of more than a thousand ends with a gateway time-out; what was deleted until then is gone."""
    ids = api.sandbox.add_collections(1200)
    url = api.sandbox.url + "/schedules/delete_multiple/"
    async with api.session.post(url, json={"schedule_ids": list(ids)}) as response:
        assert response.status == 504
    assert len(await names(api)) == 200


@pytest.mark.parametrize("name", sorted(NEW_COLLECTION))
async def test_required_fields_are_required(api: Any, name: str) -> None:
    """Without a required field a collection is refused."""
    fields = {key: value for key, value in NEW_COLLECTION.items() if key != name}
    assert await api.refused("/schedules/add_schedule/", **fields) == 400


@pytest.mark.parametrize(
    "wrong",
    [{"name": 7}, {"name": ""}, {"name": "\ud800"}, {"schedule": "Hourly"}, {"schedule_time": "x"}, {"priority": None}],
    ids=str,
)
async def test_wrong_values_are_refused(api: Any, wrong: dict[str, Any]) -> None:
    """Wrong types and values outside of documented lists are code 400."""
    assert await api.refused("/schedules/add_schedule/", **{**NEW_COLLECTION, **wrong}) == 400


@pytest.mark.parametrize("wrong", ["101", [True], [1.5], None])
async def test_delete_multiple_wants_an_array(api: Any, wrong: Any) -> None:
    """A comma-separated string is no array of integers."""
    assert await api.refused("/schedules/delete_multiple/", schedule_ids=wrong) == 400
