"""Whether a forecast that leans on a candidate has become worse than the safe baseline: a sequential test on daily losses.

Each bar is judged by the forecasts made before it. The difference of losses, served less baseline, is divided by the largest
gain that the two forecasts allow, so that it is never below -1. A bet of the share λ on "worse" multiplies its stake by
1 + λ × difference. It does not grow on average as long as the served forecast is not worse (Waudby-Smith and Ramdas 2024,
"Estimating means of bounded random variables by betting"). A new bet of 1 is opened at every bar and all are added up: the
Shiryaev-Roberts e-detector of Shin, Ramdas and Rinaldo (2024, "E-detectors"). As long as the served forecast is not expected to
lose more on the next bar, the detector's expectation after n bars is at most n. This holds for any distribution, dependence and
number of looks. So an alarm at `ALARM` comes at most once in that many bars on average, and within n bars with a
probability of at most n ÷ `ALARM`.

The next bar is the first of the horizon that is forecast, and judges at once. But it judges a candidate too hard that rightly
expects a shock to fade sooner within the horizon than the baseline does. It may be displaced without need, which costs what it
had to offer and never more: the baseline serves instead.
"""

from __future__ import annotations

import datetime as dt
import math
from typing import Final, NamedTuple

import msgspec
import numpy as np

from models.contract import HorizonForecast, Window
from models.selection.combination import Combination
from models.selection.walkforward import WalkForward
from records import LossMonitor, date_of

#: Average number of bars to a false alarm, at least: ten years of trading.
ALARM: Final = 2520.0
#: Shares of the stake: small shares find small lasting differences, large shares find large differences within days.
BETS: Final = (0.1, 0.3, 0.9)
#: Validated bars before the cut-off that a monitor begins with: a quarter, which one week alone is too short to replace.
RECENT_BARS: Final = 63
#: A day's variance beyond this multiple of the baseline's forecast counts as it, a return beyond so many deviations likewise.
LARGEST_VARIANCE: Final = 6.0
LARGEST_DEVIATION: Final = 4.0
#: Forecasts nearer than this to the baseline's (in logs of the variance, in daily deviations of the return) win and lose less
#: than they could: what hardly matters is not worth a training, however sure it is.
LEAST_VARIANCE_SHIFT: Final = 0.1
LEAST_RETURN_SHIFT: Final = 0.02


class Monitors(msgspec.Struct, frozen=True, kw_only=True):
    """Where the monitors of a trained ticker stand at its cut-off; None where the baseline alone serves.

    `level` is the mean squared return ÷ the mean range-based variance of the training window: it makes of a day's range an
    estimate of what is forecast.
    """

    level: float
    returns: LossMonitor | None
    variance: LossMonitor | None


class Outcome(NamedTuple):
    """What came about on one bar: simple return, range-based variance."""

    date: dt.date
    simple_return: float
    range_variance: float


def outcome_of(window: Window, row: int) -> Outcome:
    """What came about on bar `row` of the window."""
    return Outcome(date_of(window.day[row]), math.expm1(float(window.log_return[row])), float(window.range_variance[row]))


def monitors_at_cutoff(
    window: Window, horizon: int, combination: Combination, walks: dict[str, WalkForward], origin: np.ndarray
) -> Monitors | None:
    """The monitors after the window's last bars, each judged by the walk-forward forecast of the newest origin before it.

    Those forecasts are of models that saw nothing of the bars. None when no candidate has weight.
    """
    if combination.return_weight <= 0.0 and combination.volatility_weight <= 0.0:
        return None
    level = float(np.nanmean(window.log_return**2) / np.nanmean(window.range_variance))
    monitors = Monitors(
        level=level,
        returns=_new() if combination.return_weight > 0.0 else None,
        variance=_new() if combination.volatility_weight > 0.0 else None,
    )
    for row in range(max(int(origin[0]) + 1, len(window) - RECENT_BARS), len(window)):
        at = int(np.searchsorted(origin, row)) - 1
        forecasts = {
            name: HorizonForecast(float(walks[name].horizon_return[at]), float(walks[name].daily_variance[at]))
            for name in combination.names
        }
        monitors = _judged(monitors, combination, forecasts, outcome_of(window, row), horizon)
    return _alarmed(monitors, window.as_of)


