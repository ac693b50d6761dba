"""Drift in a forecast row: the live losses of the weighted forecast compared with the baseline's."""

from __future__ import annotations

import datetime as dt

import msgspec


class LossMonitor(msgspec.Struct, frozen=True, kw_only=True):
    """Daily losses of a forecast in which a candidate has weight, less the baseline's, for the return or the variance.

    `excess` is the sum of these differences over `bars` bars. `detectors` is the sequential evidence that the forecast has
    become worse, one value per bet (`models.selection.drift`). `alarm` is the bar at which the evidence passed its threshold:
    counting ends there, and the baseline serves until the next training.
    """

    bars: int
    excess: float
    detectors: tuple[float, ...]
    alarm: dt.date | None = None


class Drift(msgspec.Struct, frozen=True, kw_only=True):
    """The monitors of one trained ticker after its bar `as_of`. A monitor is None where the baseline itself serves.

    `digest` covers the training and the content of all bars after its cut-off up to `as_of`.
    """

    as_of: dt.date
    digest: bytes
    returns: LossMonitor | None
    variance: LossMonitor | None
