"""Commands around the models: `python -m models --help`."""

from __future__ import annotations

from commands import startup

if __name__ == "__main__":
    startup.begin()

import click

from commands.console import LazyCommands, run_cli


@click.group(
    cls=LazyCommands,
    places={
        "evaluate": "evaluation.evaluate_command:evaluate",
        "pretrain": "models.pretraining.pretrain_command:pretrain",
    },
)
def cli() -> None:
    """Evaluate forecasts, and fit the market model."""


if __name__ == "__main__":
    run_cli(cli)
