"""`python -m state`: show the stored forecasts and histories."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import click

from commands.console import load_settings, run_cli
from commands.paths import NamedPath, OutputPath
from errors import RequestError, StateError
from state.explain_command import explain_forecast
from state.replica_command import replica
from text import comma_list

if TYPE_CHECKING:
    from records import Forecast

_STATE = click.option("--state", "state_dir", type=NamedPath(), help="Folder of the state; STATE_DIR by default.")
_OUT = click.option("--out", type=OutputPath(), help="Write to this file instead of stdout.")


@click.group()
def main() -> None:
    """Show the stored forecasts and histories. Works while another process writes them."""


@main.command()
@_STATE
@click.option("--tickers", help="Comma-separated; all by default.")
@click.option("--format", "form", type=click.Choice(["table", "json", "csv", "parquet"]), default="table", show_default=True)
@click.option("--as-written", is_flag=True, help="Each row as its worker wrote it, before pooling over all tickers.")
@_OUT
def forecasts(state_dir: Path | None, tickers: str | None, form: str, as_written: bool, out: Path | None) -> None:
    """Print the forecast table as the optimizer serves it, or export it; equal tables give equal bytes."""
    from models.pooling.contribution import learning_line
    from models.pooling.pool import pool
    from state.export import TABLE_WIDTH
    from state.readers import ForecastReader

    if form == "parquet" and out is None:
        raise click.UsageError("--format parquet needs --out PATH")
    wanted = None if tickers is None else _tickers(tickers)
    with ForecastReader(load_settings(state_dir=state_dir).state_dir) as reader:
        rows = reader.all()
        unreadable = reader.unreadable()
    if not as_written:
        rows = pool(rows)
    if wanted is not None:
        rows = [row for row in rows if row.ticker in wanted]
        unreadable = {ticker: reason for ticker, reason in unreadable.items() if ticker in wanted}
    missing = sorted(set(wanted or ()) - {row.ticker for row in rows} - set(unreadable))
    _put(_encoded(rows, form), out)
    if form == "table" and out is None and rows:
        click.echo(textwrap.fill(learning_line(rows), TABLE_WIDTH, subsequent_indent="  "))
    if missing:
        raise RequestError(f"no forecast for {', '.join(missing)}: publish its bars, or list all tickers without --tickers")
    if unreadable:
        raise StateError(f"rows left out: {'; '.join(unreadable.values())}")


@main.command()
@_STATE
@click.option("--ticker", required=True)
@_OUT
def history(state_dir: Path | None, ticker: str, out: Path | None) -> None:
    """Print the kept bars of one ticker as CSV."""
    from state import export
    from state.readers import HistoryReader

    wanted, *others = _tickers(ticker)
    if others:
        raise RequestError(f"--ticker takes one ticker, not {ticker}")
    with HistoryReader(load_settings(state_dir=state_dir).state_dir) as reader:
        bars = reader.bars(wanted)
    if bars is None:
        raise RequestError(f"no history for {wanted}: publish its bars, or look for it in `python -m state forecasts`")
    _put(export.bars_to_csv(bars), out)


def _encoded(rows: list[Forecast], form: str) -> bytes:
    from state import export

    match form:
        case "json":
            return export.rows_to_json(rows)
        case "csv":
            return export.rows_to_csv(rows)
        case "parquet":
            return export.rows_to_parquet(rows)
        case _:
            return export.rows_to_table(rows).encode()


def _tickers(text: str) -> list[str]:
    from records import canonical_ticker, is_ticker

    tickers = [canonical_ticker(part) for part in comma_list(text)]
    bad = [ticker for ticker in tickers if not is_ticker(ticker)]
    if bad or not tickers:
        raise RequestError(f"not a ticker: {', '.join(bad) or repr(text)}; write tickers as AAPL,BRK-B")
    return tickers


def _put(content: bytes, out: Path | None) -> None:
    from state.export import write_file

    if out is None:
        sys.stdout.buffer.write(content)
    else:
        write_file(out, content)


main.add_command(explain_forecast, "explain")
main.add_command(replica)


if __name__ == "__main__":
    run_cli(main)
