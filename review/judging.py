"""Judges the record of a state folder against the bars in it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from errors import ForecastingError
from records import Bars
from review.outcomes import Judged, Unjudged, joined, judge_ticker
from review.served import ServedForecast
from state.readers import HistoryReader


def judge_record(state_dir: Path, forecasts: Sequence[ServedForecast]) -> tuple[Judged, Unjudged]:
    """What was served against the bars of this folder, ticker by ticker: only one history is in memory at a time.

    A history that is missing or cannot be read leaves its forecasts without a judgement (`Unjudged.without_history`).
    """
    by_ticker: dict[str, list[ServedForecast]] = {}
    for forecast in forecasts:
        by_ticker.setdefault(forecast.ticker, []).append(forecast)
    parts: list[Judged] = []
    left = Unjudged()
    with HistoryReader(state_dir) as histories:
        for ticker, own in by_ticker.items():
            judged, open_ = judge_ticker(own, _bars(histories, ticker))
            parts.append(judged)
            left += open_
    return joined(parts), left


def _bars(histories: HistoryReader, ticker: str) -> Bars | None:
    try:
        return histories.bars(ticker)
    except ForecastingError:
        return None  # a replica without bars has no histories; of one that is damaged the reader has logged the reason
