"""Made-up markets: bars that move together, forecast rows, and a real state folder that holds them."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from history.ticker_state import Counters, TickerState
from models.results import TrainingJob
from models.selection.combination import BASELINE
from models.serving import make_forecast
from models.training import train_ticker
from records import Bars, FallbackStep, Forecast, date_of, day_number
from state.folder import StateFolder
from tests.models.windows import window_of_columns

FIRST = dt.date(2020, 1, 1)
TICKERS = ("AAA", "BBB", "CCC", "DDD", "EEE", "FFF")


def weekdays(count: int, first: dt.date = FIRST) -> np.ndarray:
    days = np.busday_offset(np.datetime64(first), np.arange(count), roll="forward")
    return days.astype("datetime64[D]").astype(np.int32)


def made_bars(
    tickers: Sequence[str] = TICKERS, count: int = 300, *, seed: int = 1, young: Mapping[str, int] | None = None
) -> dict[str, Bars]:
    """Bars of `count` weekdays with a common factor; those in `young` have only their last so many."""
    rng = np.random.default_rng(seed)
    day = weekdays(count)
    market = rng.normal(0.0004, 0.008, count)
    bars = {}
    for ticker in tickers:
        drift, own = rng.uniform(-0.0003, 0.0008), rng.uniform(0.005, 0.015)
        log_return = market * rng.uniform(0.6, 1.4) + drift + rng.normal(0, own, count)
        close = 100.0 * np.exp(np.cumsum(log_return))
        rows = slice(count - (young or {}).get(ticker, count), count)
        bars[ticker] = bars_of(day[rows], close[rows])
    return bars


def bars_of(day: np.ndarray, close: np.ndarray, dividend: np.ndarray | None = None) -> Bars:
    return Bars.of(
        np.asarray(day, np.int32), open=close.copy(), high=close * 1.01, low=close * 0.99, close=close.copy(),
        volume=np.full(len(day), 1e6), dividend=dividend,
    )  # fmt: skip


def row(ticker: str, bars: Bars, annual_return: float | None = 0.1, annual_volatility: float | None = 0.2, **other) -> Forecast:
    known = {
        "as_of": bars.last_date, "last_close": float(bars.close[-1]), "horizon": 21, "annual_return": annual_return,
        "annual_volatility": annual_volatility, "return_standard_error": 0.1, "lower_80": -0.1, "upper_80": 0.1,
        "lower_95": -0.2, "upper_95": 0.2, "return_model": "har", "volatility_model": "arima", "fallback": None,
        "bars_used": len(bars), "training_cutoff": bars.last_date, "settings_hash": "0", "code_version": "0",
    }  # fmt: skip
    return Forecast(ticker=ticker, **(known | other))


def fallback_row(ticker: str, bars: Bars, reason: str = "196 bars, 504 needed") -> Forecast:
    return row(ticker, bars, fallback="historical", fallbacks=(FallbackStep(model="trained", reason=reason),))


def trained_row(ticker: str, bars: Bars) -> Forecast:
    """The row that a worker writes: by models trained on the bars, with all that pooling needs; by past prices of few bars."""
    window = window_of_columns(ticker, bars.day, bars.open, bars.high, bars.low, bars.close, bars.volume)
    job = TrainingJob(
        window=window, digest=b"", horizon=21, seed=0, models=(BASELINE,), minimum_bars=504, settings_hash="0"
    )  # fmt: skip
    trained = train_ticker(job) if len(window) >= 504 else None
    return make_forecast(window, trained, horizon=21, settings_hash="0", minimum_bars=504)


def made_rows(bars: Mapping[str, Bars], *, seed: int = 2) -> dict[str, Forecast]:
    rng = np.random.default_rng(seed)
    return {t: row(t, b, float(rng.uniform(0.03, 0.25)), float(rng.uniform(0.12, 0.4))) for t, b in bars.items()}


class MemoryHistories:
    def __init__(self, bars: Mapping[str, Bars], unreadable: Mapping[str, str] | None = None) -> None:
        self.held = dict(bars)
        self.broken = dict(unreadable or {})

    def bars_many(self, tickers: Sequence[str]) -> tuple[dict[str, Bars], dict[str, str]]:
        return {t: self.held[t] for t in tickers if t in self.held}, {t: self.broken[t] for t in tickers if t in self.broken}


class MemoryForecasts:
    def __init__(self, rows: Iterable[Forecast], unreadable: Mapping[str, str] | None = None) -> None:
        self.rows = {r.ticker: r for r in rows}
        self.broken = dict(unreadable or {})

    def get_many(self, tickers: Iterable[str]) -> dict[str, Forecast]:
        return {t: self.rows[t] for t in tickers if t in self.rows}

    def all(self) -> list[Forecast]:
        return [self.rows[t] for t in sorted(self.rows)]

    def unreadable(self) -> dict[str, str]:
        return dict(self.broken)


def write_state(folder: Path, bars: Mapping[str, Bars], rows: Iterable[Forecast]) -> None:
    """A state folder as the stream leaves it, feature state apart."""
    with StateFolder(folder).open_writer() as writer:
        for ticker, held in bars.items():
            blocks = -(-len(held) // 64)
            fetched = np.full(len(held), float(day_number(held.last_date)))
            state = TickerState(
                ticker, 0, held, fetched, fetched, (), (), held, np.zeros(4), np.zeros((blocks, 4)), None,
                Counters(accepted=len(held)),
            )  # fmt: skip
            writer.history.save(state, changed_from=0)
        for forecast in rows:
            writer.forecasts.put(forecast)


def later(bars: Bars, sessions: int) -> dt.date:
    """The date so many weekdays after the last bar."""
    return dt.date.fromisoformat(str(np.busday_offset(np.datetime64(date_of(bars.day[-1])), sessions)))


def replace_row(forecast: Forecast, **changes) -> Forecast:
    return type(forecast)(**{f: getattr(forecast, f) for f in forecast.__struct_fields__} | changes)


def with_close(bars: Bars, index: int, close: float) -> Bars:
    changed = bars.close.copy()
    changed[index] = close
    return dataclasses.replace(bars, close=changed)


def shrunk_mean(simple_returns: np.ndarray, served: list[float]) -> float:
    """What past prices say of a ticker beside forecasts of which none is far out: own mean, shrunk towards their centre."""
    return float(_shrunk(simple_returns.reshape(-1, 1), sum(served) / (len(served) + 1))[0])


def shrunk_means(simple_returns: np.ndarray) -> np.ndarray:
    """What past prices (T, n) say where no forecast serves and no mean is far out: shrunk towards the means' own centre."""
    count = len(simple_returns)
    covariance = np.atleast_2d(np.cov(simple_returns.T)) * 252**2 / count
    precision = 1 / (np.diag(covariance) + 0.15**2)
    center = precision @ simple_returns.mean(axis=0) * 252 / (precision.sum() + 1 / 0.15**2)
    weight = precision / precision.sum()
    # The sums of squares are divided by n here, by n - 1 in a standard error.
    shared = weight @ (covariance - np.diag(np.diag(covariance))) @ weight * (count - 1) / count
    return _shrunk(simple_returns, center / (1 + max(0.0, shared) / 0.15**2))


def _shrunk(simple_returns: np.ndarray, center: float) -> np.ndarray:
    own = simple_returns.mean(axis=0) * 252
    error = simple_returns.std(axis=0, ddof=1) * 252 / np.sqrt(len(simple_returns))
    return center + 0.05**2 / (0.05**2 + error**2) * (own - center)
