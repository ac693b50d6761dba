"""`python -m streams status`: whether everything works, and what does not."""

from __future__ import annotations

import datetime as dt
import logging
import sys
import time
from functools import partial
from pathlib import Path

import click

from commands.console import load_settings
from commands.paths import NamedPath


@click.command()
@click.option("--state", type=NamedPath(), help="State folder; STATE_DIR, or var, if left out.")
@click.option("--bootstrap", help="host:port of Kafka; KAFKA_BOOTSTRAP if left out.")
@click.option("--embedded", is_flag=True, help="Of a folder that `streams run` fills: Kafka is not asked.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.option("--watch", is_flag=True, help="Again every two seconds, until Ctrl-C.")
def status(state: Path | None, bootstrap: str | None, embedded: bool, as_json: bool, watch: bool) -> None:
    """Print what works and what does not: workers, partitions, bars, forecasts. Exit code 3 if something is wrong.

    Asks Kafka, the pages of the workers on this host, and the state folder.
    """
    import msgspec
    from rich.console import Console
    from rich.live import Live

    from monitoring.status_text import status_screen
    from streams.kafka.worker.status import gather

    settings = load_settings(state_dir=state, kafka_bootstrap=bootstrap)
    # kafka-python cannot read what Faust's members say of themselves, and says so at every look.
    logging.getLogger("kafka.admin").setLevel(logging.ERROR)

    look = partial(gather, settings, ask_kafka=not embedded)
    found = look(now=dt.datetime.now(dt.UTC))
    console = Console(highlight=False)
    if watch and not as_json:
        with Live(status_screen(found), console=console, screen=console.is_terminal, auto_refresh=False) as live:
            while True:
                live.update(status_screen(found), refresh=True)
                time.sleep(2.0)
                found = look(now=dt.datetime.now(dt.UTC))
    if as_json:
        click.echo(msgspec.json.encode(found))
    else:
        console.print(status_screen(found))
    sys.exit(3 if found.is_red else 0)
