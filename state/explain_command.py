"""`python -m state explain`."""

from __future__ import annotations

from pathlib import Path

import click

from commands.console import load_settings
from commands.paths import NamedPath
from errors import RequestError


@click.command()
@click.argument("ticker")
@click.option("--state", "state_dir", type=NamedPath(), help="Folder of the state; STATE_DIR by default.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def explain_forecast(ticker: str, state_dir: Path | None, form: str) -> None:
    """Print why the forecast of TICKER is what it is: each number as arithmetic on printed numbers.

    What belongs to bars and models (the own log-HAR, splits, what the newest bar changed) needs a folder that has them: that of
    `streams run`, of the ticker's worker or of a replica. With REPLICA_BARS=false a replica has the rest.
    """
    from records import canonical_ticker, is_ticker
    from streams.explain import explanation_json, explanation_text

    settings, wanted = load_settings(state_dir=state_dir), canonical_ticker(ticker)
    if not is_ticker(wanted):
        raise RequestError(f"not a ticker: {ticker}; write one ticker, as AAPL or BRK-B")
    click.echo(explanation_json(settings, wanted) if form == "json" else explanation_text(settings, wanted))
