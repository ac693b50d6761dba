"""An explanation as lines for people: every number with its formula and its meaning."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from models.explain.explanation import Explanation
from models.explain.quantities import Quantity, Section


def explanation_lines(explanation: Explanation) -> Iterator[str]:
    """The lines; numbers with 15 digits, enough to recompute the others from them."""
    yield (
        f"{explanation.ticker} as of {explanation.as_of}: return by {explanation.return_model or 'no model'}, "
        f"volatility by {explanation.volatility_model or 'no model'}, "
        + (f"pooled over {explanation.pooled_tickers} tickers" if explanation.pooled_tickers > 1 else "without other tickers")
    )
    trained = f"models trained on bars up to {explanation.training_cutoff}" if explanation.training_cutoff else "not trained"
    made_by = f"version {explanation.code_version}, settings {explanation.settings_hash}"
    yield f"{explanation.bars_used} bars used, {trained}, {made_by}"
    for section in explanation.sections:
        yield ""
        yield from _section_lines(section)
    if explanation.fallbacks or explanation.missing or not explanation.sections:
        yield ""
    for step in explanation.fallbacks:
        yield f"not used: {step.model}: {step.reason}"
    if not explanation.sections and not explanation.fallbacks:
        yield "no forecast, and no reason is recorded"
    for text in explanation.missing:
        yield f"not shown: {text}"
    yield from _score_lines(explanation)
    yield from _drift_lines(explanation)


def _section_lines(section: Section) -> Iterator[str]:
    yield section.title
    width = max(len(quantity.name) for quantity in section.quantities)
    for quantity in section.quantities:
        yield f"  {quantity.name:<{width}}  {quantity.value:>22.15g}  {quantity.says}"
        if quantity.formula is not None:
            yield f"  {'':<{width}}  = {quantity.formula}"


def _score_lines(explanation: Explanation) -> Iterator[str]:
    if explanation.candidates:
        yield ""
        yield "validation, walk-forward"
    for score in explanation.candidates:
        if score.failure is not None:
            yield f"  {score.model}: failed: {score.failure}"
            continue
        figures = (("R²", score.return_r2), ("RMSE", score.return_rmse), ("QLIKE", score.qlike), ("Sharpe", score.sharpe))
        told = ", ".join(f"{name} {value:.4g}" for name, value in figures if value is not None)
        yield f"  {score.model}: {score.origins} origins, {told}"


def _drift_lines(explanation: Explanation) -> Iterator[str]:
    if explanation.drift is None:
        return
    monitors = (("return", explanation.drift.returns), ("variance", explanation.drift.variance))
    for name, monitor in monitors:
        if monitor is not None:
            state = f"displaced since {monitor.alarm}" if monitor.alarm else "no alarm"
            mean = monitor.excess / max(1, monitor.bars)
            yield f"drift of the {name}: {monitor.bars} bars, daily loss less the baseline's {mean:+.3g} on average, {state}"


def change_lines(changes: Iterable[tuple[Quantity, Quantity]]) -> Iterator[str]:
    """Each number that changed: before, now."""
    pairs = list(changes)
    width = max((len(before.name) for before, _ in pairs), default=0)
    for before, now in pairs:
        difference = now.value - before.value
        yield f"  {now.name:<{width}}  {before.value:>22.15g} → {now.value:<22.15g} ({difference:+.4g})"
