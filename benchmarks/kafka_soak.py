"""Live days through a real worker: does its memory grow? `python -m benchmarks.kafka_soak --seconds 3600`."""

from __future__ import annotations

from commands import startup

if __name__ == "__main__":
    startup.begin()

import json
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import click

from benchmarks.bars import batched, simulated
from benchmarks.worker import await_count, await_trained, cpu_seconds, health_page, memory_megabytes, running_worker
from broker.local.start import local_broker
from broker.ports import free_port
from broker.topics import ensure_topics
from commands.console import run_cli
from producers.publish import publish
from settings import load_settings

#: More bars than are kept, so that histories no longer grow.
_BACKFILL_BARS: Final = 1500
_REPORT_SECONDS: Final = 300.0


def run(*, seconds: float, day_seconds: float) -> Iterator[dict[str, Any]]:
    """A row at the start, every five minutes and at the end."""
    days = max(1, round(seconds / day_seconds))
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        bootstrap, _ = stack.enter_context(local_broker(load_settings()))
        settings = load_settings(kafka_bootstrap=bootstrap, state_dir=folder, worker_port=free_port(), kafka_prefix="soak-")
        ensure_topics(settings)
        histories = dict(simulated(_BACKFILL_BARS + days))
        backfill = [batch for ticker, bars in histories.items() for batch in batched(ticker, bars[:_BACKFILL_BARS])]
        publish(settings, backfill, resend=True)
        # A training a month: an hour's worth of live days is a year and more of them.
        worker = stack.enter_context(running_worker(settings, WINDOW="month", JOBS="1"))
        await_count(settings, "messages", len(backfill))
        await_trained(settings)
        began = reported = time.monotonic()

        def row(day: int) -> dict[str, Any]:
            page = health_page(settings)
            return {
                "benchmark": "live days replayed",
                "minutes": round((time.monotonic() - began) / 60, 1),
                "tickers": len(histories),
                "live_days": day,
                "messages": page["messages"],
                "trained": page["trained"],
                "rss_mb": round(memory_megabytes(worker), 1),
                "loop_lag_ms": page["loop_lag_ms"],
                "cpu_seconds": round(cpu_seconds(worker), 1),
                "load": round(os.getloadavg()[0], 1),
                "aim": "<= 300 MB, without growth",
            }

        yield row(0)
        for day in range(days):
            at = _BACKFILL_BARS + day
            live = (batch for ticker, bars in histories.items() for batch in batched(ticker, bars[at : at + 1]))
            publish(settings, live, resend=True)
            await_count(settings, "messages", len(backfill) + (day + 1) * len(histories))
            time.sleep(max(0.0, began + (day + 1) * day_seconds - time.monotonic()))
            if time.monotonic() - reported >= _REPORT_SECONDS:
                reported += _REPORT_SECONDS
                yield row(day + 1)
        yield row(days)


@click.command()
@click.option("--seconds", type=click.FloatRange(min=1), default=3600.0, show_default=True, help="How long live days come.")
@click.option("--day-seconds", type=click.FloatRange(min=0.1), default=10.0, show_default=True, help="From one to the next.")
def cli(seconds: float, day_seconds: float) -> None:
    """Replay live days of 505 tickers through one worker on a broker of its own; one JSON object a line."""
    for row in run(seconds=seconds, day_seconds=day_seconds):
        click.echo(json.dumps(row))


if __name__ == "__main__":
    startup.loaded()
    run_cli(cli)
