"""`python -m streams run`."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING

import click

from commands import startup
from commands.console import load_settings, progress
from commands.paths import NamedPath
from errors import StateCorruptError, StateMissingError
from producers.options import WantedBars, source_options

if TYPE_CHECKING:
    from settings import Settings


@click.command()
@source_options
@click.option("--state", type=NamedPath(), help="State folder; STATE_DIR, or var, if left out.")
@click.option("--jobs", type=click.IntRange(min=1), help="Training processes; JOBS, or one per usable core, if left out.")
@click.option(
    "--since", type=click.Choice(["last"]), help="last: only from some sessions before what the state has (yfinance)."
)
@click.option("--no-train", is_flag=True, help="Take bars in and refresh forecasts, but train nothing.")
def run(
    wanted: WantedBars,
    state: Path | None,
    jobs: int | None,
    since: str | None,
    no_train: bool,
) -> None:
    """Run the whole pipeline to the end of the input.

    It may be interrupted at any time: the next run continues, with the same result. A run without new bars changes nothing.
    """
    if since and (not wanted.source.is_live or wanted.start):
        raise click.UsageError("--since last is for --source yfinance, and --start does not go with it")
    settings = load_settings(state_dir=state, jobs=jobs)
    now = dt.datetime.now(dt.UTC)
    # Errors of the input come before the slow imports.
    bars = wanted.read(settings, now=now, starts=_starts_since_last(settings, wanted.tickers) if since else None)

    from contextlib import ExitStack

    from models.training import train_ticker
    from producers.screen import suspect_lines
    from state.folder import StateFolder
    from streams.embedded.engine import EmbeddedEngine
    from streams.embedded.summary import summary_lines
    from streams.training.ticker_pool import new_ticker_pool

    startup.loaded()
    with ExitStack() as stack:
        writer = stack.enter_context(
            StateFolder(settings.state_dir).open_writer(
                model_memory_ttl_seconds=settings.model_memory_ttl_seconds, model_ttl_seconds=settings.model_ttl_seconds
            )
        )
        pool = None
        if not no_train:
            pool = stack.enter_context(new_ticker_pool(settings, train_ticker))
        engine = EmbeddedEngine(writer, settings, state_dir=settings.state_dir, today=now.date(), pool=pool, progress=progress)
        summary = engine.run(bars, bars_total=bars.bars_total)
    for line in bars.findings.lines():
        click.echo(line, err=True)
    for line in summary_lines(summary):
        click.echo(line, err=True)
    if bars.suspicions:
        for line in suspect_lines(bars.suspicions):
            click.echo(line, err=True)
        click.echo(f"which suspect bars are held out, SUSPECT_BARS says: {settings.suspect_bars}", err=True)


def _starts_since_last(settings: Settings, tickers: list[str] | None) -> dict[str, dt.date]:
    """The day from which to fetch each ticker of the state."""
    from producers.since import starts_since_last
    from producers.sources import canonical_tickers
    from state.readers import HistoryReader

    wanted = sorted(canonical_tickers(tickers) or ())
    try:
        with HistoryReader(settings.state_dir) as histories:
            held, unreadable = histories.bars_many(wanted)
    except (StateMissingError, StateCorruptError):
        return {}  # the writer refuses a damaged state and says what to do, before anything is fetched
    if unreadable:
        raise StateCorruptError(next(iter(unreadable.values())))
    return starts_since_last(wanted, {ticker: bars.last_date for ticker, bars in held.items()}, settings.overlap_sessions)
