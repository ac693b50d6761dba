"""The Python names that other back ends call. pandas is imported inside: it takes a second that a command can save."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from errors import NoDataError, RequestError
from optimizer.covariance import comovement, covariance_of
from optimizer.lookup import Estimate, Freshness, log_fallbacks, look_up
from optimizer.prices import PriceTable
from optimizer.request import NO_DATA, as_date, parse_request
from optimizer.result import Result
from optimizer.session import Session, process_session
from optimizer.tickers import clean_tickers
from records import Days, Forecast, canonical_ticker, date_of

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger(__name__)

#: Two closes of one bar agree if they differ by less than vendors' rounding to a cent, or a hundredth of a per cent.
_CENT: Final = 0.0101
_CLOSE: Final = 1e-4


def optimize_portfolio(
    start_date: str | dt.date,
    end_date: str | dt.date,
    risk_free_rate: float,
    ticker_group: str | None = None,
    tickers: Sequence[str] | None = None,
    target_return: float | None = None,
    risk_tolerance: float | None = None,
    *,
    expected_returns: Mapping[str, float] | None = None,
    current_weights: Mapping[str, float] | None = None,
    turnover_cost: float | None = None,
    budget: float | None = None,
    session: Session | None = None,
) -> Result:
    """Weights for a year to come, long only, from fresh forecasts, else from past prices.

    All rates are annual decimals. Without a target, the portfolio of the highest Sharpe ratio with the given
    `risk_free_rate`; with `target_return`, the least risk that returns as much; else with `risk_tolerance`, the greatest
    return at that volatility. A target of None or 0 is not set.

    `expected_returns` replace the forecasts of the tickers that they name (a pandas Series will do). `current_weights` with a
    `turnover_cost` make trading cost that much of each unit; without one the portfolio goes half of the way
    (`optimizer.trading.STEP`), or as much more as a target needs. `budget` adds whole `shares` and the `cash` that is left.

    The result can be checked by hand. With w = `weights`, μ and σ = `expected_return` and `expected_volatility` in `forecasts`,
    and R = the shrunk correlations of the last 756 bars up to `end_date` (`optimizer.covariance.comovement`):

    - `return` = Σ wᵢ μᵢ; `risk` = √(Σᵢⱼ wᵢ wⱼ σᵢ σⱼ Rᵢⱼ); `sharpe_ratio` = (return - risk_free_rate) / risk
    - `prices`: last close up to `end_date` of every weighted ticker
    - `forecasts`, `estimates`, `unused`, `warnings`: the basis of each weight, and which tickers could not be used and why

    Raises RequestError (what the arguments need), InfeasibleTargetError (with the feasible range), NoDataError.
    """
    request = parse_request(
        {
            "start_date": start_date,
            "end_date": end_date,
            "risk_free_rate": risk_free_rate,
            "ticker_group": ticker_group,
            "tickers": tickers if tickers is None or isinstance(tickers, str) else list(tickers),
            "target_return": target_return,
            "risk_tolerance": risk_tolerance,
            "expected_returns": dict(expected_returns or {}),
            "current_weights": dict(current_weights or {}),
            "turnover_cost": turnover_cost,
            "budget": budget,
        }
    )
    return (session or process_session()).optimizer.optimize(request)


def get_stock_data(
    tickers: Iterable[str], start_date: str | dt.date, end_date: str | dt.date, *, session: Session | None = None
) -> pd.DataFrame:
    """Closes adjusted for splits and dividends, dates × tickers, from `start_date` to `end_date`, both included.

    From the history in the state; the provider is asked only for tickers that the state lacks. NaN where a ticker has no bar.
    The last close of each ticker is the traded one. `.attrs["missing"]` gives the reason for each ticker without a price,
    `.attrs["warnings"]` what else went wrong. Raises RequestError, or NoDataError when no ticker has a price.
    """
    import pandas as pd  # noqa: PLC0415

    chosen = clean_tickers(tickers)
    start, end = _date(start_date), _date(end_date)
    prices = (session or process_session()).market.prices(chosen.tickers, start, end)
    table = prices.table
    missing = {**chosen.refused, **prices.missing}
    if not table.tickers:
        raise NoDataError(
            "; ".join([NO_DATA, *(f"{ticker}: {reason}" for ticker, reason in missing.items()), *prices.warnings])
        )
    order = [ticker for ticker in chosen.tickers if ticker not in missing]
    index = pd.DatetimeIndex(table.day.astype("datetime64[D]"), name="Date")
    frame = pd.DataFrame(table.close, index=index, columns=pd.Index(table.tickers, name="Ticker"))[order]
    frame.attrs["missing"] = missing
    frame.attrs["warnings"] = list(prices.warnings)
    return frame


def ml_forecast_returns(data: pd.DataFrame, *, session: Session | None = None) -> pd.Series[float]:
    """Expected annual returns (arithmetic, decimals) of the tickers in `data`, prices as dates × tickers.

    The caller's prices are respected. A forecast of the table counts only if it was made from the ticker's last price in
    `data`: same date, same close. That date must be fresh beside the last date of all (`FRESH_SESSIONS`). It is pooled over
    the table as for `optimize_portfolio`. Else the estimate is m, the mean simple daily return of `data` × 252, shrunk by its
    standard error s, the returns' standard deviation × 252 / √(their number), towards a centre c:

        c + (m - c) τ² / (τ² + s²),  τ = `models.historical.PRIOR_ANNUAL_DISPERSION` = 0.05

    Beside tickers that a forecast serves, c is the centre of those forecasts (`models.pooling.shrinkage`), else the tickers'
    own (`optimizer.historical`); the reason gives m, s and c. A share of 25 % volatility alone keeps half of its mean over five
    years, 6 % of one over two months.

    Columns are looked up by their sanitised symbols and keep their own names in the result, whose `.attrs["forecasts"]` tells
    for each the value's `as_of`, `model`, `fallback` and `reason`. A ticker that allows no estimate is NaN, with the reason
    there.

    Raises RequestError when `data` is not a table of prices by date.
    """
    import pandas as pd  # noqa: PLC0415

    table, names = _table_of(data)
    estimates, unusable = _expected(table, session or process_session()) if table.tickers else ({}, {})
    result = pd.Series(
        {name: estimates[t].annual_return if t in estimates else np.nan for t, name in names.items()}, dtype=float
    )
    result.attrs["forecasts"] = {
        name: _basis(estimates[t]) if t in estimates else {"reason": unusable.get(t, "no price in the data")}
        for t, name in names.items()
    }
    return result


def ml_covariance(data: pd.DataFrame, *, session: Session | None = None) -> pd.DataFrame:
    """Annual covariance of the log returns of the tickers in `data`, prices as dates × tickers, as portfolios use it.

    Volatilities are those of `ml_forecast_returns`' forecasts or estimates, blended with those of the last 756 bars of `data`;
    correlations are of the same bars (`optimizer.covariance`). Rows and columns keep the names of `data`; NaN where a ticker
    allows no estimate. Positive definite without these.

    Raises RequestError when `data` is not a table of prices by date, NoDataError for too few prices in common.
    """
    import pandas as pd  # noqa: PLC0415

    table, names = _table_of(data)
    estimates, _ = _expected(table, session or process_session()) if table.tickers else ({}, {})
    result = pd.DataFrame(np.nan, index=list(names.values()), columns=list(names.values()))
    if estimates:
        together = comovement(table.choose(tuple(estimates)))
        served = np.array([estimate.annual_volatility for estimate in estimates.values()])
        known = [names[ticker] for ticker in estimates]
        result.loc[known, known] = covariance_of(together.volatilities(served), together.correlation)
    return result


def _expected(table: PriceTable, session: Session) -> tuple[dict[str, Estimate], dict[str, str]]:
    newest = table.last_date()
    rows = session.optimizer.rows.as_of(newest, table.tickers)
    for warning in rows.warnings:
        logger.warning("portfolio made with a warning reason=%s", warning)
    reasons = dict(rows.unserved)
    served: dict[str, Forecast] = {}
    for ticker in table.tickers:
        row = rows.forecasts.get(ticker)
        difference = "" if row is None else _other_prices(row, table, ticker)
        if difference:
            reasons[ticker] = difference
        elif row is not None:
            served[ticker] = row
    freshness = Freshness(newest, newest, session.settings.fresh_sessions)
    estimates, unusable = look_up(table, served, freshness, reasons, rows.absent)
    log_fallbacks(estimates, unusable)
    return estimates, unusable


def _other_prices(row: Forecast, table: PriceTable, ticker: str) -> str:
    """Why a forecast was not made from these prices; empty if it was."""
    series = table.series(ticker)
    last, close = date_of(series.day[-1]), float(series.close[-1])
    if row.as_of != last:
        return f"the forecast in the table is of {row.as_of}, the data ends on {last}"
    if abs(row.last_close - close) > max(min(_CENT, 0.005 * close), _CLOSE * close):
        return f"the forecast in the table is of a close of {row.last_close:g}, the data's last is {close:g}"
    return ""


def _table_of(data: pd.DataFrame) -> tuple[PriceTable, dict[str, Any]]:
    """The columns that hold prices, by canonical symbol, and of every column its symbol and its own name."""
    import pandas as pd  # noqa: PLC0415

    if not isinstance(data, pd.DataFrame) or data.columns.nlevels != 1:
        raise RequestError("a DataFrame of prices is needed: dates as index, one column for each ticker")
    try:
        index = pd.DatetimeIndex(data.index).tz_localize(None)
        close = data.to_numpy(dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise RequestError(f"the index must hold dates and the columns prices: {error}") from error
    day: Days = index.to_numpy().astype("datetime64[D]").astype(np.int32)
    if (np.diff(day) <= 0).any():
        raise RequestError("the dates must rise, each once: sort the data and drop repeats")
    if ((close <= 0) | np.isinf(close)).any():
        raise RequestError("prices must be positive; leave missing prices as NaN")
    names = {canonical_ticker(str(name)): name for name in data.columns}
    if len(names) < len(data.columns):
        raise RequestError("two columns are the same ticker: drop one")
    priced = np.isfinite(close).any(axis=0)
    tickers = tuple(ticker for ticker, good in zip(names, priced, strict=True) if good)
    return PriceTable(tickers, day, close[:, priced]), names


def _basis(estimate: Estimate) -> dict[str, Any]:
    return {
        "as_of": estimate.as_of.isoformat(),
        "model": estimate.return_model,
        "fallback": estimate.fallback,
        "reason": estimate.explanation(),
    }


def _date(value: str | dt.date) -> dt.date:
    try:
        return as_date(value)
    except ValueError as error:
        raise RequestError(f"{error}, not {value!r}") from None
