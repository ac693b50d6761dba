"""`python -m state replica`."""

from __future__ import annotations

import signal
import threading
from pathlib import Path

import click

from commands.console import load_settings
from commands.paths import NamedPath


@click.command()
@click.option("--state", "state_dir", type=NamedPath(), help="Folder of the state; STATE_DIR by default.")
@click.option("--bootstrap", help="host:port of Kafka; KAFKA_BOOTSTRAP by default.")
def replica(state_dir: Path | None, bootstrap: str | None) -> None:
    """Keep copies of the workers' tables for readers on this host, until Ctrl-C or SIGTERM.

    Forecasts come first, then bars and models (REPLICA_BARS=false leaves these out).
    """
    from broker.patience import once_kafka_answers
    from commands.pages import Pages
    from state.replica.following import Replica
    from state.replica.pages import replica_pages
    from state.replica.watch import noted_page

    settings = load_settings(state_dir=state_dir, kafka_bootstrap=bootstrap)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    copy = once_kafka_answers(settings, lambda: Replica(settings), stop=stop)
    if copy is not None:
        pages = Pages(settings.replica_port, replica_pages(copy.watch), setting="REPLICA_PORT")
        with copy, pages, noted_page(settings.state_dir, pages.port):
            copy.run(stop)
