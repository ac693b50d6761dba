"""A currency above the table, in the names of its prices or beside a JSON answer's rows is the ticker's; two are refused."""

from __future__ import annotations

import json

import pytest

from errors import SourceError
from tests.producers.forms_made import as_read, csv, plain, put, read, walk

BARS = walk()
HEADER = "Date,Open,High,Low,Close,Volume"
RECORDS = [dict(zip(HEADER.lower().split(","), (str(row[0]), *row[1:]), strict=True)) for row in BARS.rows()]


def currencies(found) -> dict[str, str | None]:
    return {ticker: batches[0].currency for ticker, batches in found.batches.items()}


@pytest.mark.parametrize(
    ("title", "code"),
    [
        ("Currency: EUR", "EUR"), ("Currency,EUR", "EUR"), ("Currency,EUR,,,,", "EUR"), ("Währung;EUR", "EUR"), ("Devise : EUR", "EUR"),
        ("Currency in USD", "USD"), ("Währung in EUR", "EUR"), ("(in GBp)", "GBp"), ("VODAFONE GROUP PLC (in GBp)", "GBp"),
        ("All prices in CHF.", "CHF"), ("Kurse in EUR", "EUR"), ("in SEK", "SEK"), ("Currency: pence", "GBp"), ("货币,HKD", "HKD"),
        ("Currency code: 978", "EUR"), ("Currency=GBX\nHistorical data", "GBp"), ("通貨：JPY", "JPY"), ("Cours en €", "EUR"),
    ],
)  # fmt: skip
def test_a_title_line_names_the_currency(tmp_path, title, code):
    found = read(put(tmp_path / "X1.csv", f"{title}\n{plain(BARS)}"))
    assert found.bars == {"X1": as_read(BARS)}
    assert currencies(found) == {"X1": code}
    assert f"X1: currency from a title line: {code}" in found.said


@pytest.mark.parametrize(
    "title",
    ["Volume in USD", "Market cap in USD", "Stocks in TOP 50", "Made in USA", "Allstate (ALL)", "Turnover in EUR", "Prices in all markets", "Currency:", "Currency: n/a"],
)  # fmt: skip
def test_other_title_lines_name_none(tmp_path, title):
    found = read(put(tmp_path / "X1.csv", f"{title}\n{plain(BARS)}"))
    assert found.bars == {"X1": as_read(BARS)}
    assert currencies(found) == {"X1": None}
    assert "currency" not in found.said


def test_a_title_line_that_names_no_known_currency_is_named(tmp_path):
    found = read(put(tmp_path / "X1.csv", f"Currency: Taler\n{plain(BARS)}"))
    assert currencies(found) == {"X1": None}
    assert "X1: a title line says 'Taler', which is no code as USD or GBp: not used" in found.said


