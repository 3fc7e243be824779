"""Events are small frozen values."""

from __future__ import annotations

import pickle

import attrs
import pytest

from multicart_async import events
from multicart_async.errors import ServerError
from multicart_async.events import Event
from multicart_async.models import SyncReport

KINDS = [
    kind
    for kind in (getattr(events, name) for name in events.__all__)
    if isinstance(kind, type) and issubclass(kind, Event) and kind is not Event
]
VALUES = {"report": SyncReport(), "error": ServerError("/p/", 500, "no"), "path": "/p/", "name": "1/2/page-0001.json"}

every_event = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)


def example(kind: type[Event]) -> Event:
    """An event of that kind; numbers stand for everything that has no better value."""
    return kind(**{field.name: VALUES.get(field.name, number) for number, field in enumerate(attrs.fields(kind))})


def test_there_are_events() -> None:
    """The tests below walk over all of them."""
    assert {"Retrying", "RateLimited", "RunProgress", "FileCompleted", "RunDownloaded"} <= {
        kind.__name__ for kind in KINDS
    }


@every_event
def test_an_event_is_frozen(kind: type[Event]) -> None:
    """Several listeners can be told the same value."""
    event = example(kind)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        setattr(event, attrs.fields(kind)[0].name, None)


@every_event
def test_an_event_is_built_by_name(kind: type[Event]) -> None:
    """A field can be added later without breaking who builds events in tests."""
    with pytest.raises(TypeError):
        kind(*range(len(attrs.fields(kind))))


@every_event
def test_an_event_travels(kind: type[Event]) -> None:
    """It can be sent to another process."""
    event = example(kind)
    again = pickle.loads(pickle.dumps(event))

    assert type(event) is type(again)
    assert repr(event) == repr(again)
