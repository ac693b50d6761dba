"""`python -m review.live_losses STATE SINCE`: the losses of what was served from a date on, as JSON.

For the HTTP service, which must neither carry a year of forecasts in its memory nor answer more slowly while they are judged.
"""

from __future__ import annotations

import datetime as dt
import logging
import sys
from pathlib import Path

import msgspec

from review.judging import judge_record
from review.losses import Losses, by_horizon, losses_of
from review.record import ForecastRecord


class LiveFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Losses by horizon, of recorded forecasts whose horizon has ended; empty while none has. `failed` counts failures."""

    losses: dict[int, Losses] = {}
    recorded: int = 0
    not_over: int = 0
    failed: int = 0


def live_losses(state_dir: Path, first: dt.date) -> LiveFigures:
    """Of what was served in this folder with an `as_of` from `first` on. Raises as `ForecastRecord` does."""
    with ForecastRecord(state_dir) as record:
        recorded = record.since(first)
    judged, left = judge_record(state_dir, [each.forecast for each in recorded])
    losses = {horizon: losses_of(part) for horizon, part in by_horizon(judged).items()} if len(judged) else {}
    return LiveFigures(losses=losses, recorded=len(recorded), not_over=left.open)


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    sys.stdout.buffer.write(msgspec.json.encode(live_losses(Path(sys.argv[1]), dt.date.fromisoformat(sys.argv[2]))))