def advanced(
    monitors: Monitors,
    combination: Combination,
    forecasts: dict[str, HorizonForecast],
    outcome: Outcome,
    horizon: int,
) -> Monitors:
    """The monitors after one more bar, judged by the forecasts of `combination.names` at the bar before it."""
    return _alarmed(_judged(monitors, combination, forecasts, outcome, horizon), outcome.date)


def is_settled(monitors: Monitors) -> bool:
    """Whether no further bar changes anything: all that was watched is displaced."""
    return all(monitor is None or monitor.alarm is not None for monitor in (monitors.returns, monitors.variance))


def _judged(
    monitors: Monitors,
    combination: Combination,
    forecasts: dict[str, HorizonForecast],
    outcome: Outcome,
    horizon: int,
) -> Monitors:
    served = combination.forecast(forecasts)
    variance = forecasts[combination.volatility_base].daily_variance
    returns, variances = monitors.returns, monitors.variance
    if returns is not None and returns.alarm is None:
        own, base = served.horizon_return, forecasts[combination.return_base].horizon_return
        returns = _advanced(returns, *return_difference(own / horizon, base / horizon, variance, outcome.simple_return))
    if variances is not None and variances.alarm is None:
        realised = monitors.level * outcome.range_variance
        variances = _advanced(variances, *variance_difference(served.daily_variance, variance, realised))
    return Monitors(level=monitors.level, returns=returns, variance=variances)


def return_difference(served: float, baseline: float, daily_variance: float, realised: float) -> tuple[float, float]:
    """Difference of squared errors of a day's return in units of the baseline's variance, and a bound on the gain."""
    deviation = math.sqrt(daily_variance)
    shift = (served - baseline) / deviation
    error = min(max((realised - baseline) / deviation, -LARGEST_DEVIATION), LARGEST_DEVIATION)
    far = max(abs(shift), LEAST_RETURN_SHIFT)
    return shift * shift - 2.0 * shift * error, max(2.0 * LARGEST_DEVIATION * far - far * far, far)


def variance_difference(served: float, baseline: float, realised: float) -> tuple[float, float]:
    """Difference of QLIKE of a day's variance, and a bound on the gain."""
    shift = math.log(served / baseline)
    ratio = min(realised / baseline, LARGEST_VARIANCE)
    far = math.copysign(max(abs(shift), LEAST_VARIANCE_SHIFT), shift)
    return shift + ratio * math.expm1(-shift), max(-LARGEST_VARIANCE * math.expm1(-far) - far, abs(far))


def evidence(monitor: LossMonitor) -> float:
    """How strong the case is that the served forecast has become worse; an alarm at `ALARM`."""
    return sum(monitor.detectors) / len(monitor.detectors)


def drift_reason(monitor: LossMonitor, model: str, baseline: str, loss: str) -> str:
    """Why a candidate with weight no longer serves, with the evidence."""
    return (
        f"displaced by {baseline}: up to {monitor.alarm} the forecast that leans on {model} had a daily {loss} larger by "
        f"{monitor.excess / max(1, monitor.bars):.3g} on average of {monitor.bars} bars, evidence {evidence(monitor):.0f} "
        f"where {ALARM:.0f} suffices"
    )


def _new() -> LossMonitor:
    return LossMonitor(bars=0, excess=0.0, detectors=(0.0,) * len(BETS))


def _advanced(monitor: LossMonitor, difference: float, largest_gain: float) -> LossMonitor:
    stake = difference / largest_gain
    # More than an alarm needs is not hoarded: a forecast that recovers is to be seen to recover.
    most = len(BETS) * ALARM
    return LossMonitor(
        bars=monitor.bars + 1,
        excess=monitor.excess + difference,
        detectors=tuple(
            min((value + 1.0) * (1.0 + bet * stake), most) for value, bet in zip(monitor.detectors, BETS, strict=True)
        ),
    )


def _alarmed(monitors: Monitors, date: dt.date) -> Monitors:
    def checked(monitor: LossMonitor | None) -> LossMonitor | None:
        if monitor is None or monitor.alarm is not None or evidence(monitor) < ALARM:
            return monitor
        return msgspec.structs.replace(monitor, alarm=date)

    returns, variance = checked(monitors.returns), checked(monitors.variance)
    if returns is monitors.returns and variance is monitors.variance:
        return monitors
    return Monitors(level=monitors.level, returns=returns, variance=variance)
