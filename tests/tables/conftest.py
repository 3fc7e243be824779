"""What all tests of tables have in common."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest


@pytest.fixture
def young_garbage() -> Iterator[None]:
    """`gc.collect` looks at what the test has made, not at all that other tests have left, which takes half a second.

    Not for tests with hypothesis, which asks the garbage collector about objects.
    """
    gc.freeze()
    yield
    gc.unfreeze()
