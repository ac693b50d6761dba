"""Any bars, written in any combination of the forms, are read back equal, or refused by name; never other bars."""

from __future__ import annotations

import datetime as dt
import json
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from errors import SourceError
from tests.producers.forms_made import read

DAYS = [dt.date(2020, 1, 1) + dt.timedelta(days=at) for at in range(1800)]
SESSIONS = [day for day in DAYS if day.weekday() < 5]
#: Names of date, open, high, low, close, volume, and the encodings that have their letters.
HEADERS = {
    ("Date", "Open", "High", "Low", "Close", "Volume"): ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "ascii", "cp1252", "gbk"),
    ("<DATE>", "<OPEN>", "<HIGH>", "<LOW>", "<CLOSE>", "<VOL>"): ("utf-8", "utf-16", "cp1251"),
    ("Datum", "Eröffnung", "Höchst", "Tiefst", "Schluss", "Stücke"): ("utf-8", "utf-8-sig", "utf-16", "cp1252", "iso8859_15"),
    ("Fecha", "Apertura", "Máximo", "Mínimo", "Cierre", "Volumen"): ("utf-8", "utf-16", "cp1252"),
    ("日期", "开盘", "最高", "最低", "收盘", "成交量"): ("utf-8", "utf-16", "gbk", "gb18030"),
    ("日付", "始値", "高値", "安値", "終値", "出来高"): ("utf-8", "utf-16", "cp932", "euc_jp"),
    ("일자", "시가", "고가", "저가", "종가", "거래량"): ("utf-8", "euc_kr"),
    ("Дата", "Открытие", "Макс.", "Мин.", "Закрытие", "Объём"): ("utf-8", "cp1251", "utf-16"),
    ("Data", "Otwarcie", "Najwyższy", "Najniższy", "Zamknięcie", "Wolumen"): ("utf-8", "cp1250", "iso8859_2"),
    ("Tarih", "Açılış", "Yüksek", "Düşük", "Kapanış", "Hacim"): ("utf-8", "cp1254"),
}
DATES = {
    "%Y-%m-%d": None, "%Y/%m/%d": None, "%Y.%m.%d": None, "%Y%m%d": None, "%d.%m.%Y": None, "%d/%m/%Y": "day", "%m/%d/%Y": "month",
    "%d-%b-%Y": None, "%b %d %Y": None, "%Y-%m-%d 00:00:00": None, "%Y-%m-%dT00:00:00Z": None, "%d.%m.%y": None, "%y.%m.%d": None, "%d/%m/%y": None,
    "%m/%d/%y": None, "epoch": None, "epoch ms": None, "excel": None,
}  # fmt: skip


@st.composite
def tables(draw):
    first = draw(st.integers(0, len(SESSIONS) - 60))
    days = SESSIONS[first : first + draw(st.integers(12, 50))]
    level = draw(st.sampled_from([0.0004, 0.7, 15.5, 98.0, 990.0, 15_000.0, 2_500_000.0]))
    digits = draw(st.integers(0, 5)) if level > 90 else 8
    bars = []
    for day in days:
        level *= draw(st.floats(0.96, 1.04))
        opened = level * draw(st.floats(0.99, 1.01))
        prices = [round(v, digits) for v in (opened, max(opened, level) * 1.02, min(opened, level) * 0.98, level)]
        bars.append((day, *prices, draw(st.integers(1, 10**9))))
    return bars


def written(value: float, decimal: str, thousands: str, *, drop: bool) -> str:
    text = f"{value:,.8f}"
    if drop or value == int(value):
        text = text.rstrip("0").rstrip(".")
    return text.replace(",", "_").replace(".", decimal).replace("_", thousands)


def date_text(day: dt.date, form: str) -> str:
    seconds = (day - dt.date(1970, 1, 1)).days * 86_400
    return {"epoch": str(seconds), "epoch ms": str(seconds * 1000), "excel": str((day - dt.date(1899, 12, 30)).days)}.get(
        form, f"{day:{form}}" if "%" in form else ""
    )


@settings(max_examples=120)
@given(tables(), st.data())
def test_what_is_written_is_read_back_equal_or_refused(bars, data):
    header = data.draw(st.sampled_from(list(HEADERS)))
    encoding = data.draw(st.sampled_from(HEADERS[header]))
    sign = data.draw(st.sampled_from([",", ";", "\t", "|"]))
    decimal = data.draw(st.sampled_from([".", ","]))
    thousands = data.draw(st.sampled_from(["", "", " ", "'", "," if decimal == "." else "."]))
    drop = data.draw(st.booleans())
    form = data.draw(st.sampled_from(list(DATES)))
    order = data.draw(st.permutations(range(6)))
    newest_first = data.draw(st.booleans())
    end = data.draw(st.sampled_from(["\n", "\r\n", "\r"]))
    titles = data.draw(st.sampled_from([[], ["https://www.example.org"], ["Historical data", ""]]))
    footer = data.draw(
        st.sampled_from([[], ["Source: example.org"], [sign * 5, f"Total{sign * 5}"], ["Downloaded on 2025-01-31"]])
    )
    rows = []
    for day, *prices, volume in bars[::-1] if newest_first else bars:
        # Who groups the digits of prices groups those of volumes: `15.123` beside `451998` has three decimals.
        numbers = [
            *(written(price, decimal, thousands, drop=drop) for price in prices),
            written(volume, decimal, thousands, drop=True),
        ]
        cells = [date_text(day, form), *numbers]
        rows.append(sign.join(f'"{cells[at]}"' if sign in cells[at] else cells[at] for at in order))
    text = end.join([*titles, sign.join(header[at] for at in order), *rows, *footer]) + end
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ABC.csv"
        path.write_bytes(text.encode(encoding))
        try:
            found = read(path)
        except SourceError as error:
            assert "--read-as" in str(error), f"refused without the two readings: {error}"  # noqa: PT017
            return
    assert found.bars == {"ABC": [(str(day), *map(float, values)) for day, *values in bars]}
    assert found.rejected == []


JSON = {
    "records": lambda rows: rows,
    "columns": lambda rows: {name: [row[name] for row in rows] for name in rows[0]},
    "by date": lambda rows: {row["date"]: {name: row[name] for name in list(row)[1:]} for row in rows},
    "split": lambda rows: {"columns": list(rows[0]), "data": [list(row.values()) for row in rows]},
}


@settings(max_examples=60)
@given(tables(), st.data())
def test_numbers_of_json_are_read_back_equal(bars, data):
    names = ("date", "open", "high", "low", "close", "volume")
    form = data.draw(st.sampled_from(list(JSON)))
    grouped = data.draw(st.booleans())
    rows = [dict(zip(names, (str(day), *values), strict=True)) for day, *values in bars]
    if grouped:  # volumes as texts beside prices as numbers
        rows = [{**row, "volume": f"{row['volume']:,}"} for row in rows]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ABC.json"
        path.write_text(json.dumps(JSON[form](rows)))
        found = read(path)
    assert found.bars == {"ABC": [(str(day), *map(float, values)) for day, *values in bars]}
    assert found.rejected == []
