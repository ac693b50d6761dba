"""Pictures of an evaluation: calibration, QLIKE over time, selected models over time. Needs the development package matplotlib.

Drawn without pyplot: nothing global is set, and no window system is asked for.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from statistics import NormalDist
from typing import TYPE_CHECKING, Final

import numpy as np

from evaluation.panel import ALONE, SERVED, Panel
from evaluation.scores import interval_scores, scored, volatility_scores
from models.selection.metrics import qlike_losses
from records import Floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Okabe and Ito's colours, which everyone can tell apart; the first is the served forecast's.
COLOURS: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#999999", "#F0E442")
INK: Final = "#333333"
PIT_BINS: Final = 10
DECILES: Final = 10
DAYS_OF_A_MONTH: Final = 30
#: Forecasters beside the served one in the picture of QLIKE: the best over all origins.
RIVALS: Final = 6


def write_plots(panel: Panel, folder: Path) -> list[Path]:
    """Write calibration.png, qlike.png and selection.png into the folder, made if need be; their paths.

    None where no forecast has a trained model's part.
    """
    if not scored(panel).any():
        return []
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, draw in (("calibration", _calibration), ("qlike", _qlike), ("selection", _selection)):
        paths.append(folder / f"{name}.png")
        draw(panel).savefig(paths[-1], dpi=130)
    return paths


def _calibration(panel: Panel) -> Figure:
    """Whether probabilities are what they say: of the return, in its intervals, and of the volatility, decile by decile."""
    figure = _figure(13.5, 4.4)
    pit, coverage, volatility = figure.subplots(1, 3)
    rows = scored(panel)
    transform = probability_transform(panel)
    pit.hist(
        transform, bins=PIT_BINS, range=(0, 1), weights=np.full(len(transform), PIT_BINS / len(transform)), color=COLOURS[0]
    )
    pit.axhline(1.0, color=INK, linestyle="--", linewidth=1)
    _label(pit, "Return: probability integral transform", "probability of a lower return", "density (even: 1)")
    for k, (score, colour) in enumerate(zip(interval_scores(panel), COLOURS, strict=False)):
        for place, value, aim in ((0, score.coverage_80, 0.80), (1, score.coverage_95, 0.95)):
            at = place + 0.2 * (k - 1.5)
            coverage.bar(at, value, 0.18, color=colour, label=score.name if place == 0 else None)
            coverage.text(at, value + 0.004, f"{value:.0%}", ha="center", fontsize=7, color=INK)
            coverage.hlines(aim, place - 0.45, place + 0.45, color=INK, linestyle="--", linewidth=1)
    coverage.set_xticks([0, 1], ["80 % interval", "95 % interval"])
    coverage.set_ylim(0.6, 1.05)
    coverage.legend(fontsize=8, frameon=False, ncols=2, loc="upper left")
    _label(coverage, "Return: share inside the interval, thirds by volatility", "", "coverage")
    periods = panel.periods_per_year()[rows]
    expected = np.sqrt(panel.variances[SERVED][rows] * periods)
    realised = np.sqrt(panel.realised_variance[rows] * periods)
    parts = [part for part in np.array_split(np.argsort(expected, kind="stable"), DECILES) if len(part)]
    x = [float(expected[part].mean()) for part in parts]
    low, high = (np.array([float(np.quantile(realised[part], level)) for part in parts]) for level in (0.1, 0.9))
    mean = [float(np.sqrt(np.mean(realised[part] ** 2))) for part in parts]
    volatility.plot([0, max(x) * 1.1], [0, max(x) * 1.1], color=INK, linestyle="--", linewidth=1, label="as forecast")
    volatility.vlines(x, low, high, color=COLOURS[5], linewidth=4, alpha=0.6, label="8 in 10 of the realised")
    volatility.plot(x, mean, "o", color=COLOURS[0], label="realised, root mean square")
    volatility.legend(fontsize=8, frameon=False, loc="upper left")
    _label(
        volatility, "Volatility: realised by decile of the forecast", "served annual volatility", "realised annual volatility"
    )
    return figure


def probability_transform(panel: Panel) -> Floats:
    """Probability that the served forecast gave to a return below what came, shape (n,), by a normal law of the log return.

    Even between 0 and 1 where the forecasts are calibrated (Dawid 1984).
    """
    rows = scored(panel)
    variance = np.array([row.horizon for row in panel.rows])[rows] * panel.variances[SERVED][rows]
    expected = np.log1p(panel.returns[SERVED][rows]) - 0.5 * variance
    normal = NormalDist()
    return np.array([normal.cdf(z) for z in (np.log1p(panel.realised_return[rows]) - expected) / np.sqrt(variance)])


def _qlike(panel: Panel) -> Figure:
    """QLIKE month by month, and what the served forecast has gained on each rival up to then."""
    from matplotlib.ticker import LogLocator  # noqa: PLC0415 - only where a picture is asked for

    figure = _figure(11, 7)
    over, gained = figure.subplots(2, 1, sharex=True)
    rivals = _rivals(panel)
    months = _months(panel)
    for name, colour in zip([SERVED, *rivals], COLOURS, strict=False):
        rows = scored(panel) & np.isfinite(panel.variances[name])
        losses = qlike_losses(panel.variances[name][rows], panel.realised_variance[rows])
        served = qlike_losses(panel.variances[SERVED][rows], panel.realised_variance[rows])
        when, index = np.unique(months[rows], return_inverse=True)
        count = np.bincount(index)
        style = {"linewidth": 2.2, "zorder": 3} if name == SERVED else {"linewidth": 1.2}
        over.plot(_dates(when), np.bincount(index, losses) / count, color=colour, label=name, **style)
        if name != SERVED:
            gain = np.cumsum(np.bincount(index, losses - served)) / len(losses)
            gained.plot(_dates(when), gain, color=colour, linewidth=1.6, label=name)
            gained.annotate(f"{gain[-1]:+.3f}", (_dates(when)[-1], gain[-1]), fontsize=8, color=colour, ha="left", va="bottom")
    gained.axhline(0.0, color=INK, linewidth=1)
    over.set_yscale("log")
    over.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    over.yaxis.set_major_formatter("{x:g}")
    over.yaxis.set_minor_formatter("")
    over.legend(fontsize=8, frameon=False, ncols=RIVALS + 1, loc="lower left", bbox_to_anchor=(0.0, -0.13))
    _label(over, "Volatility: mean QLIKE of a month's forecasts (lower is better)", "", "QLIKE, log scale")
    _label(
        gained, "What the served forecast gained: rises while it errs less than the rival", "", "QLIKE, summed ÷ all forecasts"
    )
    return figure


def _rivals(panel: Panel) -> list[str]:
    """The best other forecasters of the variance; of two that say the same, one."""
    names = [score.name for score in volatility_scores(panel) if score.name not in (SERVED, ALONE)]
    distinct = [
        name
        for k, name in enumerate(names)
        if not any(np.array_equal(panel.variances[name], panel.variances[other], equal_nan=True) for other in names[:k])
    ]
    return distinct[:RIVALS]


def _selection(panel: Panel) -> Figure:
    """Which candidate was best in validation, month by month, and what was served with weight."""
    figure = _figure(11, 7)
    months = _months(panel)
    when = np.unique(months)
    # A step lasts until the next step: without an extra step the last month would have no width.
    edges = [*_dates(when), dt.date.fromordinal(int(when[-1]) + DAYS_OF_A_MONTH)]
    candidates = [opinion.model for opinion in max((row.opinions for row in panel.alone), key=len)]
    parts = figure.subplots(2, 1, sharex=True)
    for axes, kind in zip(parts, ("volatility", "return"), strict=True):
        best = np.array([getattr(row, f"best_{kind}_model") or row.fallback or "none" for row in panel.alone])
        names = sorted({*candidates, *best}, key=lambda name: (name not in candidates, name))
        shares = np.array([[np.mean(best[months == month] == name) for month in when] for name in names])
        shown = shares.any(axis=1)
        axes.stackplot(
            edges,
            np.column_stack([shares, shares[:, -1]])[shown],
            colors=np.array([COLOURS[k % len(COLOURS)] for k in range(len(names))])[shown],
            labels=np.array(names)[shown],
            alpha=0.75,
            step="post",
        )
        weighted = np.array([getattr(row, f"{kind}_weight") > 0.0 for row in panel.rows])
        share = [float(np.mean(weighted[months == month])) for month in when]
        axes.step(edges, [*share, share[-1]], where="post", color=INK, linewidth=2, label="served with weight")
        axes.set_ylim(0, 1)
        axes.legend(fontsize=8, frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
        _label(axes, f"{kind.capitalize()}: best candidate in each ticker's validation", "", "share of tickers")
    return figure


def _figure(width: float, height: float) -> Figure:
    from matplotlib.figure import Figure  # noqa: PLC0415 - only where a picture is asked for

    return Figure(figsize=(width, height), layout="constrained")


def _label(axes: Axes, title: str, x: str, y: str) -> None:
    axes.set_title(title, fontsize=10, loc="left", color=INK)
    axes.set_xlabel(x, fontsize=9)
    axes.set_ylabel(y, fontsize=9)
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)


def _months(panel: Panel) -> np.ndarray:
    """Ordinal of the first day of each forecast's month, shape (n,): tickers' origins rarely share a day."""
    return np.array([row.as_of.replace(day=1).toordinal() for row in panel.rows])


def _dates(ordinals: np.ndarray) -> list[dt.date]:
    return [dt.date.fromordinal(int(ordinal)) for ordinal in ordinals]
