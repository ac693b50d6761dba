"""The real cases in ../shared/cases: every file leads to what its README says."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.conftest import ROOT
from tests.producers.forms_made import read

CASES = ROOT.parent / "shared" / "cases" / "make.py"
#: File or folder → bars by ticker, or the words of its refusal.
EXPECTED = {
    "01-download-one-ticker.csv": {"AAPL": 620},
    "01-download-two-tickers.csv": {"AAPL": 620, "MSFT": 620},
    "02-history": {"AAPL": 620},
    "03-index-column.csv": {"HSI": 620, "IXIC": 620, "NYA": 620},
    "03-tic-column.csv": {"AAPL": 400, "KO": 220},
    "03-ts-code.csv": {"600519.SS": 620},
    "04-ampersand": {"M&M.NS": 620},
    "05-utc-midnight": {"005930.KS": 620},
    "06-seven-days": {"BTC-USD": 620},
    "07-crypto-download.csv": {"BTCUSDT": 620},
    "07-epoch-milliseconds": {"BTC-USD": 620},
    "08-stooq": {"AAPL.US": 620},
    "08-stooq-polish": {"AAPL.US": 620},
    "09-no-volume": {"^VIX": 620},
    "10-a-share": {"600519": 620},
    "11-folder": {"ETH-USD": 620, "JPM": 620, "KO": 620, "PFE.US": 620, "SPY": 620},
    "12-decimal-comma": {"IDS.L": 620},
    "13-weekly": "weekly bars",
    "14-mixed": dict.fromkeys(("7203.T", "EQNR.OL", "EURUSD=X", "HSBA.L", "SAN.MC", "SPY"), 620),
    "15-twice": {"AAPL": 620},
    "19-minutes": "intraday bars",
    "22-carriage-return": {"AAPL": 620},
    "22-split-told-raw": {"AAPL": 620},
    "22-trailing-comma": {"AAPL": 620},
}


@pytest.fixture(scope="module")
def cases(tmp_path_factory):
    if not CASES.is_file():
        pytest.skip("the cases in ../shared/cases are not here")
    folder = tmp_path_factory.mktemp("cases")
    subprocess.run([sys.executable, str(CASES), str(folder)], check=True, capture_output=True)
    return folder


def test_every_case_has_its_expectation(cases):
    assert {path.name for path in cases.iterdir()} == set(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_a_case(cases, name):
    errors: list[Exception] = []
    found = read(cases / name, errors=errors.append)
    expected = EXPECTED[name]
    if isinstance(expected, str):
        assert found.bars == {}
        assert expected in found.said
    else:
        assert errors == []
        assert {ticker: len(bars) for ticker, bars in found.bars.items()} == expected


def test_the_dates_of_a_midnight_in_utc_are_the_exchange_s(cases):
    plain, utc = read(cases / "14-mixed" / "SPY.csv").bars["SPY"], read(cases / "05-utc-midnight").bars["005930.KS"]
    assert [bar[0] for bar in utc] == [bar[0] for bar in plain]


def test_dividends_in_the_prices_are_left_out(cases):
    assert all(batch.dividend is None for batch in read(cases / "02-history").batches["AAPL"])
