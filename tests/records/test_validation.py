"""The border: what is accepted, what is refused, and that one bad bar costs only itself."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from records import BarBatch, date_of, validate_batch, validate_columns

TODAY = dt.date(2024, 6, 28)
GOOD = {"open": 10.0, "high": 11.0, "low": 9.5, "close": 10.5, "volume": 1000.0, "dividend": 0.0, "split": 1.0}


def validate(*rows: dict[str, object]):
    """Bars on 2024-01-02, 03, … each GOOD except what its row says."""
    dates = [str(row.get("date", dt.date(2024, 1, 2) + dt.timedelta(at))) for at, row in enumerate(rows)]
    columns = {name: np.array([row.get(name, value) for row in rows], dtype=float) for name, value in GOOD.items()}
    return validate_columns("AAPL", dates, columns, today=TODAY)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ({"close": np.nan}, "close missing"),
        ({"open": np.inf}, "open missing or not a finite number"),
        ({"volume": np.nan}, "volume missing"),
        ({"low": 0.0}, "low not positive"),
        ({"close": -1.0}, "close not positive"),
        ({"high": 2e13}, "high outside"),
        ({"low": 1e-13}, "low outside"),
        ({"high": 9.0}, "high below low"),
        ({"open": 11.2}, "open outside [low, high]"),
        ({"close": 9.4}, "close outside [low, high]"),
        ({"volume": -1.0}, "volume negative"),
        ({"volume": 1e19}, "volume above"),
        ({"dividend": -0.1}, "dividend negative"),
        ({"split": 0.0}, "split not a positive number"),
        ({"date": "2024-07-01"}, "date in the future"),
        ({"date": "1899-12-31"}, "date before 1900-01-01"),
        ({"date": "2024-02-30"}, "not a date"),
        ({"date": "20240105"}, "not a date"),
        ({"date": "2024-W01-5"}, "not a date"),
        ({"date": ""}, "not a date"),
        ({"date": "2024-01-05T00:00:00"}, "not a date"),
    ],
)
def test_a_bad_bar_is_refused_with_its_reason_and_the_rest_goes_on(fault, reason):
    bars, rejected = validate({}, fault, {})
    assert [date_of(day).isoformat() for day in bars.day] == ["2024-01-02", "2024-01-04"]
    [bar] = rejected
    assert (bar.ticker, bar.date) == ("AAPL", str(fault.get("date", "2024-01-03")))
    assert bar.reason.startswith(reason)


def test_rounding_to_the_cent_is_no_fault():
    bars, rejected = validate({"close": 11.01}, {"open": 9.49}, {"open": 0.001, "high": 0.001, "low": 0.001, "close": 0.001})
    assert (len(bars), rejected) == (3, [])
    # For a price of a tenth of a cent, a whole cent is no rounding.
    assert len(validate({"open": 0.002, "high": 0.001, "low": 0.001, "close": 0.001})[0]) == 0


def test_zero_volume_is_a_quiet_day():
    assert len(validate({"volume": 0.0})[0]) == 1


def test_equal_duplicates_are_one_bar_and_different_duplicates_are_refused():
    day = {"date": "2024-01-05"}
    bars, rejected = validate(day, day, {"date": "2024-01-04"})
    assert [date_of(d).day for d in bars.day] == [4, 5]
    assert rejected == []
    bars, rejected = validate(day, day | {"close": 10.4}, {"date": "2024-01-04"})
    assert [date_of(d).day for d in bars.day] == [4]
    assert [bar.reason for bar in rejected] == ["2 bars of 2024-01-05 with different values; none is taken"] * 2


def test_a_bad_duplicate_does_not_reject_the_good_bar():
    bars, rejected = validate({"date": "2024-01-05"}, {"date": "2024-01-05", "close": np.nan})
    assert (len(bars), len(rejected)) == (1, 1)


def test_nothing_in_nothing_out():
    bars, rejected = validate()
    assert (len(bars), rejected) == (0, [])


numbers = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True), st.floats(1.0, 20.0), st.sampled_from([10.0, 10.5, 11.0, 0.0])
)
texts = st.one_of(
    st.dates(dt.date(2024, 1, 1), dt.date(2024, 1, 9)).map(str),
    st.dates().map(str),
    st.text(max_size=12),
    st.just("2024-01-04"),
)
rows = st.lists(
    st.fixed_dictionaries(
        {}, optional={"date": texts, "open": numbers, "high": numbers, "low": numbers, "close": numbers, "volume": numbers}
    ),
    max_size=12,
)


@given(rows)
def test_accepted_bars_are_always_valid(given_rows):
    bars, rejected = validate(*given_rows)
    assert (np.diff(bars.day) > 0).all()
    for name in ("open", "high", "low", "close"):
        assert (getattr(bars, name) > 0).all()
    assert (bars.high >= bars.low).all()
    assert np.isfinite(bars.volume).all()
    assert (bars.volume >= 0).all()
    assert len(bars) + len(rejected) <= len(given_rows)
    assert all(bar.reason for bar in rejected)
    assert bool(given_rows) == bool(len(bars) or rejected)


@given(rows, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(given_rows, random):
    dated = [{"date": str(dt.date(2024, 1, 2) + dt.timedelta(at))} | row for at, row in enumerate(given_rows)]
    bars, rejected = validate(*dated)
    random.shuffle(dated)
    shuffled, rejected_shuffled = validate(*dated)
    assert shuffled == bars
    assert sorted(map(repr, rejected_shuffled)) == sorted(map(repr, rejected))


@given(rows)
def test_a_faulty_bar_does_not_change_the_others(given_rows):
    alone, rejected = validate(*given_rows)
    beside, rejected_beside = validate(*given_rows, {"date": "no date"})
    assert beside == alone
    assert len(rejected_beside) == len(rejected) + 1


@given(rows)
def test_validation_is_idempotent(given_rows):
    bars, _ = validate(*given_rows)
    columns = {name: getattr(bars, name) for name in GOOD}
    again, rejected = validate_columns("AAPL", [date_of(day).isoformat() for day in bars.day], columns, today=TODAY)
    assert (again, rejected) == (bars, [])


def test_missing_values_of_a_message_are_missing_values_of_bars():
    batch = BarBatch(
        ticker="AAPL", source="test", as_of=TODAY, date=["2024-01-02", "2024-01-03"],
        open=[10.0, None], high=[11.0, 11.0], low=[9.0, 9.0], close=[10.0, 10.0], volume=[1.0, 1.0],
    )  # fmt: skip
    bars, rejected = validate_batch(batch, today=TODAY)
    assert len(bars) == 1
    assert bars.split.tolist() == [1.0]
    assert [bar.reason for bar in rejected] == ["open missing or not a finite number"]
