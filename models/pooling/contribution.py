"""What machine learning contributed to served rows: by how much it moved each, with what weight, on what evidence."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from models.pooling.cross_section import joint_fit
from models.pooling.joint_panel import delta_evidence, residual_within_weeks
from models.pooling.pool import pool_members
from models.selection.combination import BASELINE
from models.selection.evidence import prior_of, significance
from records import Evidence, Forecast


def variance_factor(row: Forecast) -> float:
    """The factor by which a candidate moved the row's variance away from the baseline's: 1 where it has no weight."""
    variances = {opinion.model: opinion.daily_variance for opinion in row.opinions}
    if row.volatility_weight <= 0.0 or row.volatility_model is None or BASELINE not in variances:
        return 1.0
    return float((variances[row.volatility_model] / variances[BASELINE]) ** row.volatility_weight)


def learning_line(rows: Sequence[Forecast]) -> str:
    """One sentence about rows as they are served, pooled or not."""
    moved = [row for row in rows if row.volatility_weight > 0.0 and row.volatility_model is not None]
    learned = [row for row in moved if prior_of(str(row.volatility_model)) is not None]
    if not learned:
        return "machine learning: no weight in any forecast; the evidence does not carry it"
    model = Counter(str(row.volatility_model) for row in learned).most_common(1)[0][0]
    shifts = [100.0 * (math.sqrt(variance_factor(row)) - 1.0) for row in learned]
    weights = [row.volatility_weight for row in learned]
    weight = f"{min(weights):.2f}" if min(weights) == max(weights) else f"{min(weights):.2f} to {max(weights):.2f}"
    returns = sum(row.return_weight > 0.0 for row in rows)
    return (
        f"machine learning: {model} moves {len(learned)} of {len(rows)} volatilities by {min(shifts):+.1f} to "
        f"{max(shifts):+.1f} %, weight {weight}{_evidence(rows, model)}; returns moved: {returns}"
    )


def _evidence(rows: Sequence[Forecast], model: str) -> str:
    prior = prior_of(model)
    if prior is None:
        return ""
    members = pool_members(rows)
    found: Evidence | None = None
    if len(members) > 1:
        fit = joint_fit(members)
        found = delta_evidence(members, fit.panel, residual_within_weeks(fit.panel, fit.apart), model)
    own = "none of its own" if found is None or found.square == 0.0 else f"its own alone {significance(found):+.1f}"
    joint = significance(found or Evidence(square=0.0, product=0.0, error=0.0), prior)
    return f" ({joint:.1f} standard errors with the prior of {prior.weight:.2f} ± {prior.deviation:.2f}, {own})"
