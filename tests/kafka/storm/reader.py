"""`python -m tests.kafka.storm.reader`: a reader that stays open during the whole storm, as in a service."""

from __future__ import annotations

import json
import logging
import sys
import time
from pathlib import Path

import msgspec

from errors import ForecastingError
from state.readers import ForecastReader, HistoryReader

_PAUSE_SECONDS = 1.0


def main(state: str, out: str) -> None:
    """Write its rows into a file, every second, for ever."""
    logging.basicConfig(level=logging.WARNING)
    target = Path(out)
    with ForecastReader(Path(state)) as forecasts, HistoryReader(Path(state)) as histories:
        while True:
            try:
                rows = {row.ticker: msgspec.json.encode(row).decode() for row in forecasts.all()}
                bars, _ = histories.bars_many(histories.tickers())
            except ForecastingError as error:
                logging.warning("nothing to be read: %s", error)  # noqa: LOG015 - a program of its own
            else:
                counts = {ticker: len(found) for ticker, found in bars.items()}
                part = target.with_suffix(".part")
                part.write_text(json.dumps({"rows": rows, "bars": counts}))
                part.replace(target)
            time.sleep(_PAUSE_SECONDS)


if __name__ == "__main__":
    main(*sys.argv[1:])
