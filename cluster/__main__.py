"""`python -m cluster`: a broker, two workers, a producer and the HTTP service, until Ctrl-C."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import click

from commands.console import load_settings, run_cli
from commands.paths import NamedPath
from errors import ForecastingError
from producers.options import WantedBars, source_options


@click.command()
@click.option("--state", type=NamedPath(), default=Path("var/cluster"), show_default=True, help="State folder.")
@click.option("--workers", type=click.IntRange(min=1, max=32), default=2, show_default=True)
@click.option("--port", type=click.IntRange(min=1, max=65535), help="Of the HTTP service; PORT if left out.")
@source_options
def cli(state: Path, workers: int, port: int | None, wanted: WantedBars) -> None:
    """Run the whole system on this machine and replay a source through it."""
    from broker.local.start import local_broker
    from broker.topics import ensure_topics
    from cluster.processes import Ending, Processes
    from streams.kafka.worker.folder import forget_tables

    settings = load_settings(state_dir=state, port=port)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with local_broker(settings) as (bootstrap, broker), Processes() as processes:
        if broker is not None:
            # The tables of an earlier run belong to another broker.
            forget_tables(settings)
        environment = os.environ | {"KAFKA_BOOTSTRAP": bootstrap, "STATE_DIR": str(state.absolute())}
        if not wanted.source.is_live:
            environment.setdefault("BARS_DUE_HOURS", "0")  # a replayed history is years old, and nothing follows it
        ensure_topics(load_settings(state_dir=state, kafka_bootstrap=bootstrap))
        click.echo(f"Kafka answers at {bootstrap}; forecasts at http://{settings.host}:{settings.port}/api/forecasts", err=True)
        for number in range(1, workers + 1):
            worker = f"worker-{number}"
            processes.start(worker, ["streams", "worker", "--id", worker], environment, Ending.RESTARTED)
        processes.start("producer", ["producers", "publish", *wanted.arguments()], environment, Ending.FINE)
        processes.start("optimizer", ["optimizer", "serve", "--port", str(settings.port)], environment)
        while (failure := processes.watch()) is None:
            time.sleep(0.5)
        raise ForecastingError(failure)


if __name__ == "__main__":
    run_cli(cli)
