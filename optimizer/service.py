"""From a request to its result: what the HTTP service, the command and Python callers share."""

from __future__ import annotations

import datetime as dt
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from errors import NoDataError, RequestError
from marketdata.calendars import unread_calendars
from marketdata.groups import group
from optimizer.allocation import Goal, Portfolio, allocate
from optimizer.caveats import data_caveats, ignored_options, later_forecasts, mixed_units
from optimizer.covariance import HISTORY_DAYS, Comovement, comovement, covariance_of
from optimizer.coverage import Coverage, by_reason, outdated, require_coverage, require_days, require_recent, too_short
from optimizer.expectations import used_estimates, with_views
from optimizer.frontier import Assets, Limits
from optimizer.limits import limits_of
from optimizer.lookup import Estimate, Freshness, log_fallbacks, look_up
from optimizer.market import Market, Prices
from optimizer.plausibility import check_plausible
from optimizer.prices import PriceTable
from optimizer.progress import Progress, no_progress
from optimizer.request import NO_DATA, NO_TICKERS, AllocationRequest
from optimizer.result import Result, result_of
from optimizer.result_cache import ResultCache
from optimizer.served_rows import EarlierSource, Forecasts, ServedRows
from optimizer.tickers import CleanTickers, clean_tickers, require_mostly_tickers
from records import Floats
from settings import Settings
from text import shortened

#: Correlations (2 MB for 500 tickers, and the 5 MB of prices that each was made of) and portfolios that are kept for repeated
#: requests. More would not be found again: as many tables of prices are kept.
_KEPT: Final = 4
#: Look-ups that are kept: some milliseconds each for 500 tickers, but 10 MB of rows and prices that they were made of.
_LOOK_UPS_KEPT: Final = 2
#: Characters of the warnings that the last progress message repeats: a page shows them in a line or two.
_SHOWN_WARNINGS: Final = 400


def _today() -> dt.date:
    return dt.datetime.now(dt.UTC).date()


