"""The pictures of a backtest as SVG (`evaluation.svg`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from backtest.bootstrap import Difference
from backtest.figures import risk_ratios
from backtest.market import Market
from backtest.runs import Run
from backtest.strategies import OURS, TITLES
from evaluation.svg import GRID, INK, MUTED, PAPER, SERIES, picture
from records import Floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Days of a rolling volatility: a quarter.
_ROLLING: Final = 63
#: Holdings that a picture of weights names; the others are one area.
_NAMED: Final = 8
_ORDER: Final = tuple(TITLES)


def color_of(strategy: str) -> str:
    """The colour that a strategy has in every picture."""
    return SERIES[_ORDER.index(strategy) % len(SERIES)]


def wealth_picture(market: Market, runs: Sequence[Run]) -> str:
    """Growth of one unit, the geometric mean over universes, on a log scale."""
    from matplotlib.ticker import LogLocator  # noqa: PLC0415 - as below

    def draw(axes: Axes) -> None:
        for name, group in _by_strategy(runs).items():
            wealth = np.exp(np.mean([np.log(run.wealth) for run in group], axis=0))
            width = 1.8 if name in OURS else 1.1
            axes.plot(_dates(market, group[0]), wealth, color=color_of(name), lw=width, zorder=3 if name in OURS else 2)
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.yaxis.set_minor_locator(LogLocator(subs=(1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0)))
        axes.yaxis.set_minor_formatter(lambda value, _: f"{value:g}")
        axes.set_ylabel("growth of 1, log scale")

    return picture("wealth", draw, dated=True)


def drawdown_picture(market: Market, runs: Sequence[Run]) -> str:
    """Fall from the former high of the same mean wealth."""

    def draw(axes: Axes) -> None:
        for name, group in _by_strategy(runs).items():
            wealth = np.exp(np.mean([np.log(run.wealth) for run in group], axis=0))
            axes.plot(
                _dates(market, group[0]), 100 * (wealth / np.maximum.accumulate(wealth) - 1), color=color_of(name), lw=1.2
            )
        axes.set_ylabel("below the former high, %")

    return picture("drawdown", draw, dated=True)


def risk_picture(market: Market, runs: Sequence[Run]) -> str:
    """Predicted risk at each fill, and realised volatility of the quarter around it, first universe."""

    def draw(axes: Axes) -> None:
        for name, group in _by_strategy(runs).items():
            run = group[0]
            per_year = market.days_per_year(run.first, run.last)
            dates = _dates(market, run)
            window = min(_ROLLING, len(dates) - 1)
            squares = np.concatenate([[0.0], np.cumsum(run.returns() ** 2)])
            rolling = np.sqrt((squares[window:] - squares[:-window]) / window * per_year)
            centers = dates[1 + window // 2 :][: len(rolling)]
            axes.plot(centers, 100 * rolling[: len(centers)], color=color_of(name), lw=1.2, alpha=0.75)
            predicted = [trade for trade in run.trades if np.isfinite(trade.predicted_risk)]
            days = _days(market, [trade.row for trade in predicted])
            risks = [100 * trade.predicted_risk for trade in predicted]
            axes.step(days, risks, where="post", color=color_of(name), lw=1.2, ls=(0, (3, 1.5)))
        axes.set_ylim(bottom=0)
        axes.set_ylabel("% a year; dashed: predicted")

    return picture("risk", draw, dated=True)


def weights_picture(market: Market, run: Run) -> str:
    """Weights after each fill of one run, stacked: the largest by name, the others together, cash on top."""

    def draw(axes: Axes) -> None:
        dates = _days(market, [*(trade.row for trade in run.trades), run.last])
        weights = np.array([trade.weights for trade in (*run.trades, run.trades[-1])])
        largest = np.argsort(-weights.mean(axis=0), kind="stable")[:_NAMED]
        others = np.delete(weights, largest, axis=1).sum(axis=1)
        areas = [*weights[:, largest].T, others]
        colors = [*SERIES[:_NAMED], GRID]
        axes.stackplot(
            dates, [100 * area for area in areas], colors=colors, labels=[*(market.tickers[k] for k in largest), "others"],
            step="post", linewidth=0.3, edgecolor=PAPER,
        )  # fmt: skip
        axes.set_ylim(0, 100)
        axes.set_ylabel("% of wealth")
        axes.legend(ncols=3, loc="upper center", bbox_to_anchor=(0.5, -0.14), frameon=False, fontsize=8, labelcolor=INK)

    return picture("weights", draw, height=3.5, dated=True)


def turnover_picture(turnover: dict[str, tuple[float, float]]) -> str:
    """Mean turnover per rebalancing of each strategy, without and with trading control."""

    def draw(axes: Axes) -> None:
        names = list(turnover)[::-1]
        place = np.arange(len(names))
        axes.barh(
            place + 0.19,
            [100 * turnover[n][0] for n in names],
            0.36,
            color=[color_of(n) for n in names],
            label="without control",
        )
        axes.barh(place - 0.19, [100 * turnover[n][1] for n in names], 0.36, color=[color_of(n) for n in names], alpha=0.45)
        axes.set_yticks(place, [SHORT[name] for name in names])
        axes.grid(axis="y", visible=False)
        axes.set_xlabel("bought + sold, % of wealth")

    return picture("turnover", draw)


def calibration_picture(market: Market, runs: Sequence[Run]) -> str:
    """Predicted against realised risk, a point for each period between fills; on the line the prediction was right."""

    def draw(axes: Axes) -> None:
        shown = []
        for name, group in _by_strategy(runs).items():
            ratios = [ratio for run in group for ratio in risk_ratios(market, run)]
            if not ratios:
                continue
            per_year = market.days_per_year(group[0].first, group[0].last)
            predicted = 100 * np.sqrt([r.predicted * per_year for r in ratios])
            realised = 100 * np.sqrt([max(r.realised, 1e-12) * per_year for r in ratios])
            axes.plot(predicted, realised, ls="", marker="o", ms=3, alpha=0.6, color=color_of(name), mew=0)
            shown += [*predicted, *realised]
        if shown:
            low, high = min(shown) * 0.9, max(shown) * 1.1
            axes.plot([low, high], [low, high], color=MUTED, lw=1)
            axes.set_xlim(low, high)
            axes.set_ylim(low, high)
        axes.set_xscale("log")
        axes.set_yscale("log")
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(lambda value, _: f"{value:g}")
            axis.set_minor_formatter(lambda value, _: f"{value:g}" if f"{value:g}"[0] in "1235" else "")
        axes.set_xlabel("predicted, % a year")
        axes.set_ylabel("realised, % a year")

    return picture("calibration", draw)


def differences_picture(found: Sequence[Difference]) -> str:
    """The interval of each difference of Sharpe ratios; one that crosses the line at 0 proves nothing."""

    def draw(axes: Axes) -> None:
        place = np.arange(len(found))[::-1]
        for y, each in zip(place, found, strict=True):
            axes.plot(each.sharpe_interval, [y, y], color=color_of(each.ours), lw=2)
            axes.plot([each.sharpe], [y], marker="o", ms=5, color=color_of(each.ours), mew=0)
        axes.axvline(0, color=MUTED, lw=1)
        axes.set_yticks(place, [f"{SHORT[each.ours]} – {SHORT[each.rival]}" for each in found])
        axes.grid(axis="y", visible=False)
        axes.set_xlabel("difference of Sharpe ratios, 95 % interval")

    return picture("differences", draw, height=0.9 + 0.23 * max(4, len(found)))


SHORT: Final = {
    "max_sharpe": "max Sharpe",
    "min_variance": "min variance",
    "target_risk": "target risk",
    "fallback": "fallback",
    "raw_mean_mpt": "MPT",
    "ledoit_wolf": "Ledoit-Wolf",
    "inverse_volatility": "1/volatility",
    "equal_weight": "1/N",
    "min_variance_plain": "plain min var.",
    "benchmark": "benchmark",
}


def _by_strategy(runs: Sequence[Run]) -> dict[str, list[Run]]:
    grouped: dict[str, list[Run]] = {}
    for run in runs:
        grouped.setdefault(run.strategy, []).append(run)
    return grouped


def _dates(market: Market, run: Run) -> Floats:
    return np.asarray(market.day[run.first : run.last + 1].astype("datetime64[D]"))


def _days(market: Market, rows: Sequence[int]) -> Floats:
    return np.asarray(market.day[list(rows)].astype("datetime64[D]"))
