from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errors import RequestError
from optimizer.tickers import clean_tickers, require_mostly_tickers, sanitize_tickers
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


@pytest.mark.parametrize(
    ("lines", "tickers"),
    [
        (["AAPL,MSFT,JNJ,KO"], "AAPL MSFT JNJ KO"),
        (["aapl, msft, jnj"], "AAPL MSFT JNJ"),
        (["AAPL;MSFT", "JNJ;KO"], "AAPL MSFT JNJ KO"),
        (["Symbol", "AAPL,MSFT,JNJ"], "AAPL MSFT JNJ"),
        (["AAPL\nMSFT\r\nJNJ"], "AAPL MSFT JNJ"),
        (['"AAPL","Apple"'], "AAPL"),
        (["'AAPL'", '"MSFT"'], "AAPL MSFT"),
        (["1,AAPL"], "AAPL"),
        (["0,AAPL,Apple", "1,MSFT,Microsoft Corp", '2,JNJ,"Johnson, J."'], "AAPL MSFT JNJ"),
        ([",Symbol,Name", "0,AAPL,Apple", "1,MSFT,Microsoft"], "AAPL MSFT"),
        (["Name,Ticker,Weight", "Apple Inc.,AAPL,5%", "Coca-Cola,KO,1%"], "AAPL KO"),
        (["Apple,AAPL", "Microsoft,MSFT"], "AAPL MSFT"),
        (["AAPL;0,5", "MSFT;0,5"], "AAPL MSFT"),
        (["0.5,AAPL", "0.5,MSFT"], "AAPL MSFT"),
        (["AAPL,TECH", "MSFT,TECH"], "AAPL MSFT"),
        (["AAPL,100", "MSFT,", "005930.KS,20"], "AAPL MSFT 005930.KS"),
    ],
)
def test_lists_are_read_as_people_write_them(lines, tickers):
    chosen = clean_tickers(lines)
    assert " ".join(chosen.tickers) == tickers
    assert chosen.refused == {}


@pytest.mark.parametrize(
    ("lines", "tickers", "refused"),
    [
        (["AAPL,MSFT,Apple Computer"], ("AAPL", "MSFT"), ["Apple Computer"]),
        (["Holdings of 2024", "Ticker,Name", "AAPL,Apple"], ("AAPL",), ["Holdings of 2024"]),
        (["Symbol,Weight", "AAPL,0.5", "0.5,MSFT", ",0.1"], ("AAPL",), ["0.5, MSFT", "0.1"]),
        (["A B", "AAPL"], ("AAPL",), ["A B"]),
    ],
)
def test_what_is_dropped_from_a_list_is_listed(lines, tickers, refused):
    chosen = clean_tickers(lines)
    assert (chosen.tickers, list(chosen.refused)) == (tickers, refused)


@pytest.mark.parametrize(
    ("lines", "warning"),
    [
        (["Symbol,Name,,Weight", "AAPL,Apple,,0.5", "MSFT,Microsoft,,0.5"], "'Name', 'Weight'"),
        (["1;XOM;Exxon Mobil", "2;AAPL;Apple"], "number 1, number 3"),
        (["AAPL,0.5", "MSFT,0.5"], "number 2"),
        (["Symbol," + ",".join(f"c{n}" for n in range(9)), "AAPL" + ",x" * 9], "'c0', 'c1', 'c2', 'c3', 'c4' and 4 more"),
    ],
)
def test_columns_that_are_not_used_are_named(lines, warning):
    assert clean_tickers(lines).warnings == (f"columns of the list that were not used: {warning}",)


def test_numbers_in_lists_of_symbols_are_warned_of():
    assert clean_tickers(["AAPL,MSFT,0.5", "JNJ"]).warnings == ("numbers beside symbols in the list were not used",)
    assert clean_tickers(["AAPL,MSFT", "JNJ"]).warnings == ()


def test_a_list_of_which_most_is_dropped_is_refused_with_its_first_lines():
    with pytest.raises(RequestError, match="Most of this list are not ticker symbols: 'A B', 'C D'"):
        require_mostly_tickers(clean_tickers(["A B", "C D", "AAPL"]))
    require_mostly_tickers(clean_tickers(["A B", "MSFT", "AAPL"]))


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
