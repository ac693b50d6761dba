"""What an evaluation prints and writes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from evaluation.ablations import CANDIDATE, ablation_scores
from evaluation.origins import TickerResult
from evaluation.panel import ALONE, SERVED, Panel, trained_share
from evaluation.scores import (
    interval_scores,
    repeated_forecasts,
    return_scores,
    scored,
    untrained_score,
    volatility_scores,
    weight_score,
)
from evaluation.small_tables import table_scores
from records import Forecast

COLUMNS = (
    "ticker",
    "as_of",
    "horizon",
    "annual_return",
    "annual_volatility",
    "lower_80",
    "upper_80",
    "lower_95",
    "upper_95",
    "return_model",
    "volatility_model",
    "fallback",
)


def write_forecasts(rows: Sequence[Forecast], path: Path) -> None:
    """Served forecasts as Parquet, in the order of the rows."""
    import pyarrow as pa  # noqa: PLC0415 - only here
    import pyarrow.parquet as pq  # noqa: PLC0415 - only here

    numbers = set(COLUMNS[3:9])
    columns = {}
    for name in COLUMNS:
        values = [getattr(row, name) for row in rows]
        columns[name] = pa.array(values, type=pa.float64() if name in numbers else None)
        if columns[name].type == pa.null():
            columns[name] = columns[name].cast(pa.string())
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path)


def report_lines(panel: Panel, results: Sequence[TickerResult]) -> list[str]:
    """The tables, as lines."""
    dates = len(np.unique(panel.date))
    lines = [
        (
            f"{len(panel.rows)} forecasts of {len(results)} tickers on {dates} dates, "
            f"{trained_share(panel):.1%} with a trained model's part, {repeated_forecasts(panel)} equal to another ticker's"
        ),
        "",
        "RETURN over the horizon      n   R2 zero    R2 own  R2 cross      RMSE  rank IC  t served",
    ]
    lines += [
        f"{_marked(s.name):24}{s.forecasts:6d}{_number(s.r2_zero)}{_number(s.r2_own)}{_number(s.r2_cross_section)}"
        f"{s.rmse:10.4f}{s.rank_ic:9.3f}{s.t_served:10.2f}"
        for s in return_scores(panel)
    ]
    lines += ["", "VOLATILITY                   n     QLIKE      RMSE     slope  t served"]
    lines += [
        f"{_marked(s.name):24}{s.forecasts:6d}{s.qlike:10.4f}{s.rmse:10.4f}{s.slope:10.3f}{s.t_served:10.2f}"
        for s in volatility_scores(panel)
    ]
    untrained = untrained_score(panel)
    if untrained is not None:
        lines.append(
            f"without a trained model: {untrained.forecasts} forecasts, QLIKE {untrained.qlike_alone:.4f} by their own past, "
            f"{untrained.qlike_pooled:.4f} pooled"
        )
    lines += ["", *_year_lines(panel)]
    lines += ["", *_weight_lines(panel)]
    ablations = ablation_scores(panel)
    if ablations:
        lines += ["", f"VARIANTS of the weight of {CANDIDATE}   n   ÷ without  t served"]
        lines += [f"{s.name:31}{s.forecasts:6d}{s.ratio:12.4f}{s.t_served:10.2f}" for s in ablations]
    lines += ["", "RANDOM TABLES of tickers  draws   ÷ without   the worst"]
    lines += [f"{s.tickers:24d}{s.draws:7d}{s.ratio:12.4f}{s.worst:12.4f}" for s in table_scores(results)]
    lines += ["", "INTERVALS of the return      n  cover 80  cover 95  score 80  score 95"]
    lines += [
        f"{s.name:24}{s.forecasts:6d}{s.coverage_80:10.3f}{s.coverage_95:10.3f}{s.score_80:10.4f}{s.score_95:10.4f}"
        for s in interval_scores(panel)
    ]
    lines += ["", *_selection_lines(panel), "", *_cost_lines(results)]
    return lines


def _year_lines(panel: Panel) -> list[str]:
    """QLIKE by calendar year of the served forecast and of the best others: a crisis must not hide in the mean."""
    names = [score.name for score in volatility_scores(panel)]
    names = [SERVED, *[name for name in names if name not in (SERVED, ALONE)][:6]]
    years = np.array([row.as_of.year for row in panel.rows])
    lines = ["QLIKE by year     n" + "".join(f"{name:>14}" for name in names)]
    for year in np.unique(years):
        scores = {score.name: score.qlike for score in volatility_scores(panel, years == year)}
        if scores:
            values = (f"{scores[name]:14.4f}" if name in scores else f"{'-':>14}" for name in names)
            count = np.count_nonzero(scored(panel) & (years == year))
            lines.append(f"{year:13d}{count:6d}" + "".join(values))
    return lines


def _weight_lines(panel: Panel) -> list[str]:
    """What departing from the baseline is worth, over all and by year."""
    lines = ["WEIGHT of candidates          n   ÷ without  by ticker    better         t  mean weight"]
    years = np.array([row.as_of.year for row in panel.rows])
    shares = np.array([row.volatility_weight for row in panel.rows])
    for name, part in [("all", np.ones(len(years), dtype=np.bool_)), *((str(y), years == y) for y in np.unique(years))]:
        score = weight_score(panel, part)
        if score is not None:
            lines.append(
                f"{name:24}{score.forecasts:7d}{score.ratio:12.4f}{score.ticker_ratio:11.4f}{score.better:10.2f}{score.t:10.2f}"
                f"{shares[part & scored(panel)].mean():13.2f}"
            )
    return lines


def _selection_lines(panel: Panel) -> list[str]:
    lines = []
    for kind in ("return", "volatility"):
        best = Counter(getattr(row, f"best_{kind}_model") for row in panel.alone if row.opinions)
        weight = Counter(getattr(row, f"{kind}_model") for row in panel.rows if getattr(row, f"{kind}_weight") > 0)
        lines.append(f"best in validation, {kind}: " + ", ".join(f"{name} {count}" for name, count in best.most_common()))
        lines.append(f"served with weight, {kind}: " + (", ".join(f"{n} {c}" for n, c in weight.most_common()) or "none"))
    return lines


def _cost_lines(results: Sequence[TickerResult]) -> list[str]:
    if not any(result.fit_ms for result in results):
        return []
    whole = np.mean([result.retraining_ms for result in results])
    names = dict.fromkeys(name for result in results for name in result.fit_ms)
    fits = {name: np.mean([result.fit_ms[name] for result in results if name in result.fit_ms]) for name in names}
    return [
        f"CPU per ticker and retraining (validated, selected, forecast): {whole:.0f} ms; one fit: "
        + ", ".join(f"{name} {spent:.1f} ms" for name, spent in fits.items())
    ]


def _marked(name: str) -> str:
    return f"> {name}" if name == SERVED else f"  {name}"


def _number(value: float | None) -> str:
    return f"{'-':>10}" if value is None else f"{value:+10.4f}"
