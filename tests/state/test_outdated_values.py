"""Values from before a rebuild are counted as readers find them, whatever is written, deleted and rebuilt."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from state.database import Database
from state.follower import Follower
from state.outdated_values import is_outdated
from state.partition_copy import PartitionCopy
from state.shared_memory import SharedMemory
from state.stamp import unstamp
from tests.made.changelogs import Changelog

MEMORY = SharedMemory(cache_bytes=1 << 20)
KEYS = [b"A", b"B", b"C"]
#: A key and its value (None: deleted), or a rebuild.
STEPS = st.lists(
    st.one_of(st.tuples(st.sampled_from(KEYS), st.sampled_from([b"x", b"y", None])), st.just("rebuild")), max_size=14
)


def found(path: Path, incarnation: int) -> int:
    """The values of a copy on the disk that are older than its last rebuild."""
    with Follower(path, refresh_seconds=0) as follower:
        return sum(is_outdated(unstamp(value), incarnation) for _, value in follower.read(Database.scan))


@given(steps=STEPS, pieces=st.lists(st.integers(1, 5), max_size=12), is_compacted=st.booleans())
def test_the_count_is_what_readers_find(steps: list, pieces: list[int], is_compacted: bool) -> None:
    log = Changelog()
    log.claim()
    for step in steps:
        if step == "rebuild":
            log.claim(b"w%d" % log.standing.incarnation, incarnation=log.standing.incarnation + 1)
        else:
            log.put(*step)
    if is_compacted:
        log.compact()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "forecasts-0.db"
        copy = PartitionCopy(path, "id", MEMORY.options(), keeps_outdated=True)
        left = list(log.records)
        for size in [*pieces, len(left)]:
            piece, left = left[:size], left[size:]
            if piece:
                copy.apply(piece, up_to=piece[-1].offset + 1)
        copy.close()
        again = PartitionCopy(path, "id", MEMORY.options(), keeps_outdated=True)
        assert again.outdated == found(path, again.standing.incarnation)
        again.close()
        workers = PartitionCopy(Path(folder) / "worker.db", "id", MEMORY.options())
        workers.apply(log.records, up_to=log.end)
        assert workers.outdated == 0
        workers.close()
