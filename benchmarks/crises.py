"""Simulated crises: the served volatility beside each single model.

Three markets of fifteen shares and twelve years each. A share's log variance is the market's part plus its own; both revert to
their usual level, and a crisis of the market raises all of them within days and fades over months. When a crisis comes does
not depend on anything before it: no model can know.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from evaluation.dates import origin_dates
from evaluation.origins import evaluate_ticker
from evaluation.panel import SERVED, Panel, build_panel
from evaluation.scores import scored
from history.windows import window_of_bars
from models.selection.metrics import qlike_losses
from records import Bars, Floats
from settings import Settings, load_settings

MARKETS: Final = 3
TICKERS: Final = 15
BARS: Final = 12 * 252
STEPS: Final = 13
#: A crisis every four years on average. It raises log variance by 2 ± 0.5 over two weeks and fades with a half-life of 50 days.
CRISES_PER_BAR: Final = 1 / (4 * 252)
RISE_BARS: Final = 10
FADES: Final = 0.5 ** (1 / 50)
SINGLE: Final = ("har", "xgboost", "har_pooled", "ewma_0.97")
HORIZON: Final = 21
HALF_YEAR: Final = 126
#: What a crisis adds to the log variance of the bars that count as its own.
CRISIS: Final = 1.0
FIRST_DAY: Final = 10_000
EPOCH: Final = dt.date(1970, 1, 1).toordinal()


def run() -> Iterator[dict[str, Any]]:
    """One row for the crises, of all markets together, and one for all other times."""
    settings = load_settings(models="har,xgboost")
    losses: dict[bool, dict[str, list[float]]] = {True: {}, False: {}}
    for seed in range(MARKETS):
        bars, crisis = simulated_market(seed)
        panel = _panel(bars, settings)
        rows = scored(panel) & np.isfinite(panel.variances["har_pooled"])
        within = _within_crises(panel, crisis)
        for is_crisis, found in losses.items():
            chosen = rows & (within == is_crisis)
            for name in (SERVED, *SINGLE):
                loss = qlike_losses(panel.variances[name][chosen], panel.realised_variance[chosen])
                found.setdefault(name, []).extend(loss.tolist())
    for is_crisis, found in losses.items():
        mean = {name: float(np.mean(values)) for name, values in found.items()}
        best = min(SINGLE, key=mean.__getitem__)
        yield {
            "benchmark": "simulated crises, their first half year" if is_crisis else "the same markets at other times",
            "forecasts": len(found[SERVED]),
            **{f"qlike_{name}": round(value, 4) for name, value in mean.items()},
            "best_single": best,
            "ratio_to_best_single": round(mean[SERVED] / mean[best], 3),
            **({"aim": "<= 1.02"} if is_crisis else {}),
        }


def simulated_market(seed: int) -> tuple[dict[str, Bars], Floats]:
    """Bars by ticker, and what crises add to the log variance of each bar, shape (BARS,)."""
    rng = np.random.default_rng(seed)
    crisis = np.zeros(BARS)
    for start in np.flatnonzero(rng.random(BARS) < CRISES_PER_BAR):
        after = np.arange(BARS - start)
        size = 2.0 + 0.5 * rng.standard_normal()
        crisis[start:] += size * np.minimum(after / RISE_BARS, 1.0) * FADES ** np.maximum(after - RISE_BARS, 0)
    market = crisis + _reverting(rng, 0.98, 0.12)
    # Market and share in steps within the day, so that open, high and low come from the same path as the close.
    common = rng.standard_normal((BARS, STEPS)) * np.exp(0.5 * (market + np.log(1.2e-4 / STEPS)))[:, None]
    weekday = np.arange(BARS)
    day = (FIRST_DAY + weekday + 2 * (weekday // 5)).astype(np.int32)
    found = {}
    for k in range(TICKERS):
        own = 0.5 * crisis + _reverting(rng, 0.97, 0.2) + rng.normal(0.0, 0.3)
        tails = np.sqrt(0.75 / rng.chisquare(8, BARS) * 8)
        alone = rng.standard_normal((BARS, STEPS)) * (tails * np.exp(0.5 * (own + np.log(1.8e-4 / STEPS))))[:, None]
        path = np.cumsum((rng.uniform(0.7, 1.3) * common + alone).ravel()).reshape(BARS, STEPS) + np.log(50.0)
        # The first of a day's steps is the jump from the last close to the open.
        price = np.exp(path)
        spike = np.abs(path[:, -1] - path[:, 0]) / np.exp(0.5 * (market + np.log(3e-4)))
        volume = np.round(np.exp(14.0 + 0.3 * spike + 0.3 * rng.standard_normal(BARS)))
        found[f"S{k:02d}"] = Bars.of(
            day,
            open=price[:, 0].copy(),
            high=price.max(axis=1),
            low=price.min(axis=1),
            close=price[:, -1].copy(),
            volume=volume,
        )
    return found, crisis


def _reverting(rng: np.random.Generator, memory: float, shock: float) -> Floats:
    shocks = shock * rng.standard_normal(BARS)
    state = np.empty(BARS)
    level = 0.0
    for k, each in enumerate(shocks.tolist()):
        level = memory * level + each
        state[k] = level
    return state


def _panel(bars: dict[str, Bars], settings: Settings) -> Panel:
    dates = origin_dates([each.day for each in bars.values()], settings.horizon, BARS)
    windows = [window_of_bars(ticker, each) for ticker, each in bars.items()]
    return build_panel([evaluate_ticker(window, settings, dates, garch=False) for window in windows])


def _within_crises(panel: Panel, crisis: Floats) -> np.ndarray:
    """Whether each forecast's horizon, or the half year before it, has a bar of a crisis; shape (n,)."""
    since = panel.date - (EPOCH + FIRST_DAY)
    bar = since // 7 * 5 + since % 7
    ends = np.minimum(bar + HORIZON, BARS)
    return np.array([crisis[max(0, end - HALF_YEAR - HORIZON) : end].max() > CRISIS for end in ends.tolist()])
