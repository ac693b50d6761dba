"""`python -m benchmarks [NAME …]`: one JSON line per figure."""

from __future__ import annotations

from commands import startup

if __name__ == "__main__":
    startup.begin()

import importlib
import json
from typing import Final

import click

from commands.console import run_cli

NAMES: Final = (
    "features",
    "ingest",
    "reading",
    "training",
    "refresh",
    "crises",
    "lookup",
    "corrections",
    "optimizer",
    "earlier",
    "covariance",
    "service",
    "monitoring",
    "start",
    "versions",
    "kafka",
    "failover",
    "observation",
)


@click.command()
@click.argument("names", nargs=-1)
def cli(names: tuple[str, ...]) -> None:
    """Measure speed and memory as ratios, side by side.

    NAMES: features, ingest, reading, training, refresh, crises, lookup, corrections, optimizer, earlier, covariance, service,
    monitoring, start, versions, kafka, failover, observation (the last three start a broker); all by default.
    """
    unknown = set(names) - set(NAMES)
    if unknown:
        raise click.BadParameter(f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    for name in names or NAMES:
        for row in importlib.import_module(f"benchmarks.{name}").run():
            click.echo(json.dumps(row))


if __name__ == "__main__":
    startup.loaded()
    run_cli(cli)
