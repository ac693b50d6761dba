"""`python -m models evaluate`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from commands import startup
from commands.console import load_settings, progress, read_settings
from commands.paths import NamedPath, OutputPath, writing_to
from errors import SourceError
from producers.options import read_as_option
from text import comma_list

if TYPE_CHECKING:
    from evaluation.origins import TickerResult
    from evaluation.panel import Panel
    from producers.forms.declared import Declared
    from records import Bars, RejectedBar


#: No score of fewer forecasts is a number.
_FEWEST_FORECASTS: Final = 2


@click.command()
@click.option("--path", type=NamedPath(), help="Bars: Parquet, CSV, or a folder; the sample's if left out.")
@read_as_option
@click.option("--tickers", help="Comma-separated; default all in the file.")
@click.option(
    "--origins", type=click.IntRange(min=1), default=12, show_default=True, help="Dates to forecast on, one horizon apart."
)
@click.option("--horizon", type=int, help="Bars ahead; HORIZON, or 21, if left out.")
@click.option("--lookback", type=int, help="Bars that a training sees; LOOKBACK, or 756, if left out.")
@click.option("--models", help="Candidates, comma-separated; MODELS, or all, if left out.")
@click.option("--out", type=OutputPath(), required=True, help="Parquet file for every served forecast.")
@click.option("--plot", "plots", type=OutputPath(is_folder=True), help="Folder for pictures (needs matplotlib).")
@click.option("--quintiles", type=OutputPath(), help="Parquet file for probabilities of each fifth of the tickers (M6).")
@click.option("--jobs", type=click.IntRange(min=1), help="Processes; JOBS, or one per usable core, if left out.")
@click.option("--no-garch", is_flag=True, help="Leave out the benchmark GARCH(1,1) (development requirement `arch`).")
@click.option(
    "--autoarima", is_flag=True, help="Add the benchmark AutoARIMA of daily variances (make .venv-statsforecast); slow."
)
def evaluate(
    path: Path | None,
    declared: Declared,
    tickers: str | None,
    origins: int,
    horizon: int | None,
    lookback: int | None,
    models: str | None,
    out: Path,
    plots: Path | None,
    quintiles: Path | None,
    jobs: int | None,
    no_garch: bool,
    autoarima: bool,
) -> None:
    """Walk-forward evaluation: train and forecast at each origin as if it were today, and judge by what followed."""
    from importlib.util import find_spec

    from commands.processes import processes
    from evaluation.benchmarks import STATSFORECAST_PYTHON
    from evaluation.dates import origin_dates
    from evaluation.origins import evaluate_ticker
    from evaluation.panel import build_panel
    from evaluation.report import report_lines, write_forecasts
    from evaluation.untrained import has_trained_model, untrained_lines, why_untrained
    from history.windows import window_of_bars
    from models.market.model import require_market_model
    from producers.histories import reading_lines, whole_histories
    from producers.sources import read_source
    from settings import SuspectBars

    startup.loaded()
    if plots is not None and find_spec("matplotlib") is None:
        raise click.UsageError("--plot needs matplotlib: pip install -r requirements-dev.lock")
    if autoarima and not STATSFORECAST_PYTHON.exists():
        raise click.UsageError("--autoarima needs statsforecast: make .venv-statsforecast")
    settings = load_settings(horizon=horizon, models=models, jobs=jobs, **_lookback(lookback))
    require_market_model(settings)
    today = dt.datetime.now(dt.UTC).date()
    wanted = None if tickers is None else comma_list(tickers)
    garch = not no_garch and find_spec("arch") is not None
    if not garch and not no_garch:
        click.echo("without the benchmark GARCH(1,1): it needs arch, pip install -r requirements-dev.lock", err=True)
    rejected: list[RejectedBar] = []
    results = []
    histories = {}
    # What shows that a bar is wrong comes after it, and nothing after an origin may enter its forecast.
    bars = read_source(
        "sample" if path is None else "file",
        path=path,
        declared=declared,
        tickers=wanted,
        today=today,
        suspect_bars=SuspectBars.KEEP,
    )
    with processes(settings.jobs, preload=["evaluation.origins"]) as pool:
        for whole in whole_histories(bars, today):
            rejected += whole.rejected
            histories[whole.ticker] = whole.bars
        dates = origin_dates([each.day for each in histories.values()], settings.horizon, origins)
        sent = [
            pool.submit(evaluate_ticker, window_of_bars(ticker, each), settings, dates, garch=garch, auto_arima=autoarima)
            for ticker, each in histories.items()
        ]
        with progress(len(sent), "tickers evaluated") as advance:
            for result in pool.completed(sent):
                results.append(result)
                advance(1)
    where = str(path or "the sample")
    longest = max((len(each) for each in histories.values()), default=0)
    _say(reading_lines(bars, rejected))
    results = _with_origins(results, where, longest, settings.horizon)
    rows = [origin.row for result in results for origin in result.origins]
    _say(untrained_lines(rows))
    panel = build_panel(results)
    with writing_to(out):
        write_forecasts(panel.rows, out)
    if len(panel.rows) < _FEWEST_FORECASTS:
        raise SourceError(
            f"{where}: too few bars to score anything: {longest:,} leave {len(panel.rows)} forecast with a horizon of "
            f"{settings.horizon} bars to check against; a training needs {settings.minimum_bars} (MINIMUM_BARS). {out} has it"
        )
    click.echo("\n".join(report_lines(panel, results)))
    if quintiles is not None:
        _score_quintiles(panel, histories, quintiles)
    if plots is not None:
        _draw(panel, plots)
    if not any(has_trained_model(row) for row in rows):
        raise SourceError(f"{where}: no forecast has a trained model, the scores are of estimates: {why_untrained(rows)}")


def _say(lines: Iterable[str]) -> None:
    for line in lines:
        click.echo(line, err=True)


def _with_origins(results: list[TickerResult], where: str, longest: int, horizon: int) -> list[TickerResult]:
    """The results with an origin, by ticker. Raises SourceError if there are none."""
    found = sorted((result for result in results if result.origins), key=lambda result: result.ticker)
    if not found:
        raise SourceError(
            f"{where}: too few bars: the longest history has {longest:,}, and a forecast with a horizon of {horizon} "
            f"bars to check against needs {horizon + 2}"
        )
    return found


def _draw(panel: Panel, folder: Path) -> None:
    from evaluation.plots import write_plots

    with writing_to(folder):
        paths = ", ".join(str(path) for path in write_plots(panel, folder))
    click.echo(f"pictures: {paths or 'none, since no forecast has a trained model to judge'}")


def _score_quintiles(panel: Panel, histories: Mapping[str, Bars], path: Path) -> None:
    from backtest.quintiles import quintiles_of, score_lines, write_quintiles

    found = quintiles_of(histories, panel.rows, panel.realised_return)
    with writing_to(path):
        write_quintiles(found, path)
    click.echo("\n".join(["", *score_lines(found)]))


def _lookback(lookback: int | None) -> dict[str, int]:
    """Settings that must change with --lookback."""
    if lookback is None:
        return {}
    known = read_settings()
    return {
        "lookback": lookback,
        "minimum_bars": min(known.minimum_bars, lookback),
        "history_bars": max(known.history_bars, lookback + 252),
    }
