"""A worker whose trainings all fail: `python -m tests.kafka.programs.failing_worker --id NAME`."""

from __future__ import annotations

import sys

from commands.logs import configure_logging
from settings import load_settings
from streams.kafka.worker.process import run_worker
from tests.streams.failing import train_failing

if __name__ == "__main__":
    configure_logging(load_settings())
    run_worker(load_settings(worker_id=sys.argv[2]), train_failing)
