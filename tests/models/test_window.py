"""What a window keeps of what was computed from it."""

from __future__ import annotations

import dataclasses
import pickle

from models.contract import Window
from models.historical import window_mean
from records import Floats
from tests.models.windows import simulated_window


def _returns(window: Window) -> Floats:
    return 2.0 * window.log_return


def test_a_value_is_computed_once_for_a_window_and_its_arguments() -> None:
    calls = []

    def total(window: Window, bars: int) -> float:
        calls.append(bars)
        return float(window.log_return[-bars:].sum())

    window = simulated_window(100)
    values = [window.once(total, bars) for bars in (5, 21, 5)]
    assert values == [window.log_return[-bars:].sum() for bars in (5, 21, 5)]
    assert calls == [5, 21]


def test_parts_and_changed_copies_compute_their_own() -> None:
    window = simulated_window(100)
    whole = window.once(window_mean)
    assert window.last(100) is window, "candidates that look at the whole window share what they compute"
    assert window.last(50).once(window_mean) == window_mean(window.last(50)) != whole
    changed = dataclasses.replace(window, log_return=2.0 * window.log_return)
    assert changed.once(window_mean) == window_mean(changed) != whole


def test_what_is_kept_is_not_sent_along() -> None:
    window = simulated_window(100)
    before = len(pickle.dumps(window))
    window.once(_returns)
    assert len(pickle.dumps(window)) == before
