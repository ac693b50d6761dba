"""Messages and rows: what is decoded, what is refused, that nothing is lost on the way, and that the schemas are published."""

from __future__ import annotations

import contextlib
import datetime as dt
import json

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from errors import ForecastingError, MessageError, SchemaError
from records import (
    BAR_BATCH_VERSION,
    FORECAST_VERSION,
    BarBatch,
    Bars,
    CandidateScore,
    FallbackStep,
    Forecast,
    batch_of,
    canonical_ticker,
    date_of,
    day_number,
    decode_batch,
    decode_forecast,
    encode_batch,
    encode_forecast,
    is_ticker,
    validate_batch,
)
from records.schemas import SCHEMAS
from tests.conftest import ROOT

AS_OF = dt.date(2024, 6, 28)
BATCH = BarBatch(
    ticker="AAPL", source="test", as_of=AS_OF, date=["2024-06-27"], open=[1.0], high=[1.0], low=[1.0], close=[1.0], volume=[1.0]
)
ROW = Forecast(
    ticker="AAPL", as_of=AS_OF, last_close=1.0, horizon=21, annual_return=0.1, annual_volatility=0.2, return_standard_error=0.1,
    lower_80=-0.1, upper_80=0.1, lower_95=-0.2, upper_95=0.2, return_model="har", volatility_model="har", fallback=None,
    fallbacks=(FallbackStep(model="lstm", reason="ran out of time"),), candidates=(CandidateScore(model="har", origins=12),),
    bars_used=756, training_cutoff=AS_OF, settings_hash="0" * 12, code_version="1",
)  # fmt: skip


def message(**changes: object) -> bytes:
    """BATCH as JSON, with changed fields."""
    return json.dumps(json.loads(encode_batch(BATCH)) | changes).encode()


@given(st.integers(0, 60), st.booleans(), st.randoms(use_true_random=False))
def test_a_batch_survives_the_way_there_and_back(count, with_actions, random):
    close = np.array([random.uniform(1, 500) for _ in range(count)])
    columns = {"open": close, "high": close * 1.01, "low": close * 0.99, "close": close, "volume": np.round(close * 1e6)}
    if with_actions:
        columns |= {"dividend": np.where(close > 250, 0.25, 0.0), "split": np.where(close > 400, 2.0, 1.0)}
    bars = Bars.of(np.arange(19000, 19000 + count, dtype=np.int32), **columns)
    batch = batch_of("AAPL", bars, source="test", as_of=AS_OF)
    decoded = decode_batch(encode_batch(batch), key=b"AAPL")
    assert decoded == batch
    assert validate_batch(decoded, today=AS_OF) == (bars, [])


@pytest.mark.parametrize(
    ("payload", "says"),
    [
        (b"", "not a BarBatch"),
        (b"\xff\xfe", "not a BarBatch"),
        (b"[]", "not a BarBatch"),
        (b"[" * 100_000, "not a BarBatch"),
        (message(ticker="aapl"), "not a BarBatch"),
        (message(ticker="AAPL\n"), "is not a ticker"),
        (message(ticker="SYMBOL"), "is not a ticker"),
        (message(open="1"), "not a BarBatch"),
        (message(open=[True]), "not a BarBatch"),
        (message(close=[1.0, 2.0]), "AAPL: column close has 2 values for 1 dates"),
        (message(date=["2024-06-27"] * 20_000), "not a BarBatch"),
        (message(schema_version=0), "not a BarBatch"),
        (message().replace(b"1.0", b"NaN", 1), "not a BarBatch"),
    ],
    ids=lambda value: value[:30].decode("latin-1") if isinstance(value, bytes) else None,
)
def test_other_bytes_than_a_batch_are_refused(payload: bytes, says: str):
    with pytest.raises(MessageError, match=says):
        decode_batch(payload)


def test_a_message_under_another_key_is_refused():
    with pytest.raises(MessageError, match="AAPL: the message's key is b'MSFT'"):
        decode_batch(message(), key=b"MSFT")


@pytest.mark.parametrize("changes", [{}, {"date": {"from": "2024-06-27"}}], ids=["same fields", "changed fields"])
def test_a_newer_batch_asks_for_an_upgrade(changes):
    with pytest.raises(SchemaError, match=rf"schema version {BAR_BATCH_VERSION + 1}.*upgrade"):
        decode_batch(message(schema_version=BAR_BATCH_VERSION + 1, **changes))


def test_unknown_fields_are_let_through():
    assert decode_batch(message(note="from a later publisher")) == BATCH


@given(st.one_of(st.binary(max_size=200), st.integers(0, 300).map(lambda cut: message()[:cut])))
def test_bytes_of_any_kind_raise_only_our_errors(payload):
    with contextlib.suppress(ForecastingError):
        assert isinstance(decode_batch(payload), BarBatch)


def test_a_forecast_survives_and_equal_rows_have_equal_bytes():
    assert decode_forecast(encode_forecast(ROW)) == ROW
    assert encode_forecast(msgspec.structs.replace(ROW)) == encode_forecast(ROW)


def test_a_newer_or_broken_forecast_is_refused():
    with pytest.raises(SchemaError, match=f"schema version {FORECAST_VERSION + 1}.*upgrade"):
        decode_forecast(encode_forecast(msgspec.structs.replace(ROW, schema_version=FORECAST_VERSION + 1)))
    for payload in (b"", b"\x80", encode_forecast(ROW)[:-1]):
        with pytest.raises(MessageError):
            decode_forecast(payload)


@given(st.dates())
def test_day_numbers_and_dates_correspond(date):
    assert date_of(day_number(date)) == date
    assert np.datetime64(day_number(date), "D") == np.datetime64(date)


@given(st.text(max_size=24))
def test_the_canonical_form_is_stable(text):
    canonical = canonical_ticker(text)
    assert canonical_ticker(canonical) == canonical


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("brk.b", "BRK-B"),
        (" aapl ", "AAPL"),
        ("005930.KS", "005930.KS"),
        ("VOD.L", "VOD.L"),
        ("SAP.F", "SAP.F"),
        ("^GSPC", "^GSPC"),
    ],
)
def test_canonical_tickers(text: str, canonical: str):
    assert canonical_ticker(text) == canonical
    assert is_ticker(canonical)


def test_bars_are_read_only_and_of_one_length():
    bars = validate_batch(BATCH, today=AS_OF)[0]
    with pytest.raises(ValueError, match="read-only"):
        bars.close[0] = 2.0
    with pytest.raises(ValueError, match="column close: float64"):
        Bars.of(bars.day, **{name: np.ones(2 if name == "close" else 1) for name in ("open", "high", "low", "close", "volume")})


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_published_schema_is_current(name: str):
    published = (ROOT / "docs" / "schemas" / f"{name}.schema.json").read_text(encoding="utf-8")
    assert json.loads(published) == json.loads(msgspec.json.encode(SCHEMAS[name]())), "make docs"
