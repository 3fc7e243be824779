"""The generated readers of models agree with the rules of `structuring`, whatever comes."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_lenient_answers import FIELDS, VALUES, all_models, row_of

from multicart_async._http.row_reader import make_reader
from multicart_async._http.structuring import StructureError, make_structurer
from multicart_async.models import Asin, Collection, Model
from multicart_async.models._base import no_extra, received_of

KINDS = sorted(FIELDS, key=lambda kind: kind.__name__)
RUN = {"id": 88, "collection": 101, "is_download_generated": True}


def outcome(read: Any, value: object) -> object:
    """What *read* makes of *value*, with all that equality leaves out; or its faults."""
    try:
        return shown(read(value))
    except StructureError as error:
        return error.faults, error.strict


def shown(value: Any) -> Any:
    """A model, and the models in it, as plain values; ``extra`` and its note too."""
    if isinstance(value, tuple):
        return [shown(one) for one in value]
    if not isinstance(value, Model):
        return value
    fields = {field.name: shown(getattr(value, field.name)) for field in attrs.fields(type(value))}
    return type(value), fields, received_of(value.extra), isinstance(value.extra, dict)


@given(st.data())
def test_both_read_the_same(data: st.DataObject) -> None:
    """Any row of any model, with fields that are odd, absent or unknown, alone and in an array."""
    kind = data.draw(st.sampled_from(KINDS))
    row = row_of(kind)
    for name in data.draw(st.lists(st.sampled_from([*row, "colour", "extra"]), max_size=4)):
        row[name] = data.draw(st.sampled_from(VALUES))
    for name in data.draw(st.lists(st.sampled_from([*row]), max_size=4)):
        row.pop(name, None)
    hint, value = data.draw(st.sampled_from([(kind, row), (tuple[kind, ...], [row_of(kind), row])]))

    assert outcome(make_reader(hint), value) == outcome(make_structurer(hint), copy.deepcopy(value))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_reader_may_leave_init_out(kind: Any) -> None:
    """It sets the fields itself, so a model must have no validator, no converter and nothing after ``__init__``."""
    assert [field.name for field in attrs.fields(kind) if field.validator or field.converter or not field.init] == []
    assert not hasattr(kind, "__attrs_post_init__")
    assert make_reader(kind)(row_of(kind)) == make_structurer(kind)(row_of(kind))


def test_the_kinds_are_all_models() -> None:
    """None is left out of the tests above."""
    ours = {kind for kind in all_models() if kind.__module__.startswith("multicart_async.")}

    assert ours == set(KINDS)


def test_rows_without_unknown_fields_share_their_extra() -> None:
    """Thousands of rows need no object each; what is shared cannot be changed."""
    one, two = make_reader(tuple[Collection, ...])([{"id": 1, "name": None}, {"id": 2, "name": None}])
    shared: Any = one.extra

    assert shared is two.extra
    assert (shared, received_of(shared)) == ({}, 4)  # the bit of the third field, after extra and id
    for change in (
        lambda: shared.update({"a": 1}),
        lambda: shared.__setitem__("a", 1),
        lambda: shared.setdefault("a", 1),
        lambda: shared.__ior__({"a": 1}),
    ):
        with pytest.raises(TypeError, match="cannot be changed"):
            change()
    assert shared == {}


def test_rows_share_strings_that_are_equal() -> None:
    """A list of thousands has few different ones; each object more is looked at by the garbage collector."""
    text = '[{"id": 1, "name": "One", "status": "enable"}, {"id": 2, "name": "Two", "status": "enable"}]'
    read = make_reader(tuple[Collection, ...])
    one, two = read(json.loads(text))

    assert one.status is two.status
    assert (one.name, two.name) == ("One", "Two")
    assert read(json.loads(text))[0].status is not one.status  # nothing is kept from one response to the next


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda extra: pickle.loads(pickle.dumps(extra))])
def test_a_copy_of_a_shared_extra_is_shared_too(duplicate: Any) -> None:
    """Models of one pickle share theirs as well, so it cannot be changed either; a dict of it can."""
    models = duplicate([no_extra(5), no_extra(5)])
    own = dict(models[0])
    own["a"] = 1

    assert [received_of(extra) for extra in models] == [5, 5]
    with pytest.raises(TypeError, match="cannot be changed"):
        models[0]["a"] = 1


def test_an_id_stands_for_a_row_here_too() -> None:
    """Create responds with ids, list with objects."""
    row = {"id": 1, "asin": "B0", "domain": 3, "customer_postcode": {"id": 4, "zipcode": "0800"}}
    asin = make_reader(Asin)(row)

    assert (asin.domain.to_dict(), asin.customer_postcode.zipcode) == ({"id": 3}, "0800")
    assert asin.to_dict() == row
