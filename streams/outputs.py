"""The handler of the pipeline's outputs, for both engines. Pure, except for the log.

The engines store the changed bars and keep the refused bars, each in its own way.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from history.pipeline import Absorbed, Output
from records import RejectedBar, Suspicion

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Effects:
    """The effects of a batch on its ticker's history.

    The numbers count bars. `duplicate` bars were known already, `expired` bars are older than what is kept. `changed_from` is
    the absolute index of the first bar that has to be stored again, None if no bar changed. `restated_by` is the factor by
    which the vendor restated older prices without a split, 1 if it did not.
    """

    new: int = 0
    duplicate: int = 0
    corrected: int = 0
    expired: int = 0
    changed_from: int | None = None
    restated_by: float = 1.0
    rejected: tuple[RejectedBar, ...] = ()
    suspicions: tuple[Suspicion, ...] = ()

    @property
    def valid(self) -> int:
        """How many of the bars passed validation."""
        return self.new + self.duplicate + self.corrected + self.expired


def effects_of(outputs: Sequence[Output]) -> Effects:
    """The effects of a batch, from the outputs of the pipeline.

    A batch that was taken together with a later batch (`history.catch_up`) has no effects: the later batch has them.
    """
    rejected = tuple(output for output in outputs if isinstance(output, RejectedBar))
    suspicions = tuple(output for output in outputs if isinstance(output, Suspicion))
    reports = [output for output in outputs if isinstance(output, Absorbed)]
    if not reports:
        return Effects(rejected=rejected, suspicions=suspicions)
    (report,) = reports
    return Effects(
        new=report.accepted,
        duplicate=report.duplicate,
        corrected=report.corrected,
        expired=report.expired,
        changed_from=report.changed_from,
        restated_by=report.restated_by,
        rejected=rejected,
        suspicions=suspicions,
    )


def log_effects(ticker: str, effects: Effects) -> None:
    """Log suspect bars and a restatement as warnings. Each engine logs refused bars where it keeps them."""
    for bar in effects.suspicions:
        logger.warning("suspect bar kept ticker=%s date=%s rule=%s evidence=%s", bar.ticker, bar.date, bar.rule, bar.evidence)
    if effects.restated_by != 1.0:
        logger.warning("restated by its vendor ticker=%s factor=%.6g", ticker, effects.restated_by)