class Optimizer:
    """Answers requests from the table, the history and, where these lack something, a provider. Thread-safe."""

    def __init__(
        self,
        forecasts: Forecasts,
        market: Market,
        settings: Settings,
        today: Callable[[], dt.date] = _today,
        *,
        earlier: EarlierSource | None = None,
    ) -> None:
        """`today` bounds how new prices can be: an end date in the future makes nothing older.

        `earlier` makes forecasts for end dates before the newest bar; without it, past prices serve them.
        """
        self.rows = ServedRows(forecasts, settings, earlier)
        self._market = market
        self._settings = settings
        self._today = today
        self._recent: ResultCache[PriceTable] = ResultCache(_KEPT)
        self._estimates: ResultCache[tuple[dict[str, Estimate], dict[str, str]]] = ResultCache(_LOOK_UPS_KEPT)
        self._comovements: ResultCache[Comovement] = ResultCache(_KEPT, one_at_a_time=True)
        self._used: ResultCache[tuple[Estimate, ...]] = ResultCache(_LOOK_UPS_KEPT)
        self._portfolios: ResultCache[Portfolio] = ResultCache(_KEPT)
        # More at once than there are cores would be no sooner done, and each takes 40 MB for 500 tickers.
        self._cores = threading.BoundedSemaphore(len(os.sched_getaffinity(0)))

    def optimize(self, request: AllocationRequest, progress: Progress = no_progress) -> Result:
        """The result for a request.

        Raises RequestError if no valid ticker is given, InfeasibleTargetError, InsufficientDataError if the data are too few,
        too old or not believable, NoDataError if no ticker can be served. The last progress message states the coverage and
        the warnings.
        """
        progress(5, "Checking the tickers")
        chosen = self.tickers_of(request)
        progress(10, f"Reading prices of {len(chosen.tickers)} tickers")
        prices = self._market.prices(
            chosen.tickers,
            request.start_date,
            request.end_date,
            history_start=_history_start(request.end_date),
            min_days=self._settings.min_price_days,
        )
        unused = {**chosen.refused, **prices.missing}
        if not prices.table.tickers:
            raise NoDataError(_no_data(unused, prices.warnings))
        usable = self._usable(prices, request.end_date, unused)
        progress(35, "Looking up forecasts")
        rows = self.rows.as_of(request.end_date, usable.tickers, progress)
        freshness = Freshness(request.end_date, rows.newest, self._settings.fresh_sessions)
        looked_up = self._estimates.get(
            (usable, rows, freshness),
            lambda: look_up(usable, rows.forecasts, freshness, rows.unserved, rows.absent),
            may_keep=lambda: not unread_calendars(),  # weekdays stood for sessions
        )
        estimates, unusable = looked_up
        log_fallbacks(estimates, unusable)
        unused.update(unusable)
        if not estimates:
            raise NoDataError(_no_data(unused, prices.warnings))
        require_coverage(list(estimates), len(chosen.tickers), unused, self._settings.min_coverage)
        progress(50, "Estimating how the returns move together")
        table = usable if not unusable else usable.choose(tuple(estimates))
        with self._cores:
            together = self._comovements.get(
                (prices.history, table.tickers), lambda: comovement(prices.history.choose(table.tickers))
            )
            rate, premium = request.risk_free_rate, self._settings.market_premium
            used = self._used.get(
                (_Same(together), _Same(estimates), rate, premium),
                lambda: used_estimates(tuple(estimates.values()), together, rate, premium),
            )
            if request.expected_returns:
                used = with_views(used, request.expected_returns)
            progress(70, f"Optimizing over {len(estimates)} tickers")
            portfolio = self._portfolio(used, together.correlation, request)
        check_plausible(portfolio, used, request.risk_free_rate)
        coverage = Coverage.of(len(chosen.tickers), used, table)
        warnings = (
            *chosen.warnings,
            *prices.warnings,
            *rows.warnings,
            *later_forecasts(rows.later, table.tickers),
            *mixed_units(table.tickers, rows.forecasts),
            *data_caveats(table, used, request, self._settings.fresh_sessions),
            *ignored_options(request, table.tickers),
            *portfolio.warnings,
        )
        progress(95, _summary(coverage, warnings))
        return result_of(
            portfolio,
            used,
            table,
            risk_free_rate=request.risk_free_rate,
            coverage=coverage,
            unused=unused,
            budget=request.budget,
            warnings=warnings,
        )

    def _usable(self, prices: Prices, end: dt.date, unused: dict[str, str]) -> PriceTable:
        """The prices that are recent and long enough; the other tickers are added to `unused`. Raises InsufficientDataError."""
        limit = self._settings.max_age_sessions
        reference = min(end, self._today())
        old = outdated(prices.table, reference, limit)
        require_recent(prices.table, old, reference, limit)
        require_days(prices.history, end, self._settings.min_price_days, prices.enough_from)
        dropped = too_short(prices.table) | old
        unused.update(dropped)
        kept = tuple(ticker for ticker in prices.table.tickers if ticker not in dropped)
        if not kept:
            raise NoDataError(_no_data(unused, prices.warnings))
        if not dropped:
            return prices.table
        return self._recent.get((prices.table, kept), lambda: prices.table.choose(kept))

    def tickers_of(self, request: AllocationRequest) -> CleanTickers:
        """The tickers that a request names, cleaned. Raises RequestError."""
        if request.ticker_group:
            return CleanTickers(tuple(group(request.ticker_group).sectors), {})
        chosen = clean_tickers(request.tickers or ())
        if not chosen.tickers:
            refused = f" None of these is a ticker symbol: {shortened(list(chosen.refused))}." if chosen.refused else ""
            raise RequestError(NO_TICKERS + refused)
        require_mostly_tickers(chosen)
        if len(chosen.tickers) > self._settings.max_tickers:
            raise RequestError(f"{len(chosen.tickers)} tickers are too many: at most {self._settings.max_tickers} at once")
        return chosen

    def _portfolio(self, estimates: tuple[Estimate, ...], correlation: Floats, request: AllocationRequest) -> Portfolio:
        tickers = tuple(estimate.ticker for estimate in estimates)
        limits = limits_of(request, tickers, self._settings.weight_cap)
        wanted = (request.goal, limits.cap, limits.groups, request.current_weights, request.turnover_cost)
        held = None
        if request.current_weights and request.turnover_cost is None:
            held = np.array([request.current_weights.get(ticker, 0.0) for ticker in tickers])
        expected = tuple((e.annual_return, e.annual_volatility) for e in estimates)
        return self._portfolios.get(
            (_Same(correlation), tickers, expected, wanted),
            lambda: _solve(expected, correlation, request.goal, limits, held),
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Same:
    """An object as an input that equals only itself."""

    thing: object

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.thing is self.thing

    def __hash__(self) -> int:
        return id(self.thing)


def _history_start(end: dt.date) -> dt.date:
    """The first day of the prices that the covariance needs for a request that ends at `end`."""
    return end - min(end - dt.date.min, dt.timedelta(days=HISTORY_DAYS))


def _solve(
    expected: tuple[tuple[float, float], ...], correlation: Floats, goal: Goal, limits: Limits, held: Floats | None
) -> Portfolio:
    annual_return, annual_volatility = np.array(expected).T
    return allocate(Assets(annual_return, covariance_of(annual_volatility, correlation)), goal, limits, held)


def _no_data(unused: Mapping[str, str], warnings: Sequence[str]) -> str:
    return f"{NO_DATA} {by_reason(unused, warnings)}".strip()


def _summary(coverage: Coverage, warnings: Sequence[str]) -> str:
    text = "; ".join(warnings)
    shown = text if len(text) <= _SHOWN_WARNINGS else f"{text[:_SHOWN_WARNINGS]} …"
    return coverage.sentence() + (f". Note: {shown}" if shown else "")
