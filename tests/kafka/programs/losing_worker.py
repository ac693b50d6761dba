"""A worker whose consumer loses one answer with bars: the next answer after the file `$LOSE_FILE` appears.

It writes the lost offsets to `$LOSE_FILE.lost`: "partition first last", a line each.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from faust.transport.consumer import Consumer

from commands.console import run_cli
from streams.__main__ import cli

FLAG = Path(os.environ["LOSE_FILE"])
LOST = Path(f"{FLAG}.lost")
_fetch = Consumer._wait_next_records


async def _losing(consumer: Any, timeout: float) -> Any:
    answer, active = await _fetch(consumer, timeout)
    if not FLAG.exists() or LOST.exists():
        return answer, active
    lines = [
        f"{tp.partition} {found.records[0].offset} {found.records[-1].offset}\n"
        for tp, found in (answer or {}).items()
        if tp.topic.endswith("bars") and found.records
    ]
    if not lines:
        return answer, active
    part = Path(f"{LOST}.part")
    part.write_text("".join(lines))
    part.rename(LOST)
    return {}, active


Consumer._wait_next_records = _losing  # type: ignore[method-assign]

if __name__ == "__main__":
    run_cli(cli)
