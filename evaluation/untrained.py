"""Which forecasts of an evaluation no trained model serves, and which candidates failed: by reason, counted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from records import Forecast, fallback_text
from text import ReasonGroup, grouped_reasons

#: Reasons that are listed.
_LISTED: Final = 10


def has_trained_model(row: Forecast) -> bool:
    """Whether a trained model has a part in the row."""
    return row.fallback is None and row.annual_return is not None


def untrained_lines(rows: Sequence[Forecast]) -> Iterator[str]:
    """What could not be trained, as text; nothing where every candidate was."""
    without = [row for row in rows if not has_trained_model(row)]
    if without:
        yield f"without a trained model: {len(without):,} of {len(rows):,} forecasts"
        yield from _listed(grouped_reasons((row.ticker, fallback_text(row.fallbacks, row.ticker)) for row in without))
    failed = [
        (row.ticker, f"{score.model}: {score.failure.removeprefix(f'{row.ticker}: ')}")
        for row in rows
        if has_trained_model(row)
        for score in row.candidates
        if score.failure is not None
    ]
    if failed:
        yield f"failed candidates: {len(failed):,}"
        yield from _listed(grouped_reasons(failed))


def why_untrained(rows: Sequence[Forecast]) -> str:
    """The most frequent reason of rows without a trained model."""
    return grouped_reasons((row.ticker, fallback_text(row.fallbacks, row.ticker)) for row in rows)[0].line()


def _listed(groups: Sequence[ReasonGroup]) -> Iterator[str]:
    yield from (f"  {group.line()}" for group in groups[:_LISTED])
    if len(groups) > _LISTED:
        yield f"  … and {len(groups) - _LISTED:,} more reasons"
