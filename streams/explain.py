"""Why a ticker's forecast is what it is, and what its newest bar changed, from a state folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from errors import RequestError, StateMissingError
from history.facts import BarFacts, bar_facts
from history.ticker_state import TickerState
from models.explain.explanation import Explanation, Origin, explain
from models.explain.quantities import Quantity
from models.explain.text import change_lines, explanation_lines
from models.serving import LoadedTicker, load_trained, make_forecast
from records import Forecast, date_of
from settings import Settings
from state.model_reader import ModelReader
from state.readers import ForecastReader, HistoryReader


class Change(msgspec.Struct, frozen=True):
    """A number before and after the newest bar."""

    name: str
    before: float
    now: float


def explanation_text(settings: Settings, ticker: str) -> str:
    """The explanation as lines for people. Raises RequestError, StateMissingError, StateCorruptError, SchemaError."""
    found = _look(settings, ticker)
    lines = (*explanation_lines(found.explanation), *_fact_lines(found.facts), "", *found.notes, *change_lines(found.changes))
    return "\n".join(lines)


def explanation_json(settings: Settings, ticker: str) -> bytes:
    """The same as one JSON object. Raises as `explanation_text` does."""
    found = _look(settings, ticker)
    content: dict[str, Any] = {
        **msgspec.to_builtins(found.explanation),
        "bars": found.facts,
        "newest_bar_changed": [Change(now.name, before.value, now.value) for before, now in found.changes],
        "notes": found.notes,
    }
    return msgspec.json.format(msgspec.json.encode(content), indent=2)


@dataclass(frozen=True, slots=True)
class _Found:
    explanation: Explanation
    facts: BarFacts | None
    changes: list[tuple[Quantity, Quantity]]
    notes: list[str]


def _look(settings: Settings, ticker: str) -> _Found:
    with ForecastReader(settings.state_dir) as reader:
        reader.get(ticker)  # a row that cannot be read is an error of its own
        rows = reader.all()
    row = next((each for each in rows if each.ticker == ticker), None)
    if row is None:
        raise RequestError(f"no forecast of {ticker}: publish bars of it, or see the tickers in `python -m state forecasts`")
    state, trained = _bars_and_models(settings, ticker)
    explanation = explain(row, rows, _origin(row, state, trained, settings))
    facts = None if state is None or not len(state.bars) else bar_facts(state, settings.lookback)
    return _Found(explanation, facts, *_changes(row, rows, state, trained, settings, explanation))


def _bars_and_models(settings: Settings, ticker: str) -> tuple[TickerState | None, LoadedTicker | None]:
    """The ticker's history and models, each None if this folder lacks it (a replica without bars)."""
    state: TickerState | None = None
    stored: bytes | None = None
    try:
        with HistoryReader(settings.state_dir) as histories:
            state = histories.state(ticker)
        with ModelReader(settings.state_dir) as models:
            stored = models.get(ticker)
    except StateMissingError:
        return state, None
    return state, None if stored is None else load_trained(stored)


def _origin(row: Forecast, state: TickerState | None, trained: LoadedTicker | None, settings: Settings) -> Origin | None:
    from history.windows import window_of  # noqa: PLC0415 - compiles the features' kernel
    from models.serving import FEATURE_BARS, MARK_BARS  # noqa: PLC0415

    if state is None or trained is None:
        return None
    stop = sum(1 for day in state.bars.day if date_of(day) <= row.as_of)
    return Origin(trained, window_of(state, settings.lookback, stop=stop, feature_bars=FEATURE_BARS, mark_bars=MARK_BARS))


def _changes(
    row: Forecast,
    rows: Sequence[Forecast],
    state: TickerState | None,
    trained: LoadedTicker | None,
    settings: Settings,
    explanation: Explanation,
) -> tuple[list[tuple[Quantity, Quantity]], list[str]]:
    """The numbers that the ticker's newest bar changed, all else being equal, and notes on it."""
    if state is None or trained is None or len(state.bars) < 2 or row.as_of != state.bars.last_date or not row.opinions:
        return [], ["what the newest bar changed: not shown, the bars or models that made the row are not in this folder"]
    bars = state.bars
    from history.windows import window_of  # noqa: PLC0415 - compiles the features' kernel
    from models.serving import FEATURE_BARS, MARK_BARS  # noqa: PLC0415

    window = window_of(state, settings.lookback, stop=len(bars) - 1, feature_bars=FEATURE_BARS, mark_bars=MARK_BARS)
    before = make_forecast(
        window,
        trained,
        horizon=row.horizon,
        settings_hash=row.settings_hash,
        minimum_bars=settings.minimum_bars,
        drift=row.drift,
        currencies=state.currencies,
    )
    others = [before if each is row else each for each in rows]
    earlier = explain(before, others, Origin(trained, window))
    known = {quantity.name: quantity for section in earlier.sections for quantity in section.quantities}
    pairs = [
        (known[quantity.name], quantity)
        for section in explanation.sections
        for quantity in section.quantities
        if quantity.name in known and known[quantity.name].value != quantity.value
    ]
    move = bars.close[-1] / bars.close[-2] - 1.0
    notes = [f"what the bar of {bars.last_date} changed (close {move:+.2%}), with the same models and the other tickers' rows"]
    if trained.trained.cutoff >= int(bars.day[-2]):
        notes.append(
            f"the models were trained anew up to {date_of(trained.trained.cutoff)}: "
            "the row before was made by models that are not kept"
        )
    return pairs, notes


def _fact_lines(facts: BarFacts | None) -> Iterator[str]:
    if facts is None:
        return
    yield ""
    yield f"bars {facts.first} to {facts.last}: {facts.bars}, of {facts.kept} kept, fetched last on {facts.fetched_last.date()}"
    counts = facts.counts
    yield (
        f"  delivered so far: {counts.accepted} accepted, {counts.duplicate} duplicates, {counts.corrected} corrections, "
        f"{counts.rejected} rejected; {facts.dividends} dividends in the bars used"
    )
    for title, splits in (("split", facts.splits), ("withdrawn split", facts.withdrawn)):
        yield from (f"  {title} {split.date}: {split.ratio:g} for 1" for split in splits)
    yield from (f"  restated by its vendor: a factor of {ratio:g}" for ratio in facts.restatements)
