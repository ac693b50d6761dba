"""What a worker has not written to table files yet is bounded: every reader of its copies keeps the same values in memory."""

from __future__ import annotations

import contextlib
import random
from pathlib import Path

from state.partition_copy import PartitionCopy, Record
from state.shared_memory import SharedMemory
from tests.waiting import until

COPIES, ROUNDS, VALUE_BYTES = 8, 160, 16 << 10
#: The write-ahead logs have what is not in table files. A flush in the background may be under way.
MOST_BYTES = 9 << 20


def unwritten(folder: Path) -> int:
    total = 0
    for path in folder.glob("*.db/*.log"):
        with contextlib.suppress(FileNotFoundError):  # RocksDB has just removed it
            total += path.stat().st_size
    return total


def test_readers_keep_no_more_than_the_workers_buffers(tmp_path: Path) -> None:
    chance = random.Random(0)
    memory = SharedMemory(cache_bytes=1 << 20)
    copies = [PartitionCopy(tmp_path / f"history-{number}.db", "id", memory.options()) for number in range(COPIES)]
    try:
        for offset in range(ROUNDS):  # 20 MB
            for copy in copies:
                copy.apply([Record(offset, b"%d" % (offset % 50), chance.randbytes(VALUE_BYTES), None)], up_to=offset + 1)
            until(lambda: unwritten(tmp_path) < MOST_BYTES, lambda: f"{unwritten(tmp_path):,} bytes")
    finally:
        for copy in copies:
            copy.close()
