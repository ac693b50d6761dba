"""The cache of states: its size is bounded, and no change is lost."""

from __future__ import annotations

from pathlib import Path

from history.ticker_state import TickerState, same_state
from state.folder import StateFolder
from streams.embedded.state_cache import StateCache
from tests.made.bars import batch, walk
from tests.made.histories import deliver
from tests.streams.scenarios import CHEAP


def states(ticker: str, bars: int, more: int) -> tuple[TickerState, TickerState]:
    """A ticker's state before and after some more bars."""
    history = walk(bars + more)
    before, _ = deliver([batch(history[:bars], ticker=ticker)], CHEAP)
    after, _ = deliver([batch(history[bars:], ticker=ticker)], CHEAP, before)
    return before, after


def test_a_cache_without_room_saves_whatever_leaves(tmp_path: Path) -> None:
    names = ["A", "B", "C", "D"]
    made = {name: states(name, 300, 20) for name in names}
    with StateFolder(tmp_path).open_writer() as writer:
        cache = StateCache(writer.history, limit_bytes=1)
        for name in names:
            cache.put(made[name][0], changed_from=0)
        for name in names:
            held = cache.get(name)
            assert held is not None
            assert same_state(held, made[name][0])
            cache.put(made[name][1], changed_from=300)
        cache.flush_all()
        for name in names:
            stored = writer.history.load(name)
            assert stored is not None
            assert same_state(stored, made[name][1])


def test_changes_add_up_until_they_are_saved_once(tmp_path: Path) -> None:
    with StateFolder(tmp_path).open_writer() as writer:
        saved: list[int] = []

        class Recording:
            def load(self, ticker: str) -> TickerState | None:
                return writer.history.load(ticker)

            def save(self, state: TickerState, *, changed_from: int) -> None:
                saved.append(changed_from)
                writer.history.save(state, changed_from=changed_from)

        before, after = states("A", 300, 20)
        cache = StateCache(Recording())
        assert cache.get("A") is None
        cache.put(before, changed_from=0)
        cache.put(after, changed_from=300)
        cache.flush("A")
        cache.flush("A")
        cache.flush("never seen")
        cache.put(after, changed_from=None)
        cache.flush_all()
        assert saved == [0]
        stored = writer.history.load("A")
        assert stored is not None
        assert same_state(stored, after)
