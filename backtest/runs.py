"""One strategy's money over one universe: the ledger driven from decision to decision, with and without trading control."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from backtest.decisions import Decision
from backtest.ledger import Account, drift, rebalance
from backtest.market import Market
from optimizer.trading import partial_step
from records import Floats


@dataclass(frozen=True, slots=True)
class Costs:
    """`cost` of each unit traded (10 bp are 0.001), bars from decision to fill, and the rate that cash earns."""

    cost: float
    delay: int
    risk_free_rate: float


@dataclass(frozen=True, slots=True, eq=False)
class Trade:
    """One fill: its row, the weights after it (n,), turnover (bought + sold over wealth), its cost as a share of wealth.

    `predicted_risk` is the annual volatility of those weights as predicted on the day of the decision.
    """

    row: int
    weights: Floats
    turnover: float
    cost: float
    predicted_risk: float
    instead: str


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """Wealth at the closes of rows `first` to `last` (1 at `first`, before its fill) and the fills between."""

    strategy: str
    controlled: bool
    universe: int
    first: int
    wealth: Floats
    trades: tuple[Trade, ...]

    @property
    def name(self) -> str:
        """Strategy, and whether its trading is controlled."""
        return f"{self.strategy}+control" if self.controlled else self.strategy

    @property
    def last(self) -> int:
        """Row of the last close."""
        return self.first + len(self.wealth) - 1

    def returns(self) -> Floats:
        """Daily simple returns after costs, (days,)."""
        return np.asarray(self.wealth[1:] / self.wealth[:-1] - 1.0)


def run_strategy(
    market: Market, decisions: Sequence[Decision], name: str, *, controlled: bool, universe: int, last: int, costs: Costs
) -> Run:
    """The run of a strategy from the first fill to row `last`, through decisions in the order of their rows.

    The wealth at `first` is what there is before the first fill, so that its cost is part of the first day's return.
    """
    n = len(market)
    account = Account.opened(n)
    first = row = decisions[0].row + costs.delay
    wealth, trades = [np.ones(1)], []
    for decision in decisions:
        fill_row = decision.row + costs.delay
        if fill_row > last:
            break
        # What is held on the day of the decision is what the decision knows.
        at_decision, path = drift(account, market, row, max(decision.row, row), costs.risk_free_rate)
        wealth.append(path)
        before_fill, path = drift(at_decision, market, max(decision.row, row), fill_row, costs.risk_free_rate)
        wealth.append(path)
        target = decision.target(name, n)
        if controlled:
            held = np.zeros(n)
            held[decision.columns] = at_decision.weights[decision.columns]
            target = partial_step(held, target)
        filled = rebalance(before_fill, target, market.traded[fill_row], costs.cost)
        account, row = filled.account, fill_row
        # The cost is booked at the close of the fill.
        wealth[-1] = np.append(wealth[-1][:-1], account.wealth) if len(wealth[-1]) else wealth[-1]
        weights = account.weights
        trades.append(
            Trade(
                fill_row, weights, filled.turnover, filled.cost, decision.predicted_risk(name, weights),
                decision.proposals[name].instead,
            )
        )  # fmt: skip
    _, path = drift(account, market, row, last, costs.risk_free_rate)
    wealth.append(path)
    return Run(name, controlled, universe, first, np.concatenate(wealth), tuple(trades))
