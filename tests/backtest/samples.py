"""Made-up markets, and an independent ledger that shares no line with the tested one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

import numpy as np

from records import Bars, date_of
from tests.made.market import bars_of, weekdays

TICKERS = ("AAA", "BBB", "CCC", "DDD", "EEE")


def made_market_bars(count: int = 200, tickers: Sequence[str] = TICKERS, *, seed: int = 3) -> dict[str, Bars]:
    """Shares with a common factor, dividends on some days, gaps in one, a late start and an early end in others."""
    rng = np.random.default_rng(seed)
    day = weekdays(count)
    market = rng.normal(0.0004, 0.01, count)
    bars = {}
    for k, ticker in enumerate(tickers):
        close = 50 * np.exp(np.cumsum(market + rng.normal(0, 0.01, count)))
        dividend = np.where(rng.random(count) < 0.02, 0.3, 0.0)
        rows = np.ones(count, dtype=bool)
        if k == 1:
            rows[rng.integers(5, count - 5, 8)] = False
        if k == 2:
            rows[: count // 5] = False
        if k == 3:
            rows[-count // 5 :] = False
        bars[ticker] = bars_of(day[rows], close[rows], dividend[rows])
    return bars


def booked(  # noqa: C901 - one loop, to be read from top to bottom
    bars: Mapping[str, Bars],
    targets: Mapping[dt.date, Mapping[str, float]],
    *,
    cost: float,
    rate: float,
    delisting: Mapping[str, float] | None = None,
) -> dict[dt.date, float]:
    """Wealth at each close, booked as a person would: a loop over days, a dict of money by ticker, bisection for the costs.

    `targets` are the weights bought at the close of each of these days. The first day's wealth is what was there before it.
    """
    days = sorted({date_of(day) for held in bars.values() for day in held.day})
    price = {t: {date_of(d): (c, v) for d, c, v in zip(b.day, b.close, b.dividend, strict=True)} for t, b in bars.items()}
    money, cash, wealth, begun, last = {}, 1.0, {}, min(targets), {}
    for before, today in zip([None, *days], days, strict=False):
        for ticker in list(money):
            if today in price[ticker]:
                close, dividend = price[ticker][today]
                money[ticker] *= (close + dividend) / last[ticker]
        if begun < today:
            cash *= (1 + rate) ** ((today - before).days / 365)
            for ticker in [t for t in money if today > date_of(bars[t].day[-1])]:
                cash += money.pop(ticker) * (1 + (delisting or {}).get(ticker, 0.0))
        last |= {t: price[t][today][0] for t in price if today in price[t]}
        total = cash + sum(money.values())
        if today in targets:
            stuck = {t: m for t, m in money.items() if today not in price[t]}
            wanted = {t: w for t, w in targets[today].items() if w > 0 and today in price[t]}

            def bought(left: float, stuck=stuck, wanted=wanted) -> dict[str, float]:
                room = max(0.0, left - sum(stuck.values()))
                share = min(1.0, room / (left * sum(wanted.values()))) if wanted else 0.0
                return {t: w * left * share for t, w in wanted.items()}

            def paid(left: float, money=money, stuck=stuck, bought=bought) -> float:
                new = bought(left)
                return cost * sum(abs(new.get(t, 0.0) - money.get(t, 0.0)) for t in {*new, *money} - {*stuck})

            low, high = 0.0, total
            for _ in range(200):
                middle = (low + high) / 2
                low, high = (middle, high) if middle + paid(middle) < total else (low, middle)
            new = bought(high)
            cash = high - sum(stuck.values()) - sum(new.values())
            money = {**stuck, **new}
        if today >= begun:
            wealth[today] = total if today == begun else cash + sum(money.values())
    return wealth
