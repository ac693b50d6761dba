"""`python -m review report` and `tidecast report`."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from commands import startup
from commands.console import load_settings, progress
from commands.paths import NamedPath, OutputPath, writing_to
from errors import RequestError, StateMissingError
from text import comma_list, shortened

if TYPE_CHECKING:
    from collections.abc import Sequence

    from records import Forecast
    from review.outcomes import Judged, Unjudged
    from review.record import Recorded
    from settings import Settings
    from state.readers import HistoryReader

#: A year of months: enough blocks for intervals, and most of what the kept bars allow.
_REPLAYED: Final = 12
#: A forecast that was recorded later than this after its date is none of a live stream.
_LATE_DAYS: Final = 7


@click.command()
@click.option("--state", type=NamedPath(), help="State folder; STATE_DIR, or var, if left out.")
@click.option("--tickers", help="Comma-separated; all by default.")
@click.option(
    "--replay",
    type=click.IntRange(min=0, max=120),
    help="Past forecasts of each ticker to derive again from the kept bars, a horizon apart, each with its training. Default: "
    f"{_REPLAYED} while fewer than four recorded horizons have ended, then 0.",
)
@click.option("--jobs", type=click.IntRange(min=1), help="Processes; JOBS, or one per usable core, if left out.")
@click.option("--out", type=OutputPath(is_folder=True), help="Folder for report.html and report.json.")
def report(state: Path | None, tickers: str | None, replay: int | None, jobs: int | None, out: Path | None) -> None:
    """Record what is served now, and judge what was forecast earlier by what came.

    Says whether the forecasts are still good, by model, month and ticker.
    Writes OUT/report.html and OUT/report.json (by default into STATE/report).
    """
    from importlib.util import find_spec

    from records import canonical_ticker
    from review.drift_evidence import drift_evidence
    from review.judging import judge_record
    from review.losses import LEAST_BLOCKS, by_horizon, losses_of
    from review.page import page
    from review.recording import record_rows, served_rows
    from review.report import RECORDED, REPLAYED, Report, as_json, report_lines, sections_of

    startup.loaded()
    if find_spec("matplotlib") is None:
        raise click.UsageError("the page's pictures need matplotlib: pip install -r requirements-dev.lock")
    settings = load_settings(state_dir=state, jobs=jobs)
    now = dt.datetime.now(dt.UTC)
    rows = served_rows(settings.state_dir)
    wanted = None if tickers is None else frozenset(canonical_ticker(name) for name in comma_list(tickers))
    unknown = sorted((wanted or set()) - {row.ticker for row in rows})
    if unknown or (wanted is not None and not wanted):
        raise RequestError(f"no forecast for {shortened(unknown) or repr(tickers)}: leave --tickers out for all")
    kept = record_rows(settings, rows, now)
    recorded = _read_record(settings, wanted)
    judged, left = judge_record(settings.state_dir, [each.forecast for each in recorded])
    sections = sections_of(RECORDED, judged) if len(judged) else []
    counts = {RECORDED: left}
    ended = max((losses_of(part).qlike_gain.blocks for part in by_horizon(judged).values()), default=0) if len(judged) else 0
    origins = replay if replay is not None else 0 if ended >= LEAST_BLOCKS else _REPLAYED
    replayed: list[Forecast] = []
    if origins:
        replayed = _replayed(settings, wanted, origins)
        again, counts[REPLAYED] = _judge(settings, replayed)
        sections += sections_of(REPLAYED, again) if len(again) else []
    chosen = [row for row in rows if wanted is None or row.ticker in wanted]
    found = Report(
        now, sections, counts, kept.span, drift_evidence(chosen), [*kept.notes(), *_notes(recorded, counts, len(replayed))]
    )
    folder = out or settings.state_dir / "report"
    title = f"Are the forecasts still good? {settings.state_dir.name}, {now:%d %b %Y}"
    with writing_to(folder):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "report.json").write_text(json.dumps(as_json(found), allow_nan=False), encoding="utf-8")
        (folder / "report.html").write_text(page(found, title), encoding="utf-8")
    click.echo("\n".join(report_lines(found)))
    click.echo(f"\npage: {folder / 'report.html'}")


def _read_record(settings: Settings, wanted: frozenset[str] | None) -> list[Recorded]:
    from review.record import ForecastRecord

    if not settings.record_days:
        return []
    with ForecastRecord(settings.state_dir) as record:
        return [each for each in record.since(dt.date.min) if wanted is None or each.forecast.ticker in wanted]


def _judge(settings: Settings, rows: Sequence[Forecast]) -> tuple[Judged, Unjudged]:
    from review.judging import judge_record
    from review.replay import pooled_as_known
    from review.served import served_forecast

    served = [served_forecast(row) for row in pooled_as_known(rows)]
    return judge_record(settings.state_dir, [each for each in served if each is not None])


def _replayed(settings: Settings, wanted: frozenset[str] | None, origins: int) -> list[Forecast]:
    from commands.processes import processes
    from models.market.model import require_market_model
    from review.replay import replay_stops, replayed_rows
    from state.readers import HistoryReader

    rows: list[Forecast] = []
    require_market_model(settings)
    with processes(settings.jobs, preload=["review.replay"]) as pool, HistoryReader(settings.state_dir) as histories:
        sent = []
        for ticker in _tickers(histories):
            state = histories.state(ticker) if wanted is None or ticker in wanted else None
            stops = [] if state is None else replay_stops(state, origins, settings)
            if state is not None and stops:
                sent.append(pool.submit(replayed_rows, state, stops, settings))
        with progress(len(sent), "tickers replayed") as advance:
            for found in pool.completed(sent):
                rows += found
                advance(1)
    return rows


def _tickers(histories: HistoryReader) -> list[str]:
    try:
        return histories.tickers()
    except StateMissingError:
        return []  # a replica without bars has rows alone


def _notes(recorded: Sequence[Recorded], counts: dict[str, Unjudged], replayed: int) -> list[str]:
    notes = []
    late = sum((each.at.date() - each.forecast.as_of).days > _LATE_DAYS for each in recorded)
    if late:
        notes.append(
            f"{late:,} of {len(recorded):,} recorded forecasts were recorded more than {_LATE_DAYS} days after their date: "
            "bars of the past were replayed then. They were made without later bars, but by a program of that later day."
        )
    for source, left in counts.items():
        if left.open:
            notes.append(f"{source}: of {left.open:,} forecasts the horizon is not over yet.")
        if left.without_bar:
            notes.append(
                f"{source}: {left.without_bar:,} forecasts are left out, since the bar that they were made at is gone."
            )
        if left.without_history:
            notes.append(f"{source}: {left.without_history:,} forecasts are left out, since this folder has no bars of them.")
    if replayed:
        notes.append(
            f"Replayed forecasts ({replayed:,}) are derived again from the bars that are kept, by this version with these "
            "settings, each from the bars up to its date alone, with its own training. They are what was served only where "
            "version, settings and bars were the same then. The kept bars are the bars as known now: corrections that came "
            "later are in them. The market model that ships with this version may have been fitted to later bars."
        )
    return notes
