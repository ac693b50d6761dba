"""A worker whose trainings use a wrong candidate: `python -m tests.kafka.programs.leaning_worker --id NAME`."""

from __future__ import annotations

import sys

from commands.logs import configure_logging
from settings import load_settings
from streams.kafka.worker.process import run_worker
from tests.streams.leaning import train_leaning

if __name__ == "__main__":
    configure_logging(load_settings())
    run_worker(load_settings(worker_id=sys.argv[2]), train_leaning)
