"""A writer that is killed at any moment leaves the last state it saved, or the one it was just saving, whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from history.ticker_state import BLOCK_BARS, same_state
from state.folder import StateFolder
from tests.made.histories import history
from tests.state.processes import running

#: Appends bars, by 37 to cross block borders at all places, drops old blocks, and says what is saved.
WRITER = """
    import sys
    from pathlib import Path
    from state.folder import StateFolder
    from history.ticker_state import BLOCK_BARS
    from tests.made.histories import history
    with StateFolder(Path(sys.argv[1])).open_writer() as writer:
        stored = writer.history.load("AAA")
        total = 0 if stored is None else stored.total_bars
        while True:
            changed_from, total = total, total + 37
            first = max(0, total - 600) // BLOCK_BARS * BLOCK_BARS
            writer.history.save(history("AAA", total, first_index=first), changed_from=changed_from)
            print(total, flush=True)
"""


@pytest.mark.parametrize("lines", [1, 2, 5, 20, 100, 400])
def test_kill_9_in_mid_writing_leaves_a_whole_state(tmp_path: Path, lines: int) -> None:
    saved = 0
    for _ in range(2):  # the second writer goes on from what the first writer left
        with running(WRITER, tmp_path) as process:
            assert process.stdout is not None
            for _ in range(lines):
                saved = int(process.stdout.readline())
            process.kill()
            rest = process.stdout.read().split()
            saved = int(rest[-1]) if rest else saved
        with StateFolder(tmp_path).open_writer() as writer:
            state = writer.history.load("AAA")
            assert state is not None
            total = state.total_bars
            assert total in (saved, saved + 37)
            first = max(0, total - 600) // BLOCK_BARS * BLOCK_BARS
            assert same_state(state, history("AAA", total, first_index=first))