@pytest.mark.parametrize(
    ("names", "code"),
    [
        ("Open (EUR),High (EUR),Low (EUR),Close (EUR)", "EUR"), ("Eröffnung in EUR,Hoch in EUR,Tief in EUR,Kurs in EUR", "EUR"),
        ("open_usd,high_usd,low_usd,close_usd", "USD"), ("Open,High,Low,Close (GBp)", "GBp"), ("Open [CHF],High [CHF],Low [CHF],Close [CHF]", "CHF"),
        ("Open (in GBX),High (in GBX),Low (in GBX),Close (in GBX)", "GBp"), ("Open in kr,High,Low,Close", None), ("Open,High,Low,Close ($)", None),
        ("始値(円),高値(円),安値(円),終値(円)", "JPY"), ("開盤價(元),最高價(元),最低價(元),收盤價(元)", None),
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["text", "json"])
def test_names_of_prices_name_the_currency(tmp_path, names, code, kind):
    header = f"Date,{names},Volume".split(",")
    rows = [(str(row[0]), *row[1:]) for row in BARS.rows()]
    text = csv(",".join(header), rows) if kind == "text" else json.dumps({"columns": header, "data": rows})
    if names.startswith("Open in kr"):
        with pytest.raises(SourceError, match="no column for open"):
            read(put(tmp_path / "X1.csv", text))
        return
    found = read(put(tmp_path / "X1.csv", text))
    assert found.bars == {"X1": as_read(BARS)}
    assert currencies(found) == {"X1": code}
    assert ("X1: currency from the header" in found.said) == (code is not None)


@pytest.mark.parametrize(
    ("units", "code"),
    [(",EUR,EUR,EUR,EUR,Stk", "EUR"), ("Currency,SEK,SEK,SEK,SEK,SEK", "SEK"), (",NOK,NOK,NOK,NOK,Antal", "NOK"), ("Unit,NOK,NOK,NOK,NOK,", "NOK"), (",GBp,GBp,GBp,GBp,", "GBp"), ("date,float,float,float,float,int", None)],
)  # fmt: skip
def test_a_row_of_units_names_the_currency(tmp_path, units, code):
    text = plain(BARS).replace(HEADER, f"{HEADER}\n{units}")
    found = read(put(tmp_path / "X1.csv", text))
    assert found.bars == {"X1": as_read(BARS)}
    assert currencies(found) == {"X1": code}


def test_a_row_that_may_be_of_tickers_or_of_units_is_refused(tmp_path):
    text = plain(BARS).replace(HEADER, f"{HEADER}\n,SEK,SEK,SEK,SEK,SEK")
    with pytest.raises(
        SourceError, match="row with 'SEK' may be of tickers or of the prices' currency; write Ticker or Currency"
    ):
        read(put(tmp_path / "X1.csv", text))


@pytest.mark.parametrize("tickers", [("ALL",), ("NOK",), ("COP", "TRY"), ("NOK", "SEK", "ALL")])
def test_symbols_that_are_currencies_as_well_stay_tickers(tmp_path, tickers):
    fields = ["Open", "High", "Low", "Close", "Volume"]
    above = (
        ",".join(["Price", *fields * len(tickers)]) + "\n" + ",".join(["Ticker", *(t for t in tickers for _ in fields)]) + "\n"
    )
    rows = [(row[0], *row[1:] * len(tickers)) for row in BARS.rows()]
    found = read(put(tmp_path / "x.csv", above + csv(f"Date{',' * 5 * len(tickers)}", rows)))
    assert found.bars == dict.fromkeys(tickers, as_read(BARS))
    assert currencies(found) == dict.fromkeys(tickers)


def test_tickers_side_by_side_have_a_currency_each_or_one(tmp_path):
    fields = ["Open", "High", "Low", "Close"] * 2
    rows = [(row[0], *row[1:5], *row[1:5]) for row in BARS.rows()]
    above = f"Price,{','.join(fields)}\nTicker{',SAP.DE' * 4}{',BP.L' * 4}\n"
    each = above + f"Currency{',EUR' * 4}{',GBp' * 4}\n" + csv(f"Date{',' * 8}", rows)
    assert currencies(read(put(tmp_path / "a" / "x.csv", each))) == {"SAP.DE": "EUR", "BP.L": "GBp"}
    one = "Currency: USD\n" + above + csv(f"Date{',' * 8}", rows)
    assert currencies(read(put(tmp_path / "b" / "x.csv", one))) == {"SAP.DE": "USD", "BP.L": "USD"}


def test_tickers_side_by_side_without_all_prices_are_refused_by_name(tmp_path):
    text = csv("Price,Close,Open,Volume,Low\nTicker,AAPL,AAPL,AAPL,AAPL\nDate,,,,", [row[:5] for row in BARS.rows()])
    with pytest.raises(SourceError, match="no column for high of any ticker; needed are date, open"):
        read(put(tmp_path / "x.csv", text))


@pytest.mark.parametrize(
    "text",
    [
        "Currency: EUR\nCurrency: USD\n" + plain(BARS),
        "Currency: EUR\nAll prices in USD\n" + plain(BARS),
        "Currency: EUR\n" + csv(f"{HEADER},Currency", [(*row, "USD") for row in BARS.rows()]),
        "Currency: EUR\n" + csv("Date,Open (USD),High (USD),Low (USD),Close (USD),Volume", BARS.rows()),
        csv("Date,Open (EUR),High (EUR),Low (EUR),Close (USD),Volume", BARS.rows()),
        csv("Date,Open (EUR),High (EUR),Low (EUR),Close (EUR),Volume,Currency", [(*row, "USD") for row in BARS.rows()]),
    ],
)
def test_two_currencies_are_refused_with_both(tmp_path, text):
    with pytest.raises(SourceError, match=r"several currencies \(EUR, USD\)"):
        read(put(tmp_path / "X1.csv", text))


def test_one_currency_that_stands_twice_is_one(tmp_path):
    text = "Currency: EUR\n" + csv(
        "Date,Open (EUR),High (EUR),Low (EUR),Close (EUR),Volume,Currency", [(*row, 978) for row in BARS.rows()]
    )
    assert currencies(read(put(tmp_path / "X1.csv", text))) == {"X1": "EUR"}


@pytest.mark.parametrize(
    "names",
    ["Open_BTC,High_BTC,Low_BTC,Close_BTC,Open_ETH,High_ETH,Low_ETH,Close_ETH", "Open,High,Low,Close USD,Close EUR,x,y,z", "Open (EUR),High,Low,Close in EUR,x,Close in CHF,y,z"],
)  # fmt: skip
def test_prices_that_differ_in_a_currency_or_coin_alone_are_refused(tmp_path, names):
    rows = [(*row[:5], *row[1:5]) for row in BARS.rows()]
    with pytest.raises(
        SourceError, match=r"one price in several currencies, or prices of several coins or currencies.*--read-as"
    ):
        read(put(tmp_path / "X1.csv", csv(f"Date,{names}", rows)))


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"meta": {"symbol": "SAP.DE", "currency": "EUR"}, "values": RECORDS}, {"SAP.DE": "EUR"}),
        ({"symbol": "AAPL", "currency": 840, "historical": RECORDS}, {"AAPL": "USD"}),
        ({"currency": "GBp", "bars": {"VOD.L": RECORDS, "BP.L": RECORDS}}, {"VOD.L": "GBp", "BP.L": "GBp"}),
        ([{"symbol": s, "currency": c, "historical": RECORDS} for s, c in (("SAP.DE", "EUR"), ("BP.L", "GBX"))], {"SAP.DE": "EUR", "BP.L": "GBp"}),
        ({"symbol": "AAPL", "historical": [{**record, "currency": 978} for record in RECORDS]}, {"AAPL": "EUR"}),
        ({"symbol": "AAPL", "historical": [{**record, "currency": 1} for record in RECORDS]}, {"AAPL": None}),
    ],
    ids=["meta", "number", "above symbols", "beside symbols", "numbers", "no number of a currency"],
)  # fmt: skip
def test_a_currency_in_json(tmp_path, answer, expected):
    found = read(put(tmp_path / "x.json", json.dumps(answer)))
    assert found.bars == dict.fromkeys(expected, as_read(BARS))
    assert currencies(found) == expected
