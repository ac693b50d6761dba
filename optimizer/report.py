"""A result as a table for people."""

from __future__ import annotations

from typing import Final

import click

from optimizer.result import Result

#: Weights listed one by one; a portfolio of hundreds is better read as JSON.
_LISTED: Final = 40


def print_result(result: Result) -> None:
    """Print weights with what each rests on, the portfolio's year, warnings and unused tickers to stdout."""
    bought = result.get("shares")

    def shares(ticker: str) -> str:
        return f"{bought[ticker]:>10}" if bought is not None else ""

    head = f"{'shares':>10}" if bought is not None else ""
    click.echo(
        f"{'ticker':<10}{'weight':>9}{'return':>9}{'risk':>8}{'price':>10}{head}  {'as of':<12}"
        f"{'return / volatility model':<28}"
    )
    for ticker, weight in list(result["weights"].items())[:_LISTED]:
        basis = result["forecasts"][ticker]
        models = f"{basis['model']} / {basis['volatility_model']}"
        click.echo(
            f"{ticker:<10}{weight:>9.3%}{basis['expected_return']:>z9.2%}{basis['expected_volatility']:>8.2%}"
            f"{result['prices'][ticker]:>10.2f}{shares(ticker)}  {basis['as_of']:<12}{models:<28}"
            + (f" fallback: {basis['reason']}" if basis["fallback"] else "")
        )
    more = len(result["weights"]) - _LISTED
    if more > 0:
        click.echo(f"and {more} more (--format json lists all)")
    served = result["estimates"]
    click.echo(
        f"\nreturn {result['return']:z.2%}, risk {result['risk']:.2%}, Sharpe ratio {result['sharpe_ratio']:z.3f} "
        f"(risk-free rate {result['risk_free_rate']:.2%}), weights sum to {sum(result['weights'].values()):.5f}"
    )
    if bought is not None:
        click.echo(f"{sum(bought.values())} shares, {result['cash']:.2f} of the budget is left as cash")
    click.echo(f"{served['forecast']} tickers by a forecast, {served['fallback']} by an estimate that stands in")
    for warning in result["warnings"]:
        click.echo(f"warning: {warning}")
    for ticker, reason in result["unused"].items():
        click.echo(f"not used: {ticker}: {reason}")
