"""The inputs of the market model: a slow recomputation, what they look back on, and what they do without history or volume."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from models.contract import Window
from models.market.input_names import GROUPS, INPUT_NAMES
from models.market.inputs import INPUT_BARS, market_inputs
from models.market.model import last_row
from models.market.sequences import SEQUENCE_NAMES, STEPS, market_sequences
from records import Floats
from tests.models.windows import simulated_columns, simulated_window, window_of_columns


def current_inputs(window: Window) -> Floats:
    """The inputs after the window's last bar, from the bars that production looks at."""
    return market_inputs(*last_row(window))[0]


@pytest.fixture(scope="module")
def window() -> Window:
    return simulated_window(900, seed=5)


def slow(window: Window, t: int) -> dict[str, float]:
    """Some inputs after bar t by their definitions, one loop each, from returns, variances and volume scores alone."""
    r, on, v = window.log_return, window.column("overnight_return"), window.range_variance
    z, usual = window.column("volume_zscore_63"), window.column("overnight_rms_63")
    calm = window.column("log_range_variance_63")
    jump = [min(max(abs(on[i]) / usual[i] - 1, 0), 6) for i in range(len(window))]
    score = [jump[i] * min(max(z[i], 0), 2) for i in range(len(window))]
    mark = [min(max(z[i], 0), 2.5) + 0.5 * jump[i] * (z[i] > 0.5) for i in range(len(window))]
    size = [np.log1p((max(v[i], r[i] ** 2) if z[i] > 0.75 else 0) / (21 * np.exp(calm[i]))) for i in range(len(window))]

    def day_mean(phi: int) -> float:
        around = [max(mark[i] for i in range(t + phi - 63 * k - 3, t + phi - 63 * k + 4)) for k in range(1, 9)]
        return float(np.mean(around))

    def season(values: list[float] | np.ndarray, k: int) -> float:
        return float(max(values[i] for i in range(t + 1 - k, t + 22 - k)))

    har = {"range_variance_5": 0.3, "range_variance_21": 0.3, "range_variance_63": 0.2, "range_variance_252": 0.2}
    errors = []
    for past in range(t - 272, t - 20):
        expected = sum(share * np.log(window.column(name)[past]) for name, share in har.items())
        errors.append(np.log(np.mean(r[past + 1 : past + 22] ** 2)) - expected)
    last = r[t - 62 : t + 1]
    return {
        "close_to_range_63": np.log(np.mean(last**2)) - np.log(np.mean(v[t - 62 : t + 1])),
        "concentration_21": np.log(np.mean(v[t - 20 : t + 1])) - np.mean(np.log(v[t - 20 : t + 1])),
        "log_variance_21_to_252": np.mean(np.log(v[t - 20 : t + 1])) - np.mean(np.log(v[t - 251 : t + 1])),
        "falls_63": sum(x * x for x in last if x < 0) / sum(x * x for x in last),
        "skewness_63": np.mean((last - last.mean()) ** 3) / np.mean((last - last.mean()) ** 2) ** 1.5,
        "momentum_63": last.sum() / np.sqrt(63 * np.mean(v[t - 251 : t + 1])),
        "overnight_share_252": np.mean(on[t - 251 : t + 1] ** 2) / np.mean(v[t - 251 : t + 1]),
        "season_score": np.mean([season(score, k) for k in (63, 126, 189, 252)]),
        "season_size_least": min(season(size, k) for k in (63, 126, 189, 252)),
        "calendar_ahead": max(day_mean(phi) for phi in range(1, 22)),
        "calendar_after": max(day_mean(phi) for phi in range(22, 61)),
        "bars_since_report": float(62 - int(np.argmax(score[t - 62 : t + 1]))),
        "volume_5": np.mean(z[t - 4 : t + 1]),
        "error_last": errors[-1],
        "error_year": np.mean(errors),
    }


@pytest.mark.parametrize("t", [650, 780, 899])
def test_inputs_equal_their_definitions(window: Window, t: int) -> None:
    found = dict(zip(INPUT_NAMES, market_inputs(window, np.array([t]))[0], strict=True))
    for name, value in slow(window, t).items():
        assert found[name] == pytest.approx(value, rel=1e-7, abs=1e-9), name


def test_every_input_is_in_one_group_and_a_number_with_enough_bars(window: Window) -> None:
    assert len(INPUT_NAMES) == len(set(INPUT_NAMES)) == sum(map(len, GROUPS.values()))
    assert np.isfinite(market_inputs(window, np.arange(INPUT_BARS, 900))).all()


def test_a_row_alone_is_as_among_others(window: Window) -> None:
    rows = np.arange(INPUT_BARS, 900, 7)
    together = market_inputs(window, rows)
    alone = np.array([current_inputs(window.until(int(row) + 1)) for row in rows])
    np.testing.assert_allclose(alone, together, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("function", [market_inputs, market_sequences])
def test_later_and_much_older_bars_change_nothing(window: Window, function) -> None:
    t = 700
    expected = function(window, np.array([t]))
    known = window.part(t + 1 - INPUT_BARS, t + 1)
    np.testing.assert_array_equal(function(known, np.array([INPUT_BARS - 1])), expected)
    noise = np.random.default_rng(0)
    altered = {}
    for name in ("log_return", "range_variance", "features"):
        values = getattr(window, name).copy()
        values[t + 1 :] = noise.uniform(0.0, 1.0, values[t + 1 :].shape)
        altered[name] = values
    np.testing.assert_array_equal(function(dataclasses.replace(window, **altered), np.array([t])), expected)


def test_a_young_ticker_lacks_what_reaches_further_back() -> None:
    young = simulated_window(300, seed=1, warm=0)
    found = dict(zip(INPUT_NAMES, current_inputs(young), strict=True))
    assert np.isfinite([found[name] for name in ("close_to_range_63", "falls_63", "calendar_ahead", "volume_5")]).all()
    assert np.isnan(found["calendar_size_ahead"])
    assert np.isnan(current_inputs(young.until(30))).sum() > len(INPUT_NAMES) / 2


def test_without_volume_what_rests_on_it_is_missing_and_nothing_else() -> None:
    *columns, _ = simulated_columns(1100, seed=2)
    silent = window_of_columns("SIM", *columns, np.zeros(1100))
    found = dict(zip(INPUT_NAMES, current_inputs(silent), strict=True))
    missing = {name for name, value in found.items() if np.isnan(value)}
    assert missing == {*GROUPS["season"], *GROUPS["calendar"], *GROUPS["news"]}


def test_sequences_sum_up_two_weeks_a_step(window: Window) -> None:
    t = 800
    found = market_sequences(window, np.array([t]))[0]
    assert found.shape == (STEPS, len(SEQUENCE_NAMES))
    last = slice(t - 9, t + 1)
    usual = np.mean(np.log(window.range_variance[t - 251 : t + 1]))
    assert found[-1, 0] == pytest.approx(np.log(window.range_variance[last].mean()) - usual)
    assert found[-1, 2] == pytest.approx(window.column("volume_zscore_63")[last].mean())
    assert found[-1, 4] == pytest.approx(window.log_return[last].sum() / np.exp(usual / 2))
