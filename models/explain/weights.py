"""How far a forecast departs from the baseline towards a candidate: the evidence, the weight, and what it moves."""

from __future__ import annotations

from dataclasses import dataclass

from models.explain.quantities import Quantities
from models.pooling.pool import PoolEstimates, applied_tilts
from models.selection.combination import BASELINE, Tilt
from models.selection.drift import drift_reason
from models.selection.evidence import BAR, PRIOR_BAR, Prior, joint_estimate, prior_of, significance
from records import Evidence, Forecast, LossMonitor


@dataclass(frozen=True, slots=True)
class Lean:
    """The candidate towards which a forecast leans, its weight, evidence and prior.

    `reason` says why the evidence does not count.
    """

    candidate: str
    weight: float
    evidence: Evidence | None
    reason: str | None
    prior: Prior | None = None


def pooled_leans(estimates: PoolEstimates, row: Forecast) -> tuple[Lean, Lean]:
    """The leans of the return and of the variance where the row is pooled: the evidence is that of all members."""
    by_return, by_variance = applied_tilts(estimates, row)
    returns, variance = _monitors(row)
    return (
        _pooled_lean(row, estimates.return_tilt, by_return, returns),
        _pooled_lean(row, estimates.variance_tilt, by_variance, variance),
    )


def own_leans(row: Forecast) -> tuple[Lean, Lean]:
    """The leans of a trained row that stands alone, on its own evidence."""
    returns, variance = _monitors(row)
    scores = {score.model: score for score in row.candidates}
    by_return = (row.return_model if row.return_weight > 0.0 else row.best_return_model) or BASELINE
    by_variance = (row.volatility_model if row.volatility_weight > 0.0 else row.best_volatility_model) or BASELINE
    prior = prior_of(by_variance)
    return (
        Lean(by_return, row.return_weight, scores[by_return].return_evidence, _displaced(returns, by_return)),
        Lean(
            by_variance, row.volatility_weight, scores[by_variance].variance_evidence, _displaced(variance, by_variance), prior
        ),
    )


def add_lean(quantities: Quantities, kind: str, lean: Lean) -> None:
    """The numbers `{kind}_evidence_…` and `{kind}_weight`."""
    if lean.evidence is None:
        quantities.given(f"{kind}_weight", lean.weight, lean.reason or f"no candidate but {BASELINE} was validated")
        return
    evidence = lean.evidence
    quantities.given(f"{kind}_evidence_square", evidence.square, f"Σδ², δ = {lean.candidate}'s forecast less {BASELINE}'s")
    quantities.given(f"{kind}_evidence_product", evidence.product, f"Σδe, e = error of {BASELINE}, walk-forward")
    quantities.given(f"{kind}_evidence_error", evidence.error, "standard error of Σδe")
    bar, weight = _add_significance(quantities, kind, evidence, lean.prior)
    if lean.reason is not None:
        quantities.given(f"{kind}_weight", lean.weight, lean.reason)
        return
    formula = f"min(1, {weight}) if {kind}_significance > {bar!r} else 0"
    says = f"weight of {lean.candidate}" if lean.weight > 0.0 else f"{BASELINE} alone: too little evidence for {lean.candidate}"
    quantities.derived(f"{kind}_weight", lean.weight, formula if weight else "0", says)


def _add_significance(quantities: Quantities, kind: str, evidence: Evidence, prior: Prior | None) -> tuple[float, str]:
    """Adds `{kind}_significance`; returns the bar that it must clear and the weight's formula, empty where there is none."""
    square, product, error = (f"{kind}_evidence_{part}" for part in ("square", "product", "error"))
    known = evidence.error > 0.0 and evidence.square > 0.0
    if prior is None:
        ratio = f"{product} / {error}" if known else "0"
        quantities.derived(f"{kind}_significance", significance(evidence), ratio, f"counts above {BAR:g}")
        return BAR, f"{product} / {square}" if known else ""
    joint = joint_estimate(evidence, prior)
    assert joint is not None, "there is a prior"
    quantities.given(f"{kind}_prior_weight", prior.weight, "weight that the market model's cross-validation found")
    quantities.given(f"{kind}_prior_deviation", prior.deviation, "standard deviation of that belief")
    precision, mean = f"1 / {kind}_prior_deviation ** 2", f"{kind}_prior_weight / {kind}_prior_deviation ** 2"
    if known:
        precision, mean = f"{precision} + ({square} / {error}) ** 2", f"{mean} + {product} * {square} / {error} ** 2"
    quantities.derived(f"{kind}_precision", joint.deviation**-2.0, precision, "of prior and evidence together")
    quantities.derived(f"{kind}_joint_weight", joint.weight, f"({mean}) / {kind}_precision", "prior and evidence together")
    says = f"counts above {PRIOR_BAR:g}"
    quantities.derived(
        f"{kind}_significance", significance(evidence, prior), f"{kind}_joint_weight * sqrt({kind}_precision)", says
    )
    return PRIOR_BAR, f"{kind}_joint_weight"


def _pooled_lean(row: Forecast, tilt: Tilt, applied: Tilt, monitor: LossMonitor | None) -> Lean:
    reason = None
    if applied.weight != tilt.weight:
        reason = _displaced(monitor, tilt.model) or f"{row.ticker} has no forecast by {tilt.model}"
    return Lean(tilt.model, applied.weight, tilt.evidence, reason, tilt.prior)


def _displaced(monitor: LossMonitor | None, model: str) -> str | None:
    if monitor is None or monitor.alarm is None:
        return None
    return drift_reason(monitor, model, BASELINE, "loss")


def _monitors(row: Forecast) -> tuple[LossMonitor | None, LossMonitor | None]:
    return (None, None) if row.drift is None else (row.drift.returns, row.drift.variance)
