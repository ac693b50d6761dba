"""`python -m tests.kafka.storm.project_sender`: sends its deliveries with the project's producer."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from producers.publish import publish
from records import decode_batch
from settings import load_settings
from tests.kafka.storm import wire
from tests.kafka.storm.sending import Schedule, read_deliveries

#: The size of a group of live bars.
_PAUSE_SECONDS = 0.7


def main(deliveries: str, notes: str, began: str, seconds: str) -> None:
    """Send every message when it is due, until all are acknowledged."""
    settings = load_settings()
    mine = [one for one in read_deliveries(Path(deliveries)) if one.channel == wire.PROJECT]
    schedule = Schedule(mine, Path(notes), began=float(began), seconds=float(seconds))
    while schedule.waiting:
        due = schedule.due()
        if due:
            # The call acknowledges everything or raises; then the supervisor restarts this program.
            publish(settings, [decode_batch(one.value or b"") for one in due], resend=True)
            schedule.acknowledged(due)
        time.sleep(_PAUSE_SECONDS)


if __name__ == "__main__":
    main(*sys.argv[1:])
