"""The optimizer: from a warm table to weights, against plain PyPortfolioOpt on the same prices."""

from __future__ import annotations

import logging
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pandas as pd
from pypfopt import EfficientFrontier, expected_returns, risk_models

from benchmarks.served_state import LAST, TICKERS, made_bars, made_row, write_state
from optimizer.request import parse_request
from optimizer.session import Session
from records import Bars
from settings import load_settings
from state.folder import StateFolder
from state.follower import REFRESH_SECONDS

ROUNDS: Final = 5


def run() -> Iterator[dict[str, Any]]:
    """A row each for 5, 30 and 500 tickers."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "state"
        bars = made_bars()
        write_state(folder, bars)
        logging.disable(logging.WARNING)
        _plain(bars, TICKERS[:5])  # what it loads and compiles with its first problem is not counted
        for count in (5, 30, len(TICKERS)):
            yield _optimization(folder, bars, TICKERS[:count])
        logging.disable(logging.NOTSET)


def _optimization(folder: Path, bars: dict[str, Bars], tickers: tuple[str, ...]) -> dict[str, Any]:
    """Medians over new sessions, opened as the service opens its own; PyPortfolioOpt has its prices in memory.

    `start` is what the service does before its first request: it checks both databases, decodes and pools all rows. The first
    request decodes its bars. `new_rows` is a request after all rows of the table have changed.
    """
    request = parse_request({"start_date": "1990-01-01", "end_date": LAST, "risk_free_rate": 0.02, "tickers": list(tickers)})
    other = request.model_copy(update={"risk_free_rate": 0.01})
    start, first, again, changed, renewed, plain = [], [], [], [], [], []
    for number in range(1, ROUNDS + 1):
        with Session.open(load_settings(state_dir=folder, price_provider="none")) as session:
            start.append(_taken(session.warm_up))
            first.append(_taken(lambda: session.optimizer.optimize(request)))
            again.append(_taken(lambda: session.optimizer.optimize(request)))
            changed.append(_taken(lambda: session.optimizer.optimize(other)))
            with StateFolder(folder).open_writer() as writer:
                for row in range(len(TICKERS)):
                    writer.forecasts.put(made_row(row, number))
            time.sleep(2 * REFRESH_SECONDS)
            renewed.append(_taken(lambda: session.optimizer.optimize(request)))
        plain.append(_taken(lambda: _plain(bars, tickers)))
    return {
        "benchmark": f"optimize {len(tickers)} tickers",
        "start_cpu_ms": _median(start, 1),
        "first_ms": _median(first, 0),
        "first_cpu_ms": _median(first, 1),
        "repeated_ms": _median(again, 0),
        "other_rate_ms": _median(changed, 0),
        "new_rows_cpu_ms": _median(renewed, 1),
        "pyportfolioopt_ms": _median(plain, 0),
        "pyportfolioopt_cpu_ms": _median(plain, 1),
        "ratio_first_to_pyportfolioopt_cpu": round(_median(first, 1) / _median(plain, 1), 2),
        "aim": "first: 5 tickers <= 40 ms, 500 <= 0.81 of PyPortfolioOpt",
    }


def _plain(bars: dict[str, Bars], tickers: tuple[str, ...]) -> None:
    prices = pd.DataFrame({ticker: bars[ticker].close for ticker in tickers})
    mean = expected_returns.mean_historical_return(prices)
    covariance = risk_models.CovarianceShrinkage(prices).ledoit_wolf()
    frontier = EfficientFrontier(mean, covariance, solver="CLARABEL")
    frontier.max_sharpe(risk_free_rate=0.02)
    frontier.clean_weights()


def _taken(work: Callable[[], object]) -> tuple[float, float]:
    """Milliseconds by the clock and of this process's CPU."""
    begun, cpu = time.perf_counter(), time.process_time()
    work()
    return (time.perf_counter() - begun) * 1e3, (time.process_time() - cpu) * 1e3


def _median(taken: list[tuple[float, float]], which: int) -> float:
    return round(statistics.median(one[which] for one in taken), 1)
