"""The pictures of a report on live forecasts as SVG (`evaluation.svg`)."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import NormalDist
from typing import TYPE_CHECKING, Final

import numpy as np

from evaluation.svg import INK, MUTED, SERIES, picture
from models.selection.metrics import qlike_losses
from records import Floats
from review.losses import by_month, inside
from review.outcomes import Judged

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DECILES: Final = 10
_BINS: Final = 10
_SERVED, _BASELINE, _THIRD = SERIES[1], SERIES[7], SERIES[0]


def coverage_picture(judged: Judged, name: str) -> str:
    """Share of returns inside the 80 and the 95 % interval, by month of the forecast."""

    def draw(axes: Axes) -> None:
        months = by_month(judged)
        when = _days(months)
        for level, color, index in ((80, _SERVED, 0), (95, _THIRD, 1)):
            shares = [100 * float(inside(part)[index].mean()) for part in months.values()]
            axes.plot(when, shares, color=color, marker="o", ms=3, lw=1.3, label=f"{level} % interval")
            axes.axhline(level, color=color, lw=0.9, ls=(0, (3, 2)))
        axes.set_ylim(0, 103)
        axes.set_ylabel("% of returns inside")
        axes.legend(frameon=False, fontsize=8, labelcolor=INK, loc="lower left")

    return picture(f"coverage {name}", draw, dated=True)


def transform_picture(judged: Judged, name: str) -> str:
    """How often a return came at each probability that its forecast gave to less: even where forecasts are calibrated."""

    def draw(axes: Axes) -> None:
        counts, edges = np.histogram(probability_transform(judged), bins=_BINS, range=(0.0, 1.0))
        axes.bar(edges[:-1] + 0.5 / _BINS, 100 * counts / max(1, counts.sum()), 0.9 / _BINS, color=_SERVED, alpha=0.8)
        axes.axhline(100 / _BINS, color=MUTED, lw=1, ls=(0, (3, 2)))
        axes.set_xlabel("probability of a return below what came")
        axes.set_ylabel("% of forecasts")

    return picture(f"transform {name}", draw)


def probability_transform(judged: Judged) -> Floats:
    """Probability that each forecast gave to a return below what came, by a normal law of the log return (Dawid 1984)."""
    variance = judged.column("horizon") * judged.column("daily_variance")
    expected = np.log1p(np.maximum(judged.column("horizon_return"), -0.999)) - 0.5 * variance
    scores = (np.log1p(judged.realised_return) - expected) / np.sqrt(variance)
    return np.array([NormalDist().cdf(score) for score in scores])


def volatility_picture(judged: Judged, name: str) -> str:
    """Realised volatility by decile of the forecast."""

    def draw(axes: Axes) -> None:
        periods = judged.column("periods_per_year")
        expected = 100 * np.sqrt(judged.column("daily_variance") * periods)
        realised = 100 * np.sqrt(judged.realised_variance * periods)
        parts = [part for part in np.array_split(np.argsort(expected, kind="stable"), DECILES) if len(part)]
        x = [float(expected[part].mean()) for part in parts]
        low, high = (np.array([float(np.quantile(realised[part], level)) for part in parts]) for level in (0.1, 0.9))
        top = 1.1 * max(*x, float(high.max()))
        axes.plot([0, top], [0, top], color=MUTED, lw=1)
        axes.vlines(x, low, high, color=_SERVED, lw=4, alpha=0.35)
        axes.plot(x, [float(np.sqrt(np.mean(realised[part] ** 2))) for part in parts], ls="", marker="o", ms=4, color=_SERVED)
        axes.set_xlim(0, top)
        axes.set_ylim(0, top)
        axes.set_xlabel("forecast, % a year")
        axes.set_ylabel("realised, % a year")

    return picture(f"volatility {name}", draw)


def qlike_picture(judged: Judged, name: str) -> str:
    """Mean QLIKE of the month's forecasts, served and of the baseline."""

    def draw(axes: Axes) -> None:
        months = by_month(judged)
        when = _days(months)
        for label, column, color, width in (
            ("baseline", "base_variance", _BASELINE, 1.2),
            ("served", "daily_variance", _SERVED, 1.8),
        ):
            losses = [float(qlike_losses(part.column(column), part.realised_variance).mean()) for part in months.values()]
            axes.plot(when, losses, color=color, marker="o", ms=3, lw=width, label=label)
        axes.set_ylim(bottom=0)
        axes.set_ylabel("QLIKE, 0 is perfect")
        axes.legend(frameon=False, fontsize=8, labelcolor=INK)

    return picture(f"qlike {name}", draw, dated=True)


def gain_picture(judged: Judged, name: str) -> str:
    """What the served forecasts gained on the baseline, summed over dates: it falls while they are worse."""

    def draw(axes: Axes) -> None:
        realised = judged.realised_variance
        gain = qlike_losses(judged.column("base_variance"), realised) - qlike_losses(judged.column("daily_variance"), realised)
        days, index = np.unique(judged.day, return_inverse=True)
        summed = np.cumsum(np.bincount(index, gain)) / len(judged)
        axes.step(days.astype("datetime64[D]"), summed, where="post", color=_SERVED, lw=1.6)
        axes.axhline(0, color=MUTED, lw=1)
        axes.set_ylabel("QLIKE, summed ÷ all forecasts")

    return picture(f"gain {name}", draw, dated=True)


def returns_picture(judged: Judged, name: str) -> str:
    """Realised return by decile of the expected one."""

    def draw(axes: Axes) -> None:
        expected, came = 100 * judged.column("horizon_return"), 100 * judged.realised_return
        parts = [part for part in np.array_split(np.argsort(expected, kind="stable"), DECILES) if len(part)]
        x = np.array([float(expected[part].mean()) for part in parts])
        y = np.array([float(came[part].mean()) for part in parts])
        axes.plot(x, y, ls="", marker="o", ms=4, color=_SERVED)
        axes.plot([x.min(), x.max()], [x.min(), x.max()], color=MUTED, lw=1)
        axes.axhline(0, color=MUTED, lw=0.6)
        axes.set_xlabel("expected over the horizon, %")
        axes.set_ylabel("what came, mean, %")

    return picture(f"returns {name}", draw)


def _days(months: Iterable[str]) -> np.ndarray:
    return np.array(list(months), dtype="datetime64[M]").astype("datetime64[D]")
