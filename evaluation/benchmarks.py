"""Forecasts that anyone could make: the served forecast has to beat them."""

from __future__ import annotations

import warnings
from typing import Final

import numpy as np

from models.candidates.regression import LEAST_VARIANCE
from models.contract import Window
from records import Floats

HISTORICAL_252: Final = "std_252"
EWMA_97: Final = "ewma_0.97"
GARCH: Final = "garch"


def variance_benchmarks(window: Window, horizon: int, *, garch: bool) -> dict[str, float]:
    """Mean daily variance over the horizon by each benchmark; GARCH(1,1) needs the package `arch` and may fail to converge."""
    returns = window.log_return[np.isfinite(window.log_return)]
    found = {
        HISTORICAL_252: float(np.var(returns[-252:], ddof=1)),
        EWMA_97: float(window.column("ewma_variance_97")[-1]),
    }
    if garch:
        found[GARCH] = _garch(returns, horizon)
    return {name: max(value, LEAST_VARIANCE) for name, value in found.items() if np.isfinite(value)}


def _garch(returns: Floats, horizon: int) -> float:
    """GARCH(1,1) with a constant mean and normal errors (Bollerslev 1986), fitted by `arch`, mean over the horizon."""
    from arch import arch_model  # noqa: PLC0415 - a development requirement

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the optimizer's; a forecast that is none is left out by the caller
        fit = arch_model(100.0 * returns, vol="GARCH", p=1, q=1, rescale=False).fit(disp="off", show_warning=False)
        path = fit.forecast(horizon=horizon, reindex=False).variance.to_numpy()[-1]
    return float(path.mean()) / 1e4
