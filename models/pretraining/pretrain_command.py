"""`python -m models pretrain`."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from commands import startup
from commands.console import progress, read_settings
from commands.paths import NamedPath, OutputPath, writing_to
from errors import RequestError, SourceError
from producers.options import read_as_option
from text import comma_list, encodable, shortened

if TYPE_CHECKING:
    from models.contract import Window
    from models.market.model import CrossValidation, MarketModel
    from producers.forms.declared import Declared
    from records import RejectedBar

#: Shorter histories have no labelled row.
MINIMUM_BARS = 300


@click.command()
@click.option("--path", "paths", type=NamedPath(), multiple=True, help="Bars: Parquet, CSV, or a folder of them.")
@read_as_option
@click.option("--state", type=NamedPath(), help="A state folder, in place of or beside files.")
@click.option("--tickers", help="Comma-separated; default all.")
@click.option("--without", help="Tickers to leave out, comma-separated: the tickers on which the model is to be judged.")
@click.option("--part", help="K/N, N odd: the tickers of part K of N, 0/3 for a third of them.")
@click.option("--start", type=click.DateTime(["%Y-%m-%d"]), help="First day of bars.")
@click.option("--end", type=click.DateTime(["%Y-%m-%d"]), help="Last day of bars.")
@click.option("--out", type=OutputPath(), required=True, help="File for the model.")
@click.option("--ablate", is_flag=True, help="Cross-validate without each group of inputs as well.")
@click.option("--seed", type=int, default=0, show_default=True)
def pretrain(
    paths: tuple[Path, ...],
    declared: Declared,
    state: Path | None,
    tickers: str | None,
    without: str | None,
    part: str | None,
    start: dt.datetime | None,
    end: dt.datetime | None,
    out: Path,
    ablate: bool,
    seed: int,
) -> None:
    """Fit a market model to many tickers' bars: boosted trees, a net and a ridge regression, cross-validated.

    MARKET_MODEL names the file to the engines. Every forecast is trained anew with it.
    """
    from importlib.util import find_spec

    missing = [name for name in ("torch", "xgboost", "sklearn") if find_spec(name) is None]
    if missing:
        raise click.UsageError(f"{', '.join(missing)} cannot be imported: `make pretrain BARS=…` installs what a fit needs")
    from models.market.model import digest_of
    from models.pretraining.cross_validation import ablations
    from models.pretraining.panel import fit_panel, ticker_group
    from models.pretraining.pretraining import fitted_model
    from records import canonical_ticker

    startup.loaded()
    if not paths and state is None:
        raise click.UsageError("name bars with --path or a state folder with --state")
    wanted = None if tickers is None else [canonical_ticker(name) for name in comma_list(tickers)]
    left_out = frozenset(canonical_ticker(name) for name in comma_list(without or ""))
    chosen, parts = _part(part)
    span = (None if start is None else start.date(), None if end is None else end.date())
    windows: dict[str, Window] = {}
    short, seen = 0, set[str]()
    with progress(None, "histories read") as advance:
        sources = [_of_file(path, declared, wanted, span) for path in paths] + (
            [] if state is None else [_of_state(state, wanted)]
        )
        for source in sources:
            for window in source:
                # The first file that has a ticker counts.
                seen.add(window.ticker)
                inside = window.ticker not in left_out and ticker_group(window.ticker, parts) == chosen
                if inside and len(window) >= MINIMUM_BARS:
                    windows.setdefault(window.ticker, window)
                short += inside and len(window) < MINIMUM_BARS
                advance(1)
    if absent := sorted(left_out - seen):
        raise RequestError(
            f"--without names {shortened(absent)}, of which there are no bars: {shortened(sorted(seen))} have some"
        )
    if short:
        click.echo(f"{short:,} histories of less than {MINIMUM_BARS} bars are left out", err=True)
    data = tuple(f"{encodable(path.name)} {_digest(path)}" for path in paths) + (
        () if state is None else (f"state {state.name}",)
    )
    panel = fit_panel(windows.values(), read_settings().horizon)
    click.echo(f"{len(panel)} rows of {len(windows)} tickers; cross-validation and fit take some minutes", err=True)
    model = fitted_model(panel, data, seed)
    if ablate:
        scores = ablations(panel, seed)
        click.echo("\n".join(_score_lines("WITHOUT the inputs of (trees and ridge)", scores.items())))
    payload = model.to_bytes()
    with writing_to(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_bytes(payload)
    click.echo("\n".join(_record_lines(model)))
    click.echo(f"{out}: {len(payload):,} bytes, {digest_of(payload)}")


def _part(text: str | None) -> tuple[int, int]:
    """K and N of K/N; all tickers are part 0 of 1."""
    try:
        chosen, parts = (0, 1) if text is None else map(int, text.split("/"))
    except ValueError:
        chosen, parts = -1, 0
    # The halves of the cross-validation are cut by the same checksum: an even N would leave one of them empty.
    if not 0 <= chosen < parts or parts % 2 == 0:
        raise click.UsageError(f"--part {text}: write it as 0/3, with an odd number of parts")
    return chosen, parts


def _of_file(
    path: Path, declared: Declared, tickers: list[str] | None, span: tuple[dt.date | None, dt.date | None]
) -> Iterator[Window]:
    from history.windows import window_of_bars
    from producers.histories import reading_lines, whole_histories
    from producers.sources import read_source
    from settings import SuspectBars

    today = dt.datetime.now(dt.UTC).date()
    source = read_source(
        "file",
        path=path,
        declared=declared,
        tickers=tickers,
        start=span[0],
        end=span[1],
        today=today,
        suspect_bars=SuspectBars.IMPOSSIBLE,
    )
    rejected: list[RejectedBar] = []
    for each in whole_histories(source, today):
        rejected += each.rejected
        yield window_of_bars(each.ticker, each.bars)
    for line in reading_lines(source, rejected, suspect="left out where they cannot be"):
        click.echo(line, err=True)


def _of_state(state: Path, tickers: list[str] | None) -> Iterator[Window]:
    from history.windows import window_of_bars
    from state.readers import HistoryReader

    with HistoryReader(state) as reader:
        for ticker in reader.tickers() if tickers is None else tickers:
            bars = reader.bars(ticker)
            if bars is None:
                raise SourceError(f"{state}: there is no history of {ticker}")
            yield window_of_bars(ticker, bars)


def _digest(path: Path) -> str:
    """12 hex digits of a file's content, or of a folder's files in the order of their names."""
    digest = hashlib.blake2b(digest_size=6)
    for file in sorted(part for part in path.rglob("*") if part.is_file()) if path.is_dir() else [path]:
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _record_lines(model: MarketModel) -> Iterator[str]:
    record = model.record
    first, last = (dt.date(1970, 1, 1) + dt.timedelta(days=7 * week - 3) for week in (record.first_week, record.last_week))
    yield f"{record.rows:,} rows of {len(record.tickers)} tickers, {first} to {last}, from {', '.join(record.data)}"
    returns = [] if record.return_score is None else [("return", record.return_score)]
    yield from _score_lines("OUT OF SAMPLE (dates and tickers held out)", [*record.scores.items(), *returns])


def _score_lines(title: str, scores: Iterable[tuple[str, CrossValidation]]) -> Iterator[str]:
    yield f"{title:42}    weight   error  spread      R2  QLIKE ratio"
    for name, score in scores:
        ratio = "      -" if score.qlike_ratio is None else f"{score.qlike_ratio:7.4f}"
        yield f"{name:42}{score.weight:10.3f}{score.error:8.3f}{score.block_spread:8.3f}{score.r2:+8.4f}{ratio:>13}"
