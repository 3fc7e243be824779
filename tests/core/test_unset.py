"""The value of a parameter that is not given, and its class."""

from __future__ import annotations

import copy
import inspect
import io
import pickle
import pydoc

import pytest

from multicart_async import UNSET, AsyncMultiCart
from multicart_async._core.unset import Unset
from multicart_async.resources.collections import Collections


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_unset_is_pickled_to_itself(protocol: int) -> None:
    """``is UNSET`` stays true in another process."""
    assert pickle.loads(pickle.dumps(UNSET, protocol)) is UNSET


def test_unset_is_copied_to_itself() -> None:
    """Shallow and deep copies of whatever holds it keep it."""
    assert copy.copy(UNSET) is UNSET
    assert copy.deepcopy({"a": [UNSET]}) == {"a": [UNSET]}


def test_unset_is_the_only_value_of_its_class() -> None:
    """Type checkers know it too."""
    assert list(Unset) == [UNSET]
    assert type(UNSET) is Unset
    assert (Unset.__name__, Unset.__qualname__, repr(UNSET), bool(UNSET)) == ("Unset", "Unset", "UNSET", True)


def test_help_shows_readable_defaults() -> None:
    """A signature names the class and the value as an editor shows them."""
    shown = str(inspect.signature(Collections.update).parameters["name"])
    page = io.StringIO()
    pydoc.Helper(output=page)(Collections.update)

    assert shown == "name: 'str | Unset' = UNSET"
    assert "name: 'str | Unset' = UNSET" in pydoc.plain(page.getvalue())
    assert "_Token" not in pydoc.plain(pydoc.render_doc(AsyncMultiCart))
