"""The names of the market model's inputs, by group."""

from __future__ import annotations

from typing import Final

#: In the order of the columns; the groups are those of the ablations.
GROUPS: Final[dict[str, tuple[str, ...]]] = {
    "variance": (
        "variance_5_to_63",
        "variance_21_to_63",
        "variance_21_to_252",
        "log_variance_21_to_63",
        "log_variance_21_to_252",
        "log_variance_63_to_252",
        "ewma_to_63",
        "largest_21_to_252",
        "largest_63_to_252",
        "log_variance_252",
    ),
    "composition": (
        "overnight_share_63",
        "overnight_share_252",
        "concentration_21",
        "concentration_63",
        "concentration_252",
        "close_to_range_21",
        "close_to_range_63",
        "close_to_range_252",
    ),
    "returns": (
        "momentum_5",
        "momentum_21",
        "momentum_63",
        "momentum_252",
        "drawdown_252",
        "falls_21",
        "falls_63",
        "skewness_63",
    ),
    "season": (
        "season_size",
        "season_size_least",
        "season_spike",
        "season_spike_least",
        "season_score",
        "report_size",
        "season_share",
    ),
    "calendar": (
        "calendar_ahead",
        "calendar_after",
        "calendar_size_ahead",
        "calendar_size_after",
        "bars_since_report",
    ),
    "news": ("size_now", "spike_now", "score_now", "volume_5", "volume_21"),
    "errors": ("error_last", "error_year"),
}
INPUT_NAMES: Final = tuple(name for names in GROUPS.values() for name in names)
