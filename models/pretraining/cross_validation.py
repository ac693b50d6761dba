"""How a market model does on dates and tickers that its fit has not seen: blocks of weeks times groups of tickers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final, NamedTuple

import numpy as np

from models.candidates.regression import VARIANCE_FEATURES
from models.market.input_names import GROUPS, INPUT_NAMES
from models.market.model import CrossValidation, label_weeks
from models.market.trees import TreeEnsemble
from models.pooling.joint_panel import within
from models.pretraining.fitting import Parts, boost, fit_parts, fit_ridge, residual, winsorised
from models.pretraining.panel import FitPanel, ticker_group
from models.selection.evidence import newey_west
from records import Floats

BLOCKS: Final = 4
TICKER_GROUPS: Final = 2
#: Mean square of δ within weeks below which a part has found nothing but rounding errors.
LEAST_SQUARE: Final = 1e-12
#: Residuals further out than this, in logs, count as this.
LARGEST_ERROR: Final = 2.0


def folds(panel: FitPanel) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Masks of the rows to fit and to judge. A judged row's ticker and weeks, and those a horizon around, are not fitted."""
    embargo = label_weeks(panel.horizon)
    group = np.array([ticker_group(name, TICKER_GROUPS) for name in panel.tickers])[panel.ticker]
    for weeks in np.array_split(np.unique(panel.week), BLOCKS):
        away = (panel.week < weeks[0] - embargo) | (panel.week > weeks[-1] + embargo)
        inside = (panel.week >= weeks[0]) & (panel.week <= weeks[-1])
        for held_out in range(TICKER_GROUPS):
            fitted, judged = away & (group != held_out), inside & (group == held_out)
            if fitted.any() and judged.any():
                yield fitted, judged


class Judged(NamedTuple):
    """Out-of-sample δ of each part, (n,) each, and what they are judged by: `residuals` and `weeks`; the same of returns."""

    deltas: dict[str, Floats]
    residuals: Floats
    weeks: np.ndarray
    return_delta: Floats
    return_residuals: Floats


def cross_validate(panel: FitPanel, seed: int) -> Judged:
    """δ of every part for each row by models that have seen neither its ticker nor its weeks."""
    n = len(panel)
    deltas: dict[str, Floats] = {}
    residuals, return_delta = np.full(n, np.nan), np.full(n, np.nan)
    relative = return_target(panel)
    for fitted, judged in folds(panel):
        learnt, held_out = panel.part(fitted), panel.part(judged)
        parts = fit_parts(learnt, seed)
        residuals[judged] = residual(held_out, parts.term_slopes)
        for name, delta in part_deltas(held_out, parts).items():
            deltas.setdefault(name, np.full(n, np.nan))[judged] = delta
        return_delta[judged] = return_deltas(learnt, winsorised(relative[fitted]), held_out, parts, seed)
    known = np.isfinite(residuals)
    return Judged(
        {name: delta[known] for name, delta in deltas.items()},
        residuals[known],
        panel.week[known],
        return_delta[known],
        relative[known],
    )


def part_deltas(panel: FitPanel, parts: Parts) -> dict[str, Floats]:
    """δ of every part on the rows of a panel, before it is restrained: shape (n,) each."""
    inputs = parts.standard.scale(panel.inputs.astype(np.float64))
    ridge, trees = inputs @ parts.slopes, parts.trees.predict(inputs)
    found = {"ridge": ridge, "trees": trees, "xgboost": 0.5 * (ridge + trees)}
    if parts.net is None:
        return found
    net = parts.net.forward(parts.sequence_standard.scale(panel.sequences.astype(np.float64)))[:, 0]
    return found | {"lstm": net, "xgboost and lstm": (2.0 * found["xgboost"] + net) / 3.0}


def ablations(panel: FitPanel, seed: int) -> dict[str, CrossValidation]:
    """Scores of `xgboost` without each group of inputs, and with all of them (key "none")."""
    found = {}
    for name, columns in {"none": (), **GROUPS}.items():
        inputs = panel.inputs.copy()
        inputs[:, [INPUT_NAMES.index(column) for column in columns]] = 0.0
        reduced = replace(panel, inputs=inputs)
        delta, residuals = np.full(len(panel), np.nan), np.full(len(panel), np.nan)
        for fitted, judged in folds(reduced):
            parts = fit_parts(reduced.part(fitted), seed, with_net=False)
            held_out = reduced.part(judged)
            delta[judged], residuals[judged] = part_deltas(held_out, parts)["xgboost"], residual(held_out, parts.term_slopes)
        known = np.isfinite(residuals)
        found[name] = scored(delta[known], residuals[known], panel.week[known])
    return found


def return_target(panel: FitPanel) -> Floats:
    """Returns in units of the ticker's own deviation over a year, less their week's mean, shape (n,)."""
    deviation = np.exp(0.5 * panel.terms[:, VARIANCE_FEATURES.index("range_variance_252")])
    return within(panel.horizon_return / deviation, panel.week)


def return_deltas(learnt: FitPanel, target: Floats, held_out: FitPanel, parts: Parts, seed: int) -> Floats:
    """What the same means (ridge and trees, their mean) expect of the held-out returns."""
    inputs = parts.standard.scale(learnt.inputs.astype(np.float64))
    slopes = fit_ridge(within(inputs, learnt.week), target)
    trees = TreeEnsemble.of_booster(boost(inputs, target, seed))
    unseen = parts.standard.scale(held_out.inputs.astype(np.float64))
    return 0.5 * (unseen @ slopes + trees.predict(unseen))


def scores_of(judged: Judged) -> dict[str, CrossValidation]:
    """The scores of every part."""
    return {name: scored(delta, judged.residuals, judged.weeks) for name, delta in judged.deltas.items()}


def return_score_of(judged: Judged) -> CrossValidation:
    """The score of the returns."""
    return replace(scored(judged.return_delta, judged.return_residuals, judged.weeks), qlike_ratio=None)


def scored(delta: Floats, error: Floats, week: np.ndarray) -> CrossValidation:
    """Scores of δ against the residual, both of shape (n,), within weeks."""
    shift = within(delta, week)
    rest = np.clip(within(error, week), -LARGEST_ERROR, LARGEST_ERROR)
    weeks, index = np.unique(week, return_inverse=True)
    product, square = np.bincount(index, shift * rest), np.bincount(index, shift * shift)
    total = float(square.sum())
    if not total > LEAST_SQUARE * len(shift):
        return CrossValidation(0.0, 0.0, 0.0, 0.0, 1.0)
    weight = float(product.sum()) / total
    blocks = [
        float(product[part].sum() / max(square[part].sum(), 1e-12)) for part in np.array_split(np.arange(len(weeks)), BLOCKS)
    ]
    return CrossValidation(
        weight=weight,
        error=float(newey_west(product - weight * square)) / total,
        block_spread=float(np.std(blocks, ddof=1)),
        r2=1.0 - float(((rest - shift) ** 2).sum() / (rest**2).sum()),
        qlike_ratio=float(_qlike(rest - shift).mean() / _qlike(rest).mean()),
    )


def _qlike(log_ratio: Floats) -> Floats:
    losses: Floats = np.exp(log_ratio) - log_ratio - 1.0
    return losses
