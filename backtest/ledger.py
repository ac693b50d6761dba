"""The ledger: what each strategy's money does, day by day, as a broker would book it.

Conventions, all of them tested against an independent ledger:

- A decision made after the close of day t is filled at the close of day t + delay, delay ≥ 1: never at a price that it knew.
- Between fills holdings drift with their prices. Nothing rebalances them.
- Every purchase and sale costs `cost` of its value, the first allocation too. The costs come out of the wealth before the
  targets are bought, so that the weights after trading are the targets exactly.
- Dividends are reinvested in their share at the close of their day, free of cost.
- A ticker without a bar on the day of a fill cannot be traded: it stays as it is.
- After a ticker's last bar its holding becomes cash on the next day, at the last price times (1 + its delisting return).
- Cash earns the risk-free rate: an annual effective rate, by calendar days.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from backtest.market import Market
from records import Floats

#: The fixed point of wealth after costs contracts by `cost` with each round; 10 bp reach the last bit in six.
_ROUNDS: Final = 200


@dataclass(frozen=True, slots=True, eq=False)
class Account:
    """Money in each ticker (n,) and in cash."""

    value: Floats
    cash: float

    @classmethod
    def opened(cls, n: int, wealth: float = 1.0) -> Account:
        """All in cash."""
        return cls(np.zeros(n), wealth)

    @property
    def wealth(self) -> float:
        """All that it is worth."""
        return float(self.value.sum()) + self.cash

    @property
    def weights(self) -> Floats:
        """Weights (n,) as they have drifted; what is missing to 1 is cash."""
        return np.asarray(self.value / self.wealth)


@dataclass(frozen=True, slots=True, eq=False)
class Fill:
    """One rebalancing: the account after it, the value bought and sold over the wealth before, and what that cost."""

    account: Account
    turnover: float
    cost: float


def cash_growth(risk_free_rate: float, days: Floats) -> Floats:
    """What one unit of cash becomes over so many calendar days, at an annual effective rate."""
    return np.asarray((1.0 + risk_free_rate) ** (days / 365.0))


def drift(account: Account, market: Market, first: int, last: int, risk_free_rate: float) -> tuple[Account, Floats]:
    """The account at the close of row `last`, held since the close of row `first`, and its wealth at each close between.

    The wealth has shape (last - first,): the closes of first + 1 to last.
    """
    rows = slice(first + 1, last + 1)
    growth = market.growth[rows]
    value = account.value * np.cumprod(growth, axis=0)
    cash = account.cash * cash_growth(risk_free_rate, (market.day[rows] - market.day[first]).astype(np.float64))
    for column in np.flatnonzero((account.value > 0) & (market.last_row < last)):
        # Paid out on the day after the last bar.
        paid_row = max(int(market.last_row[column]), first)
        paid = paid_row - first
        before = account.value[column] if paid == 0 else value[paid - 1, column]
        days = (market.day[first + 1 + paid : last + 1] - market.day[first + 1 + paid]).astype(np.float64)
        cash[paid:] += before * (1.0 + market.delisting_return[column]) * cash_growth(risk_free_rate, days)
        value[paid:, column] = 0.0
    if len(value) == 0:
        return account, np.empty(0)
    return Account(value[-1], float(cash[-1])), value.sum(axis=1) + cash


def rebalance(account: Account, target: Floats, tradable: np.ndarray, cost: float) -> Fill:
    """Trade to the target weights (n,), which sum to at most 1, at `cost` of each unit bought or sold.

    What cannot be traded is kept; the targets of the others shrink if together they would need more than there is.
    """
    before = account.wealth
    fixed = np.where(tradable, 0.0, account.value)
    held = np.where(tradable, account.value, 0.0)
    wanted = np.where(tradable, target, 0.0)
    after = before
    for _ in range(_ROUNDS):
        room = max(0.0, after - float(fixed.sum()))
        needed = float(wanted.sum()) * after
        bought = wanted * after * (min(1.0, room / needed) if needed > 0.0 else 0.0)
        paid = cost * float(np.abs(bought - held).sum())
        if before - paid == after:
            break
        after = before - paid
    traded = float(np.abs(bought - held).sum())
    value = fixed + bought
    return Fill(Account(value, after - float(value.sum())), traded / before, paid)
