"""What the drift monitors of the current rows say: how many forecasts lean on a candidate, and which are close to an alarm."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

from models.selection.drift import evidence
from records import Forecast, LossMonitor

_SHOWN: Final = 10


class Watched(NamedTuple):
    """A monitor of a ticker: its evidence that the served forecast has become worse, and its mean daily excess loss.

    The alarm comes at the evidence `models.selection.drift.ALARM`.
    """

    ticker: str
    quantity: str
    evidence: float
    mean_excess: float
    bars: int
    alarm: str | None


@dataclass(frozen=True, slots=True)
class DriftEvidence:
    """Over all rows: those with a trained model, monitors that run, alarms, and the monitors with the most evidence."""

    trained: int
    watched: int
    alarms: int
    mean_excess: float | None
    most: tuple[Watched, ...]


def drift_evidence(rows: Iterable[Forecast]) -> DriftEvidence:
    """Of the current rows; `mean_excess` is the mean daily loss of the served variance less the baseline's."""
    trained = 0
    monitors: list[Watched] = []
    for row in rows:
        trained += row.fallback is None
        if row.drift is not None:
            parts = (("return", row.drift.returns), ("volatility", row.drift.variance))
            monitors += [_watched(row.ticker, quantity, monitor) for quantity, monitor in parts if monitor is not None]
    variances = [each for each in monitors if each.quantity == "volatility"]
    bars = sum(each.bars for each in variances)
    return DriftEvidence(
        trained=trained,
        watched=len(monitors),
        alarms=sum(each.alarm is not None for each in monitors),
        mean_excess=sum(each.mean_excess * each.bars for each in variances) / bars if bars else None,
        most=tuple(sorted(monitors, key=lambda each: (-each.evidence, each.ticker))[:_SHOWN]),
    )


def _watched(ticker: str, quantity: str, monitor: LossMonitor) -> Watched:
    alarm = None if monitor.alarm is None else monitor.alarm.isoformat()
    return Watched(ticker, quantity, evidence(monitor), monitor.excess / max(1, monitor.bars), monitor.bars, alarm)
