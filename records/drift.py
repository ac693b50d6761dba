"""What is known of a weighted forecast's live losses against the baseline's: part of a ticker's forecast row."""

from __future__ import annotations

import datetime as dt

import msgspec


class LossMonitor(msgspec.Struct, frozen=True, kw_only=True):
    """Daily losses of the forecast that leans on a candidate, less those of the baseline alone; of the return or the variance.

    Over `bars` bars `excess` is the sum of the differences, `detectors` the sequential evidence that the forecast has become
    worse, one value per bet (`models.selection.drift`). `alarm` is the bar at which the evidence cleared its bar: nothing is
    counted after it, the baseline serves until another training.
    """

    bars: int
    excess: float
    detectors: tuple[float, ...]
    alarm: dt.date | None = None


class Drift(msgspec.Struct, frozen=True, kw_only=True):
    """The monitors of one trained ticker after its bar `as_of`; None where the baseline serves, which cannot drift from itself.

    `digest` covers the training and the content of all bars after its cut-off up to `as_of`.
    """

    as_of: dt.date
    digest: bytes
    returns: LossMonitor | None
    variance: LossMonitor | None
