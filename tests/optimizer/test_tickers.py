from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errors import RequestError
from optimizer.tickers import clean_tickers, sanitize_tickers
from records import is_ticker


def test_the_raw_lines_of_a_file_are_cleaned():
    lines = [
        "\ufeffSymbol,Weight",
        "AAPL,0.5",
        " msft ",
        "",
        "BRK.B;1",
        "brk-b",
        "005930.KS",
        '"GOOG"',
        "ibm\tx",
        "A B",
        "AAPL",
    ]
    chosen = clean_tickers(lines)
    assert chosen.tickers == ("AAPL", "MSFT", "BRK-B", "005930.KS", "GOOG", "IBM")
    assert list(chosen.refused) == ["A B"]


def test_what_is_no_text_is_refused_by_name():
    assert clean_tickers([None, 5, ["AAPL"], {"a": 1}]).tickers == ()
    assert len(clean_tickers([None, 5, ["AAPL"]]).refused) == 3


def test_a_single_text_is_no_list_of_letters():
    with pytest.raises(RequestError, match="a list of ticker symbols is needed, not 'AAPL'"):
        sanitize_tickers("AAPL")


@given(st.lists(st.one_of(st.text(), st.none(), st.integers(), st.floats(), st.binary())))
def test_nothing_crashes_it_and_what_it_lets_through_is_a_ticker_once(raw):
    symbols = sanitize_tickers(raw)
    assert all(is_ticker(symbol) for symbol in symbols)
    assert len(set(symbols)) == len(symbols)
    assert sanitize_tickers(symbols) == symbols
