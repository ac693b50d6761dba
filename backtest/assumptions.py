"""What a reader must know to believe a backtest, and what it could not know."""

from __future__ import annotations

from backtest.bootstrap import BLOCK, DRAWS
from backtest.forecasts import ForecastTable
from backtest.market import Market
from backtest.walk import Outcome, Plan
from optimizer.trading import STEP


def assumptions_of(market: Market, outcome: Outcome, plan: Plan, table: ForecastTable, size: int, seed: int) -> list[str]:
    """The conventions of this backtest, one text each, with its numbers."""
    costs, rules = plan.costs, plan.rules
    per_year = market.days_per_year(outcome.first, outcome.last)
    delisted = market.delisted()
    texts = [
        f"A decision uses bars up to the close of its day and is filled at the close {_bars(costs.delay)} later.",
        "Fills are at that close: no slippage beyond the cost, no market impact, fractions of shares.",
        f"Every purchase and sale costs {1e4 * costs.cost:g} basis points, the first allocation included. No taxes.",
        "Between fills holdings drift with prices. Dividends in the bars are reinvested on their day, free of cost.",
        "A file without dividends gives price returns, for every strategy.",
        f"Cash earns {costs.risk_free_rate:.2%} a year, an effective rate, by calendar days.",
        f"Sharpe ratios are of daily returns in excess of cash, times √{per_year:.1f}, these bars' days per year.",
        f"Trading control goes {STEP:.0%} of the way from the held to the wanted weights at each rebalancing.",
        f"“Target risk” asks for {rules.target_risk:.0%} a year, or the least possible where that is more.",
        f"Forecasts: {table.source}. {outcome.fallbacks:.1%} of the estimates came from past prices, for lack of one.",
        f"{outcome.decisions} decisions were made, {outcome.skipped_decisions} skipped for lack of tickers.",
        f"Intervals: circular block bootstrap, blocks of {BLOCK} days, {DRAWS} draws. They say nothing of other years.",
        "Universes share their days: they are averaged, and not counted as independent.",
        "QLIKE and the bias statistic compare predicted and realised risk from fill to fill, costs taken out.",
    ]
    if len(plan.universes) > 1:
        texts.append(f"{len(plan.universes)} universes of {min(size, len(market))} tickers drawn at random, seed {seed}.")
    if len(plan.phases) > 1:
        texts.append(f"{len(plan.phases)} start phases, spread over a holding period.")
    if market.members.spans is None:
        texts.append(
            "No list of members by date was given: the tickers of this file were chosen with knowledge of which survived. "
            "All strategies profit from that, most of all strategies with small and risky shares."
        )
    else:
        texts.append("Tickers were bought only while they were members by the list given, and sold at the next decision after.")
    if delisted:
        texts.append(
            f"{len(delisted)} tickers end before the last day: their last price becomes cash on the day after"
            + (", with the returns that were given." if market.delisting_return.any() else "; no delisting return was given.")
        )
    else:
        texts.append("No ticker ends before the last day: nothing was ever delisted here, which real markets do not offer.")
    texts += [f"Left out {count} times: {reason}." for reason, count in sorted(outcome.left_out.items())[:5]]
    texts.append("What is not in the bars was not known: spreads, halts within a day, borrowing, taxes, and fund flows.")
    return texts


def _bars(count: int) -> str:
    return "one bar" if count == 1 else f"{count} bars"
