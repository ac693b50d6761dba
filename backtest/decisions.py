"""The decisions of one universe: at each day the proposals of all strategies, from what was known then. Runs in processes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from backtest.forecasts import ForecastTable
from backtest.market import Market
from backtest.strategies import STRATEGIES, Known, Proposal
from errors import NoDataError
from optimizer.covariance import CORRELATION_BARS, WARM_UP
from optimizer.lookup import Freshness, look_up
from records import Floats

#: Bars before a decision that a ticker needs to take part: what the estimates from past prices need, and a quarter for
#: its correlations.
MINIMUM_BARS = 63


@dataclass(frozen=True, slots=True)
class Rules:
    """What is the same for every decision of a backtest."""

    strategies: tuple[str, ...]
    risk_free_rate: float
    target_risk: float
    weight_cap: float
    fresh_sessions: int
    market_premium: float


@dataclass(frozen=True, slots=True, eq=False)
class Decision:
    """The proposals after the close of `row` over the market's tickers at `columns`; `covariances` by name, (m, m).

    `left_out` gives the reason for each ticker of the universe that could not take part, `fallbacks` how many of the others
    were served by no forecast.
    """

    row: int
    columns: np.ndarray
    proposals: Mapping[str, Proposal]
    covariances: Mapping[str, Floats]
    fallbacks: int
    left_out: Mapping[str, str] = field(default_factory=dict)

    def target(self, name: str, n: int) -> Floats:
        """The proposed weights over all n tickers of the market."""
        weights = np.zeros(n)
        weights[self.columns] = self.proposals[name].weights
        return weights

    def predicted_risk(self, name: str, weights: Floats) -> float:
        """Annual volatility of the market's weights (n,) by the covariance of that strategy; NaN if it holds another ticker."""
        held = weights[self.columns]
        if float(weights.sum() - held.sum()) > 1e-9:
            return float("nan")
        covariance = self.covariances[self.proposals[name].covariance]
        return float(np.sqrt(held @ covariance @ held))


def decide(market: Market, forecasts: ForecastTable, universe: Sequence[str], row: int, rules: Rules) -> Decision | None:
    """The decision after the close of `row`, or None where fewer than two tickers can take part."""
    date = market.date(row)
    eligible = dict(zip(market.tickers, market.eligible(row, MINIMUM_BARS), strict=True))
    left_out = {ticker: "no member, no bar on the day, or too few before it" for ticker in universe if not eligible[ticker]}
    chosen = tuple(ticker for ticker in universe if eligible[ticker])
    if len(chosen) < 2:
        return None
    prices = market.known(row, chosen, CORRELATION_BARS + WARM_UP + 1)
    known_rows = forecasts.known(date)
    newest = max((each.as_of for each in known_rows.values()), default=None)
    freshness = Freshness(date, newest, rules.fresh_sessions)
    estimates, refused = look_up(prices, known_rows, freshness, {}, "no forecast in the file")
    left_out |= refused
    if len(estimates) < 2:
        return None
    prices = prices.choose(tuple(estimates))
    known = Known(
        prices, tuple(estimates.values()), rules.risk_free_rate, rules.target_risk, rules.weight_cap, rules.market_premium
    )
    try:
        proposals = {name: STRATEGIES[name](known) for name in rules.strategies}
    except NoDataError:
        return None
    names = {proposal.covariance for proposal in proposals.values()}
    column = {ticker: k for k, ticker in enumerate(market.tickers)}
    return Decision(
        row,
        np.array([column[ticker] for ticker in prices.tickers]),
        proposals,
        {name: getattr(known, name).covariance for name in names},
        sum(estimate.fallback is not None for estimate in estimates.values()),
        left_out,
    )
