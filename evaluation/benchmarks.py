"""Forecasts that anyone could make: the served forecast has to beat them."""

from __future__ import annotations

import json
import os
import subprocess
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from evaluation import autoarima
from models.candidates.regression import LEAST_VARIANCE
from models.contract import Window
from records import Floats

HISTORICAL_252: Final = "std_252"
EWMA_97: Final = "ewma_0.97"
GARCH: Final = "garch"
AUTO_ARIMA: Final = "autoarima"
#: Interpreter of the environment that holds benchmarks/requirements-statsforecast.txt.
STATSFORECAST_PYTHON: Final = Path(__file__).resolve().parent.parent / ".venv-statsforecast" / "bin" / "python"


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


def auto_arima_variances(windows: Sequence[Window], horizon: int) -> list[float]:
    """Mean daily variance over the horizon after each window, by statsforecast's AutoARIMA of the log daily range variance.

    The window's mean squared return ÷ its mean range variance takes one measure of variance to the other.
    """
    if not windows:
        return []
    # The first bar of a history has no close before it.
    daily = [window.range_variance[np.isfinite(window.range_variance)] for window in windows]
    series = [np.log(np.maximum(variance, LEAST_VARIANCE)).tolist() for variance in daily]
    found = []
    for window, variance, answer in zip(windows, daily, auto_arima_fits(series, horizon), strict=True):
        level = float(np.nanmean(window.log_return**2)) / float(variance.mean())
        expected = level * answer["smearing"] * float(np.exp(answer["path"]).mean())
        found.append(max(expected, LEAST_VARIANCE))
    return found


def auto_arima_fits(series: Sequence[Sequence[float]], horizon: int) -> list[dict[str, Any]]:
    """What `evaluation.autoarima` answers on each series, from one process with one thread."""
    run = subprocess.run(  # noqa: S603 - an interpreter and a script of our own
        [STATSFORECAST_PYTHON, autoarima.__file__],
        input=json.dumps({"series": series, "horizon": horizon}),
        env=os.environ | {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    answers: list[dict[str, Any]] = json.loads(run.stdout)
    return answers
