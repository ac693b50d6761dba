"""How far a forecast departs from the baseline towards a candidate: the evidence, the weight, and what it moves."""

from __future__ import annotations

from dataclasses import dataclass

from models.explain.quantities import Quantities
from models.pooling.pool import PoolEstimates, Tilt, applied_tilts
from models.selection.combination import BASELINE
from models.selection.drift import drift_reason
from models.selection.evidence import BAR, pooled, significance
from records import Evidence, Forecast, LossMonitor


@dataclass(frozen=True, slots=True)
class Lean:
    """The candidate towards which a forecast leans, its weight and evidence; `reason` says why the evidence does not count."""

    candidate: str
    weight: float
    evidence: Evidence | None
    reason: str | None


def pooled_leans(estimates: PoolEstimates, row: Forecast) -> tuple[Lean, Lean]:
    """The leans of the return and of the variance where the row is pooled: the evidence is that of all members."""
    by_return, by_variance = applied_tilts(estimates, row)
    returns, variance = _monitors(row)
    return (
        _pooled_lean(estimates, row, estimates.return_tilt, by_return, "return_evidence", returns),
        _pooled_lean(estimates, row, estimates.variance_tilt, by_variance, "variance_evidence", variance),
    )


def own_leans(row: Forecast) -> tuple[Lean, Lean]:
    """The leans of a trained row that stands alone, on its own evidence."""
    returns, variance = _monitors(row)
    scores = {score.model: score for score in row.candidates}
    by_return, by_variance = row.best_return_model or BASELINE, row.best_volatility_model or BASELINE
    return (
        Lean(by_return, row.return_weight, scores[by_return].return_evidence, _displaced(returns, by_return)),
        Lean(by_variance, row.volatility_weight, scores[by_variance].variance_evidence, _displaced(variance, by_variance)),
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
    ratio = f"{kind}_evidence_product / {kind}_evidence_error" if evidence.error > 0.0 else "0"
    quantities.derived(f"{kind}_significance", significance(evidence), ratio, f"counts above {BAR:g}")
    if lean.reason is not None:
        quantities.given(f"{kind}_weight", lean.weight, lean.reason)
        return
    formula = f"min(1, {kind}_evidence_product / {kind}_evidence_square) if {kind}_significance > {BAR!r} else 0"
    says = f"weight of {lean.candidate}" if lean.weight > 0.0 else f"{BASELINE} alone: too little evidence for {lean.candidate}"
    quantities.derived(f"{kind}_weight", lean.weight, formula if evidence.square > 0.0 else "0", says)


def _pooled_lean(
    estimates: PoolEstimates, row: Forecast, tilt: Tilt, applied: Tilt, field: str, monitor: LossMonitor | None
) -> Lean:
    evidence = [
        part
        for member in estimates.members
        for score in member.candidates
        if score.model == tilt.model and (part := getattr(score, field)) is not None
    ]
    reason = None
    if applied.weight != tilt.weight:
        reason = _displaced(monitor, tilt.model) or f"{row.ticker} has no forecast by {tilt.model}"
    return Lean(tilt.model, applied.weight, pooled(evidence) if evidence else None, reason)


def _displaced(monitor: LossMonitor | None, model: str) -> str | None:
    if monitor is None or monitor.alarm is None:
        return None
    return drift_reason(monitor, model, BASELINE, "loss")


def _monitors(row: Forecast) -> tuple[LossMonitor | None, LossMonitor | None]:
    return (None, None) if row.drift is None else (row.drift.returns, row.drift.variance)
