"""`ReplayGuard`: a file that is read again must begin with the bytes whose records were given out."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from multicart_async._downloads.replay_guard import ReplayGuard

BYTES = st.binary(min_size=1, max_size=40)


def feed(guard: ReplayGuard, content: bytes, step: int) -> bytes:
    """Feed a transfer in pieces of *step* bytes, and return what counts as new."""
    guard.restart()
    fresh = b""
    for at in range(0, len(content), step):
        replayed, new = guard.split_replayed(content[at : at + step])
        guard.update(replayed)
        guard.update(new)
        fresh += new
        if guard.changed:
            break
    return fresh


@given(BYTES, st.integers(1, 40), st.integers(1, 7), st.integers(1, 7))
def test_only_bytes_after_the_prefix_are_new(content, size, step, next_step) -> None:
    """The same file, read again in other pieces, gives out exactly what was not given out before."""
    guard = ReplayGuard()
    prefix = content[:size]
    assert feed(guard, prefix, step) == prefix
    guard.commit()

    assert feed(guard, content, next_step) == content[size:]
    assert not guard.changed
    assert not guard.incomplete


@given(BYTES, st.data(), st.integers(1, 7))
def test_any_changed_byte_of_the_prefix_is_noticed(content, data, step) -> None:
    """Nothing of a file counts as new if one byte of its prefix differs."""
    guard = ReplayGuard()
    feed(guard, content, 3)
    guard.commit()
    at = data.draw(st.integers(0, len(content) - 1))
    changed = bytearray(content)
    changed[at] ^= data.draw(st.integers(1, 255))

    fresh = feed(guard, bytes(changed), step)

    assert (guard.changed, fresh) == (True, b"")


@given(BYTES, st.integers(1, 7))
def test_an_end_within_the_prefix_is_noticed(content, step) -> None:
    """A file that ends before the bytes that were given out is incomplete."""
    guard = ReplayGuard()
    feed(guard, content, step)
    guard.commit()

    feed(guard, content[:-1], step)

    assert guard.incomplete
