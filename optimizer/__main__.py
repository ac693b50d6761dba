"""`python -m optimizer`: a portfolio on the command line, and the HTTP service."""

from __future__ import annotations

import datetime as dt
import json
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import click

from backtest.backtest_command import backtest
from commands.console import load_settings, run_cli
from commands.paths import NamedPath
from errors import RequestError, StateMissingError
from text import comma_list

if TYPE_CHECKING:
    from optimizer.session import Session

_STATE = click.option("--state", type=NamedPath(), help="Folder of the state (default: STATE_DIR).")
#: Long before any bar: without a start date, all prices that the state keeps are looked at.
_EARLIEST = dt.date(1900, 1, 1)


@click.group()
def main() -> None:
    """Portfolios from the forecast table."""
    # Before NumPy loads. On matrices of 500 one thread takes a quarter of the CPU time of several, which wait for each other
    # wherever something else runs; requests at the same time keep the other cores busy.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


@main.command()
@_STATE
@click.option("--tickers", help="Comma-separated (default: every ticker in the table).")
@click.option("--target-return", type=float, help="Least risk for this annual return (0.1 is 10 %); wins over the next.")
@click.option("--risk-tolerance", type=float, help="Greatest return at this annual volatility.")
@click.option("--risk-free-rate", type=float, default=0.02, show_default=True, help="Annual.")
@click.option("--start", type=click.DateTime(["%Y-%m-%d"]), help="First day of the prices (default: all that are kept).")
@click.option("--end", type=click.DateTime(["%Y-%m-%d"]), help="Last day of the prices (default: the newest bar).")
@click.option("--budget", type=click.FloatRange(0, min_open=True), help="Money to invest: prints whole shares.")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
def allocate(
    state: Path | None,
    tickers: str | None,
    target_return: float | None,
    risk_tolerance: float | None,
    risk_free_rate: float,
    start: dt.datetime | None,
    end: dt.datetime | None,
    budget: float | None,
    form: str,
) -> None:
    """Print the portfolio of the highest Sharpe ratio, or the portfolio that meets a target, and what it rests on."""
    from optimizer.report import print_result
    from optimizer.request import parse_request
    from optimizer.session import Session

    with Session.open(load_settings(state_dir=state)) as session:
        chosen, newest = _table(session, tickers)
        if start is not None and end is None and start.date() >= newest:
            raise RequestError(f"--start {start:%Y-%m-%d} is not before the newest bar, of {newest}: name an earlier day")
        request = parse_request(
            {
                "start_date": start.date() if start else _EARLIEST,
                "end_date": end.date() if end else newest,
                "risk_free_rate": risk_free_rate,
                "tickers": chosen,
                "target_return": target_return,
                "risk_tolerance": risk_tolerance,
                "budget": budget,
            }
        )
        result = session.optimizer.optimize(request)
    if form == "json":
        click.echo(json.dumps(result, indent=2, allow_nan=False))
    else:
        print_result(result)


def _table(session: Session, tickers: str | None) -> tuple[list[str], dt.date]:
    """The tickers asked for, or all in the table, and the date of the newest bar."""
    rows = session.forecasts.all()
    if not rows:
        raise StateMissingError(
            f"no forecast in {session.settings.state_dir}: make some with `python -m streams run`, or name another --state"
        )
    chosen = comma_list(tickers) if tickers else [row.ticker for row in rows]
    return chosen, max(row.as_of for row in rows)


@main.command()
@_STATE
@click.option("--host", help="Address to listen on (default: HOST, loopback).")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on (default: PORT, 5000; 0: any free one).")
def serve(state: Path | None, host: str | None, port: int | None) -> None:
    """Serve the HTTP interface until SIGTERM or Ctrl-C."""
    from commands.process_memory import bounded_heaps
    from marketdata.calendars import library_apart
    from optimizer.session import Session
    from optimizer.web import create_app
    from optimizer.web.server import Server
    from review.live import LiveReview

    settings = load_settings(state_dir=state, host=host, port=port)
    with (
        bounded_heaps(),
        library_apart(),
        Session.open(settings) as session,
        LiveReview(settings, session.optimizer.rows.table) as live,
    ):
        server = Server(create_app(settings, session=session, live=live), settings)
        # It listens at once; a request that comes sooner waits for what it needs.
        threading.Thread(target=session.warm_up, name="warm_up", daemon=True).start()
        server.run()


@main.command("refresh-group")
@click.argument("name")
@click.option(
    "--source", help="CSV of the members, path or https URL, with the columns symbol and sector (default: published)."
)
def refresh_group(name: str, source: str | None) -> None:
    """Replace the list of members of a ticker group (SP500, DOW) by a newer list, dated today."""
    from marketdata.groups import refresh

    old, new = refresh(name, source, dt.datetime.now(dt.UTC).date())
    for sign, tickers in (("+", set(new.sectors) - set(old.sectors)), ("-", set(old.sectors) - set(new.sectors))):
        for ticker in sorted(tickers):
            click.echo(f"{sign} {ticker}")
    click.echo(f"{name}: {len(new.sectors)} members of {new.as_of} (before: {len(old.sectors)} of {old.as_of})")


main.add_command(backtest)


if __name__ == "__main__":
    run_cli(main)
