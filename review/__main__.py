"""The report on live forecasts: `python -m review report`."""

from __future__ import annotations

from commands import startup

if __name__ == "__main__":
    startup.begin()

import click

from commands.console import LazyCommands, run_cli


@click.group(cls=LazyCommands, places={"report": "review.report_command:report"})
def cli() -> None:
    """Judge the forecasts that were served by what came."""


if __name__ == "__main__":
    run_cli(cli)
