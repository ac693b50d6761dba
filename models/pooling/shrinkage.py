"""Several tickers' mean returns together: their centre, and each own mean shrunk towards it by how badly it is known.

All in annual decimals. A mean over a few years, or weeks, is known within tens of percent; an error in the bars, a jump or a
steep rise makes one of hundreds. Neither may reach another ticker's forecast: where only two or three are asked for, there is
no crowd in which one bad mean would be lost.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from models.historical import PRIOR_ANNUAL_DISPERSION, posterior_weight
from records import RETURN_LIMITED, FallbackStep, Floats

#: Prior standard deviation of true annual mean returns about zero: of the centre, and of any ticker when the centre is
#: estimated. So a bill beside a share does not decide for the share.
PRIOR_ANNUAL_MEAN: Final = 0.15
#: Huber's (1964) bound in standard deviations: at 1.5 an estimate keeps 96 % of the mean's precision where nothing is wrong.
HUBER_BOUND: Final = 1.5
#: No more is served, up or down: years of such a rise may be in the bars, but nothing says that they go on.
LARGEST_ANNUAL_RETURN: Final = 1.0
#: Halvings of the interval that holds the centre: to the last bit of a double.
_HALVINGS: Final = 64


def center_of_returns(annual_return: Floats, standard_error: Floats) -> float:
    """The centre of own mean returns, each with its sampling error, both of shape (n,); 0 for none.

    Huber's M-estimate of location with a normal prior about zero. Each mean pulls with its precision, 1 ÷ (its sampling
    variance + PRIOR_ANNUAL_MEAN²), but with no more than HUBER_BOUND standard deviations. The prior pulls towards zero as one
    mean without error would. So a further ticker moves the centre by at most HUBER_BOUND × PRIOR_ANNUAL_MEAN, 22.5 %, and by
    less the more others there are.
    """
    deviation = np.sqrt(standard_error**2 + PRIOR_ANNUAL_MEAN**2)
    low, high = float(annual_return.min(initial=0.0)), float(annual_return.max(initial=0.0))
    for _ in range(_HALVINGS):
        center = 0.5 * (low + high)
        distance = np.clip((annual_return - center) / deviation, -HUBER_BOUND, HUBER_BOUND)
        if float((distance / deviation).sum()) > center / PRIOR_ANNUAL_MEAN**2:
            low = center
        else:
            high = center
    return 0.5 * (low + high)


def shrunk_returns(annual_return: Floats, standard_error: Floats, center: float) -> Floats:
    """Own mean returns shrunk towards the centre, shape (n,), or of one ticker as arrays of shape ().

    The posterior mean of a normal prior with mean `center` and an annual deviation of PRIOR_ANNUAL_DISPERSION, as
    `historical.shrunk_mean` has it about zero. A mean that a single jump has made is no further from the centre than half
    that deviation: its sampling error is as large as itself.
    """
    shrunk: Floats = center + posterior_weight(PRIOR_ANNUAL_DISPERSION**2, standard_error**2) * (annual_return - center)
    return shrunk


def limited_return(annual_return: float, steps: tuple[FallbackStep, ...]) -> tuple[float, tuple[FallbackStep, ...]]:
    """The return within ±LARGEST_ANNUAL_RETURN, and the steps, one of which says that it was limited if it was.

    NaN and infinities are returned unchanged.
    """
    others = tuple(step for step in steps if step.model != RETURN_LIMITED)
    if not math.isfinite(annual_return) or abs(annual_return) <= LARGEST_ANNUAL_RETURN:
        return annual_return, others
    limited = math.copysign(LARGEST_ANNUAL_RETURN, annual_return)
    reason = f"a return of {annual_return:+.1%} a year is expected, {limited:+.0%} is served: check its bars"
    return limited, (*others, FallbackStep(model=RETURN_LIMITED, reason=reason))
