"""`python -m tests.kafka.storm.expected`: the state of the embedded engine for the same good messages."""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from models.training import train_ticker
from records import decode_batch
from settings import load_settings
from state.folder import StateFolder
from streams.embedded.engine import EmbeddedEngine
from streams.training.pool import TrainingPool
from streams.training.ticker_pool import preload_for
from tests.kafka.storm.sending import read_deliveries


def main(deliveries: str, state: str, today: str) -> None:
    """Run the engine to the end, in a new folder."""
    settings = load_settings(state_dir=Path(state))
    good = [one for one in read_deliveries(Path(deliveries)) if one.good]
    good.sort(key=lambda one: (one.ticker, one.number))
    with ExitStack() as stack:
        writer = stack.enter_context(StateFolder(settings.state_dir).open_writer())
        pool = stack.enter_context(
            TrainingPool(train_ticker, jobs=1, deadline_seconds=120.0, preload=preload_for(settings.models))
        )
        engine = EmbeddedEngine(
            writer, settings, state_dir=settings.state_dir, today=dt.date.fromisoformat(today), pool=pool, progress=_silent
        )
        engine.run(decode_batch(one.value or b"") for one in good)


@contextmanager
def _silent(total: int | None, description: str) -> Iterator[Callable[[int], None]]:
    yield lambda count: None


if __name__ == "__main__":
    main(*sys.argv[1:])
