"""A worker whose consumer drops the broker's first answer and every third answer, as a rebalance may do."""

from __future__ import annotations

from itertools import count
from typing import Any

from faust.transport.consumer import Consumer

from commands.console import run_cli
from streams.__main__ import cli

_fetch = Consumer._wait_next_records
_answers = count(1)


async def _dropping(consumer: Any, timeout: float) -> Any:
    answer, active = await _fetch(consumer, timeout)
    if answer and next(_answers) % 3 == 1:
        return {}, active
    return answer, active


Consumer._wait_next_records = _dropping  # type: ignore[method-assign]

if __name__ == "__main__":
    run_cli(cli)
