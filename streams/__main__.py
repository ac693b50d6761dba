"""The commands of the engines: `python -m streams --help`."""

from __future__ import annotations

from commands import startup

if __name__ == "__main__":
    startup.begin()

import click

from commands.console import LazyCommands, run_cli


@click.group(
    cls=LazyCommands,
    places={
        "run": "streams.run_command:run",
        "worker": "streams.worker_command:worker",
        "status": "streams.status_command:status",
        "rebuild": "streams.worker_command:rebuild",
    },
)
def cli() -> None:
    """Take bars, keep rolling features, train when a period has ended, write forecasts into the state folder."""


if __name__ == "__main__":
    run_cli(cli)
