"""The rule by which one of several copies counts, whatever their number and order."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errors import SchemaError, StateCorruptError
from state.newest import Copy, newest, revision_of
from state.stamp import UNSTAMPED, Revision, fingerprint_of, payload_of, stamp

#: (revision, last bar, whether it can be read), of at most one copy for each revision.
STAMPED = st.dictionaries(
    st.builds(Revision, st.integers(0, 3), st.integers(0, 2**40)), st.tuples(st.integers(0, 5), st.booleans()), max_size=6
)
OWN = st.none() | st.tuples(st.integers(0, 5), st.booleans())


def loads(value: tuple[Revision, int], *, readable: bool) -> Callable[[], tuple[Revision, int]]:
    def load() -> tuple[Revision, int]:
        if not readable:
            raise StateCorruptError(repr(value))
        return value

    return load


@given(stamped=STAMPED, own=OWN, data=st.data())
def test_the_highest_readable_revision_counts_and_the_embedded_engines_only_if_its_bar_is_later(stamped, own, data):
    held = [(revision, bar, readable) for revision, (bar, readable) in stamped.items()]
    held += [] if own is None else [(UNSTAMPED, *own)]
    copies = [Copy(revision, loads((revision, bar), readable=readable)) for revision, bar, readable in held]
    choice = newest(data.draw(st.permutations(copies)), last_bar=lambda value: value[1])
    readable = [(revision, bar) for revision, bar, good in held if good and revision != UNSTAMPED]
    expected = max(readable, default=None)
    if own is not None and own[1] and (expected is None or own[0] > expected[1]):
        expected = (UNSTAMPED, own[0])
    assert choice.value == expected
    chosen = max(readable)[0] if readable else UNSTAMPED
    newer = [revision for revision, _, good in held if not good and revision != UNSTAMPED and revision > chosen]
    assert len(choice.passed_over) == len(newer) + (own is not None and not own[1])


def test_a_copy_removed_before_it_is_read_is_ignored() -> None:
    gone: Copy[int] = Copy(Revision(0, 9), lambda: None)
    assert newest([gone, Copy(Revision(0, 3), lambda: 7)], last_bar=int) == (7, [])
    assert newest([gone], last_bar=int) == (None, [])


def test_revisions_and_payloads_of_stored_values() -> None:
    value = stamp(b"payload", Revision(3, 2**40), fingerprint_of(b"AAA", b"payload"))
    assert revision_of(value) == Revision(3, 2**40)
    assert payload_of("AAA", value) == b"payload"
    assert revision_of(b"\x93plain") == revision_of(b"") == UNSTAMPED
    assert payload_of("AAA", b"\x93plain") == b"\x93plain"
    assert revision_of(value[:4]) == UNSTAMPED
    with pytest.raises(StateCorruptError, match=r"^AAA: a stored value is shorter than its stamp"):
        payload_of("AAA", value[:4])
    with pytest.raises(SchemaError, match=r"^AAA: the stamp .* schema version 9; this process knows up to 1: upgrade it first"):
        payload_of("AAA", value[:1] + b"\x09" + value[2:])
