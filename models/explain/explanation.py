"""The explanation of one forecast: `explain(row, rows)` gives every served number as arithmetic on printed numbers.

A number is either *given* (an estimate from bars: a mean, a fitted slope, a validated error) or *derived*: then its formula, on
numbers above it, gives it to the last digits. Values are the served values, never recomputed from the formula.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from models.candidates.har import HarModel
from models.contract import Window
from models.explain.intervals import add_interval
from models.explain.quantities import Quantities, Section
from models.explain.returns import add_return
from models.explain.variances import add_variance
from models.explain.weights import Lean, own_leans, pooled_leans
from models.pooling.pool import PoolEstimates, all_estimates, pool
from models.selection.combination import BASELINE
from models.serving import LoadedTicker
from records import CandidateScore, Drift, FallbackStep, Forecast, date_of


class Explanation(msgspec.Struct, frozen=True):
    """Why one ticker's forecast is what it is.

    `sections` are empty for a row without numbers: then `fallbacks` say why. `missing` names what cannot be derived here.
    """

    ticker: str
    as_of: str
    horizon: int
    return_model: str | None
    volatility_model: str | None
    fallback: str | None
    pooled_tickers: int
    sections: tuple[Section, ...]
    fallbacks: tuple[FallbackStep, ...]
    candidates: tuple[CandidateScore, ...]
    drift: Drift | None
    bars_used: int
    training_cutoff: str | None
    settings_hash: str
    code_version: str
    missing: tuple[str, ...]

    def values(self) -> dict[str, float]:
        """All numbers by name."""
        return {quantity.name: quantity.value for section in self.sections for quantity in section.quantities}


@dataclass(frozen=True, slots=True)
class Origin:
    """What made a ticker's row: its trained models and the bars up to the row's. Both may be out of reach."""

    trained: LoadedTicker | None = None
    window: Window | None = None


def explain(row: Forecast, rows: Sequence[Forecast], origin: Origin | None = None) -> Explanation:
    """The explanation of `row`, one of the table's `rows` as their workers wrote them."""
    groups = all_estimates(rows)
    estimates = next((each for each in groups if any(row is one for one in (*each.members, *each.untrained))), None)
    served = row if estimates is None else next(each for each, old in zip(pool(rows), rows, strict=True) if old is row)
    har, window, missing = _own_har(row, origin)
    quantities = Quantities()
    if served.annual_return is not None and served.annual_volatility is not None:
        _fill(quantities, row, served, estimates, har=har, window=window)
    return Explanation(
        ticker=row.ticker,
        as_of=row.as_of.isoformat(),
        horizon=row.horizon,
        return_model=served.return_model,
        volatility_model=served.volatility_model,
        fallback=served.fallback,
        pooled_tickers=served.pooled_tickers,
        sections=quantities.sections(),
        fallbacks=served.fallbacks,
        candidates=row.candidates,
        drift=row.drift,
        bars_used=row.bars_used,
        training_cutoff=None if row.training_cutoff is None else row.training_cutoff.isoformat(),
        settings_hash=row.settings_hash,
        code_version=row.code_version,
        missing=missing,
    )


def _fill(
    quantities: Quantities,
    row: Forecast,
    served: Forecast,
    estimates: PoolEstimates | None,
    *,
    har: HarModel | None,
    window: Window | None,
) -> None:
    if estimates is not None:
        by_return, by_variance = pooled_leans(estimates, row)
        tails = estimates.tails
    else:
        nothing = Lean(BASELINE, 0.0, None, None)
        by_return, by_variance = own_leans(row) if row.opinions else (nothing, nothing)
        tails = None if row.pool is None else row.pool.tails
    if row.pool is None:
        quantities.begin("units")
        quantities.given("periods_per_year", served.periods_per_year, "a year")
    add_return(quantities, row, served, estimates, by_return)
    add_variance(quantities, row, served, estimates, by_variance, har=har, window=window)
    add_interval(quantities, served, tails)


def _own_har(row: Forecast, origin: Origin | None) -> tuple[HarModel | None, Window | None, tuple[str, ...]]:
    """The own log-HAR and the bars that made the row, or what is missing of them."""
    if not row.opinions:
        return None, None, ()
    if origin is None or origin.trained is None or origin.window is None:
        return None, None, ("the own log-HAR's slopes and inputs: the ticker's models and bars are not read here",)
    trained, window = origin.trained.trained, origin.window
    if row.training_cutoff != date_of(trained.cutoff):
        return None, None, (f"the own log-HAR's slopes: the models kept are of {date_of(trained.cutoff)}, the row's are not",)
    if not len(window) or window.as_of != row.as_of:
        return None, None, ("the own log-HAR's inputs: the history has not the row's last bar",)
    har = origin.trained.models.get(BASELINE)
    return (har, window, ()) if isinstance(har, HarModel) else (None, None, (f"{BASELINE} is not among the models",))
