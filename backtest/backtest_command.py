"""`python -m optimizer backtest`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from commands import startup
from commands.console import load_settings
from commands.paths import NamedPath, OutputPath, writing_to
from producers.options import read_as_option
from text import comma_list, encodable

if TYPE_CHECKING:
    from producers.forms.declared import Declared


@click.command()
@click.option("--path", type=NamedPath(), help="Bars: Parquet, CSV, or a folder of them.")
@read_as_option
@click.option("--state", type=NamedPath(), help="Folder of a state whose bars are used, instead of --path.")
@click.option("--sample", is_flag=True, help="Use the sample bars, instead of --path.")
@click.option("--tickers", help="Comma-separated; default all.")
@click.option("--members", type=NamedPath(), help="CSV of members by date: ticker, from, to.")
@click.option("--delistings", type=NamedPath(), help="CSV of delisted tickers' last returns: ticker, return.")
@click.option("--benchmark", help="A ticker that is bought with the first fill and held.")
@click.option("--forecasts", type=NamedPath(), help="Forecasts by `models evaluate --out`; made here if left out.")
@click.option("--universes", type=click.IntRange(min=1), default=1, show_default=True, help="Random draws of tickers; 1: all.")
@click.option("--size", type=click.IntRange(min=2), default=30, show_default=True, help="Tickers of a random draw.")
@click.option("--phases", type=click.IntRange(1, 21), default=1, show_default=True, help="Start days in a holding period.")
@click.option("--strategies", help="Comma-separated; default all but min_variance_plain.")
@click.option("--cost-bp", type=click.FloatRange(0, 1000), default=10.0, show_default=True, help="Of each unit traded.")
@click.option("--risk-free-rate", type=click.FloatRange(-0.5, 1.0), default=0.02, show_default=True, help="Annual, effective.")
@click.option("--target-risk", type=click.FloatRange(0.01, 2.0), default=0.15, show_default=True, help="Annual volatility.")
@click.option("--delay", type=click.IntRange(min=1), default=1, show_default=True, help="Bars from a decision to its fill.")
@click.option("--models", help="Candidates for forecasts made here, comma-separated; MODELS, or all, if left out.")
@click.option("--jobs", type=click.IntRange(min=1), help="Processes; JOBS, or one per usable core, if left out.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the random universes and the bootstrap.")
@click.option("--out", type=OutputPath(is_folder=True), required=True, help="Folder of what is written.")
def backtest(
    path: Path | None,
    declared: Declared,
    state: Path | None,
    sample: bool,
    tickers: str | None,
    members: Path | None,
    delistings: Path | None,
    benchmark: str | None,
    forecasts: Path | None,
    universes: int,
    size: int,
    phases: int,
    strategies: str | None,
    cost_bp: float,
    risk_free_rate: float,
    target_risk: float,
    delay: int,
    models: str | None,
    jobs: int | None,
    seed: int,
    out: Path,
) -> None:
    """Walk-forward backtest: decide on each rebalancing day as if it were today, and book what followed.

    Writes OUT/results.parquet (daily wealth, fills), OUT/figures.json, OUT/backtest.html and, if made here,
    OUT/forecasts.parquet.
    """
    from importlib.util import find_spec

    from backtest.assumptions import assumptions_of
    from backtest.decisions import Rules
    from backtest.forecasts import all_rows, make_forecasts, read_forecasts
    from backtest.inputs import read_bars, read_delistings, read_members, state_bars
    from backtest.market import Market
    from backtest.page import page
    from backtest.report import as_json, report_of, table_lines, write_results
    from backtest.runs import Costs
    from backtest.schedule import decision_rows, phases_of
    from backtest.strategies import DEFAULT_STRATEGIES, STRATEGIES
    from backtest.walk import Plan, random_universes, walk
    from evaluation.report import write_forecasts
    from evaluation.untrained import untrained_lines
    from records import canonical_ticker

    startup.loaded()
    if (path is not None) + (state is not None) + sample != 1:
        raise click.UsageError("name the bars by one of --path, --state and --sample")
    if find_spec("matplotlib") is None:
        raise click.UsageError("the page's pictures need matplotlib: pip install -r requirements-dev.lock")
    chosen = DEFAULT_STRATEGIES if strategies is None else tuple(comma_list(strategies))
    if not chosen:
        raise click.UsageError(f"--strategies names none; there are {', '.join(STRATEGIES)}")
    for name in chosen:
        if name not in STRATEGIES:
            raise click.UsageError(f"there is no strategy {name!r}; there are {', '.join(STRATEGIES)}")
    settings = load_settings(models=models, jobs=jobs, state_dir=state)
    wanted = None if tickers is None else [canonical_ticker(name) for name in comma_list(tickers)]
    compared = None if benchmark is None else canonical_ticker(benchmark)
    read = None if wanted is None else [*wanted, *([compared] if compared else [])]
    bars = state_bars(settings.state_dir, read) if state is not None else read_bars(path, read, declared)
    if compared is not None and compared not in bars:
        raise click.UsageError(f"there is no bar of the benchmark {compared}: name a ticker of the file, or leave it out")
    membership = None if members is None else read_members(members, bars)
    market = Market.of(bars, membership, read_delistings(delistings) if delistings else None)
    pool = tuple(t for t in market.tickers if t != compared or (wanted is not None and t in wanted))
    if forecasts is not None:
        table = read_forecasts(forecasts)
        rows = decision_rows(market, table.decision_days(), delay)
    else:
        rows = phases_of(market, settings.minimum_bars, settings.horizon, phases, delay)
        table = make_forecasts({t: bars[t] for t in pool}, [int(market.day[row]) for row in rows], settings)
        for line in untrained_lines(list(all_rows(table))):
            click.echo(line, err=True)
    plan = Plan(
        random_universes(pool, universes, size, seed),
        tuple(tuple(rows[phase::phases]) for phase in range(phases)),
        Rules(chosen, risk_free_rate, target_risk, settings.weight_cap, settings.fresh_sessions, settings.market_premium),
        Costs(cost_bp / 1e4, delay, risk_free_rate),
        compared,
    )
    outcome = walk(market, table, plan, settings.jobs)
    report = report_of(market, outcome, plan, assumptions_of(market, outcome, plan, table, size, seed), seed)
    with writing_to(out):
        out.mkdir(parents=True, exist_ok=True)
        if forecasts is None:
            write_forecasts(list(all_rows(table)), out / "forecasts.parquet")
        write_results(market, outcome.runs, out / "results.parquet")
        (out / "figures.json").write_text(json.dumps(as_json(market, report, plan), allow_nan=False), encoding="utf-8")
        title = f"Backtest on {'the sample bars' if sample else encodable((path or settings.state_dir).stem)}"
        (out / "backtest.html").write_text(page(market, report, plan, title), encoding="utf-8")
    click.echo("\n".join(table_lines(report)))
    click.echo(f"\npage: {out / 'backtest.html'}")
