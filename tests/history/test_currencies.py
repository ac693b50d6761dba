"""The currencies that bars name: kept with the edition that counts, in any order, and served in the row."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from history.catch_up import absorb_all
from history.earlier import state_as_of
from history.forecasting import refresh
from history.pipeline import Absorbed
from history.ticker_state import TickerState, same_state
from models.serving import HELD_BACK
from records import BarBatch, CurrencySpan, Forecast, currency_doubt, date_of, decode_batch, encode_batch, encode_forecast
from tests.made.bars import FETCHED, TODAY, altered, batch, walk
from tests.made.histories import SMALL, deliver

BARS = walk(300)
DAY = BARS.day.tolist()


def message(rows: slice, currency: str | None = None, *, fetched: int = 0, ticker: str = "ABC") -> BarBatch:
    """Some bars, fetched so many seconds after midnight."""
    time = dt.time(second=fetched)
    return msgspec.structs.replace(batch(BARS[rows], ticker=ticker, time=time), currency=currency)


def spans(state: TickerState) -> list[tuple[int, int, str]]:
    """First row, last row and currency of each span."""
    return [(DAY.index(span.first), DAY.index(span.last), span.currency) for span in state.currencies]


def row_of(*messages: BarBatch) -> Forecast:
    return refresh(deliver(messages, SMALL)[0], None, SMALL)


ALL = slice(0, 300)
EARLY, LATE = slice(0, 200), slice(200, 300)


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        ([message(ALL)], []),
        ([message(ALL, "EUR")], [(0, 299, "EUR")]),
        ([message(EARLY, "EUR"), message(LATE, "EUR", fetched=1)], [(0, 299, "EUR")]),
        ([message(EARLY, "EUR"), message(LATE)], [(0, 199, "EUR")]),
        ([message(EARLY, "EUR"), message(LATE, "USD")], [(0, 199, "EUR"), (200, 299, "USD")]),
        ([message(ALL, "EUR"), message(ALL, "USD", fetched=1)], [(0, 299, "USD")]),
        ([message(ALL, "EUR"), message(LATE, fetched=1)], [(0, 199, "EUR")]),
        ([message(ALL), message(ALL, "eur")], [(0, 299, "EUR")]),  # the same file, read by a version that knows its column
        ([message(ALL, "EUR"), message(ALL)], [(0, 299, "EUR")]),
        ([message(ALL, "GBX"), message(ALL, "GBp")], [(0, 299, "GBp")]),
        ([message(slice(0, 300, 2), "EUR"), message(slice(1, 300, 2), "EUR")], [(0, 299, "EUR")]),
        ([message(ALL, "no such currency")], []),
    ],
)
def test_the_edition_that_counts_says_the_currency(messages: list[BarBatch], expected: list[tuple[int, int, str]]) -> None:
    for order in (messages, messages[::-1]):
        state, _ = deliver(order, SMALL)
        assert spans(state) == expected
        again, outputs = deliver(order, SMALL, state)
        assert same_state(again, state)
        assert all(o.changed_from is None for o in outputs if isinstance(o, Absorbed))


@st.composite
def editions(draw: st.DrawFn) -> list[BarBatch]:
    """Overlapping editions, some with other values, with and without a currency."""
    found = [message(ALL, draw(st.sampled_from([None, "EUR"])))]
    for _ in range(draw(st.integers(1, 5))):
        first = draw(st.integers(0, 290))
        part = message(
            slice(first, first + draw(st.sampled_from([1, 7, 120]))),
            draw(st.sampled_from([None, "EUR", "USD", "GBX"])),
            fetched=draw(st.integers(0, 2)),
        )
        found.append(altered(part, 0) if draw(st.booleans()) else part)
    return found


@given(editions(), st.randoms(use_true_random=False), st.integers(1, 40))
@settings(max_examples=50)
def test_any_order_and_batching_give_the_same_currencies(messages: list[BarBatch], shuffled: object, size: int) -> None:
    state, _ = deliver(messages, SMALL)
    for one, other in pairwise(state.currencies):
        assert one.last < other.first
    shuffled.shuffle(messages)  # type: ignore[attr-defined]
    parts = [part for each in messages for part in _in_parts(each, size)]
    other, _ = deliver(parts, SMALL)
    assert same_state(other, state)
    together, _ = absorb_all(None, messages, today=TODAY, settings=SMALL)
    assert together is not None
    assert same_state(together, state)


@given(st.lists(st.sampled_from([None, "EUR", "USD"]), min_size=2, max_size=12))
@settings(max_examples=30)
def test_a_backlog_of_days_taken_at_once_gives_the_currencies_of_one_after_the_other(named: list[str | None]) -> None:
    days = [message(slice(200 + at, 201 + at), currency, fetched=at) for at, currency in enumerate(named)]
    state, _ = deliver([message(EARLY, "EUR")], SMALL)
    together, _ = absorb_all(state, days, today=TODAY, settings=SMALL)
    assert together is not None
    assert same_state(together, deliver(days, SMALL, state)[0])


def _in_parts(whole: BarBatch, size: int) -> list[BarBatch]:
    columns = {"date", "open", "high", "low", "close", "volume", "dividend"}
    fields = {name: column for name in columns if (column := getattr(whole, name)) is not None}
    starts = range(0, len(whole.date), size)
    return [msgspec.structs.replace(whole, **{n: c[at : at + size] for n, c in fields.items()}) for at in starts]


@given(st.integers(0, 299), st.sampled_from([None, "EUR"]), st.sampled_from([None, "EUR", "USD"]))
@settings(max_examples=20)
def test_earlier_states_have_the_currencies_of_their_bars(row: int, first: str | None, second: str | None) -> None:
    messages = [message(EARLY, first), message(LATE, second)]
    whole, _ = deliver(messages, SMALL)
    known = [message(slice(0, min(200, row + 1)), first), *([message(slice(200, row + 1), second)] if row >= 200 else [])]
    then, _ = deliver(known, SMALL)
    assert same_state(replace(state_as_of(whole, DAY[row]), due=None), replace(then, due=None))


def test_dropped_bars_say_nothing_any_more() -> None:
    bars = walk(900)
    state, _ = deliver([msgspec.structs.replace(batch(bars[:300]), currency="EUR"), batch(bars[300:600])], SMALL)
    assert 0 < state.first_index < 300
    assert state.currencies == (CurrencySpan(int(state.bars.day[0]), int(bars.day[299]), "EUR"),)
    state, _ = deliver([batch(bars[600:])], SMALL, state)
    assert state.first_index >= 300
    assert state.currencies == ()


@pytest.mark.parametrize(
    ("ticker", "currency", "served"),
    [
        *[
            ("ABC", None, "USD"),
            ("ABC", "EUR", "EUR"),
            ("ABC", "Taler", "USD"),
            ("600519", None, None),
            ("600519", "CNY", "CNY"),
        ],
        *[
            ("VOD.L", None, "GBp"),
            ("VOD.L", "GBP", "GBP"),
            ("VOD.L", "GBX", "GBp"),
            ("NPN.JO", "ZAC", "ZAc"),
            ("X1", "ILA", "ILA"),
        ],
    ],
)
def test_the_row_has_the_currency_of_its_bars_before_the_symbol_s(
    ticker: str, currency: str | None, served: str | None
) -> None:
    assert row_of(message(ALL, currency, ticker=ticker)).currency == served


def test_nothing_but_the_currency_of_a_row_depends_on_it() -> None:
    plain, named = row_of(message(ALL)), row_of(message(ALL, "EUR"))
    assert encode_forecast(msgspec.structs.replace(named, currency="USD")) == encode_forecast(plain)


def test_two_currencies_are_held_back_until_the_bars_come_again_in_one() -> None:
    mixed = [message(EARLY, "EUR"), message(LATE, "USD")]
    row = row_of(*mixed)
    assert row.annual_volatility is None
    assert [step.model for step in row.fallbacks] == [HELD_BACK]
    last, first = date_of(DAY[199]), date_of(DAY[200])
    assert row.fallbacks[0].reason.startswith(f"bars up to {last} are in EUR, from {first} on in USD: publish them again")
    assert row.currency == "USD"
    mended = row_of(*mixed, message(EARLY, "USD", fetched=1))
    assert mended.annual_volatility is not None
    assert encode_forecast(mended) == encode_forecast(row_of(message(ALL, "USD")))


def test_a_currency_before_the_look_back_is_no_doubt() -> None:
    row = row_of(message(slice(0, 100), "EUR"), message(slice(100, 300), "USD"))
    assert SMALL.lookback < 200
    assert row.annual_volatility is not None
    assert row.currency == "USD"


def test_the_newest_change_is_named() -> None:
    doubt = currency_doubt([CurrencySpan(0, 5, "EUR"), CurrencySpan(7, 8, "USD"), CurrencySpan(9, 12, "EUR")])
    assert doubt is not None
    assert "up to 1970-01-09 are in USD, from 1970-01-10 on in EUR" in doubt
    assert currency_doubt([CurrencySpan(0, 5, "EUR"), CurrencySpan(7, 8, "EUR")]) is None
    assert currency_doubt([]) is None


def test_an_unknown_currency_is_logged_and_its_bars_are_taken(caplog: pytest.LogCaptureFixture) -> None:
    state, _ = deliver([message(ALL, "Taler")], SMALL)
    assert len(state.bars) == 300
    assert "currency not used ticker=ABC reason='Taler' is no code as USD or GBp" in caplog.text


@pytest.mark.parametrize(
    ("value", "served"),
    [(840, "USD"), (978, "EUR"), (36, "AUD"), ("392", "JPY"), (826.0, "GBP"), (1, "GBp"), (840.5, "GBp"), (-978, "GBp")],
)
def test_a_number_of_a_currency_is_read_and_another_costs_the_field_alone(
    value: object, served: str, caplog: pytest.LogCaptureFixture
) -> None:
    fields = json.loads(encode_batch(message(ALL, ticker="VOD.L")))
    decoded = decode_batch(json.dumps({**fields, "currency": value}).encode())
    row = row_of(decoded)
    assert row.annual_volatility is not None
    assert row.currency == served
    assert ("currency not used ticker=VOD.L" in caplog.text) == (served == "GBp")


@pytest.mark.parametrize(
    ("messages", "served"),
    [
        ([message(EARLY, "EUR"), message(LATE)], "EUR"),
        ([message(ALL, "EUR"), message(LATE, fetched=1)], "EUR"),
        ([message(ALL, "EUR"), message(slice(250, 300), fetched=1)], "EUR"),
        ([message(LATE, "EUR"), message(EARLY, fetched=1)], "EUR"),
        ([message(ALL, "EUR"), message(ALL, fetched=1)], "USD"),  # all bars again, and none names one
    ],
)
def test_a_later_message_without_a_currency_leaves_it_as_it_was(messages: list[BarBatch], served: str) -> None:
    for order in (messages, messages[::-1]):
        row = row_of(*order)
        assert row.annual_volatility is not None
        assert row.currency == served


def test_messages_of_before_are_read() -> None:
    old = json.loads(encode_batch(message(ALL)))
    del old["currency"]
    assert decode_batch(json.dumps(old).encode()) == message(ALL)
    assert date_of(DAY[0]) < FETCHED
