"""The source `file`: the forms that people's files really have, and the reasons for unusable files."""

from __future__ import annotations

import datetime as dt
import gzip
import os

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from errors import SourceError
from producers.raw import BARS_PER_BATCH
from producers.sources import read_source
from records import validate_batch
from tests.producers.files import EXPECTED, HEADER, LINES, TODAY, read, write


@pytest.mark.parametrize(
    ("header", "change"),
    [
        (HEADER, lambda line: line),
        ("Date,Open,High,Low,Close,Volume", lambda line: line),
        ("timestamp,open,high,low,close,vol", lambda line: line),
        ("Unnamed: 0,Date,Open,High,Low,Close,Volume", lambda line: f"7,{line}"),
        (",open,high,low,close,volume", lambda line: line),
        ("Unnamed: 0,open,high,low,close,volume", lambda line: line),
        ("Datetime,Open,High,Low,Close,Volume", lambda line: line[:10] + " 00:00:00-05:00" + line[10:]),
        (HEADER, lambda line: line[:10] + "T16:00:00Z" + line[10:]),
        (HEADER, lambda line: line[:10].replace("-", "") + line[10:]),
        ("Date,Open,High,Low,Close,Volume,Market,Note", lambda line: line + ",US,some text"),
        (HEADER, lambda line: line[:11] + ",".join(f" {field} " for field in line[11:].split(","))),
    ],
)
def test_a_csv_of_one_ticker(tmp_path, header, change):
    assert read(write(tmp_path / "aapl.csv", header, *map(change, LINES))) == ({"AAPL": EXPECTED}, [])


def test_an_exchange_s_download_with_dollars_and_thousands(tmp_path):
    path = write(
        tmp_path / "X.csv", "Date,Close/Last,Volume,Open,High,Low", '2024-01-02,$1005.50,"1,234,567","$1,000.00",$1011,$999'
    )
    assert read(path)[0] == {"X": [("2024-01-02", 1005.5, 1234567.0)]}
    # "10,5" is ten and a half beside "10.5": the two contradict each other.
    with pytest.raises(SourceError, match="has a decimal point and '10,5' a decimal comma; say which: --read-as decimal"):
        read(write(tmp_path / "Y.csv", HEADER, *LINES, '2024-01-05,"10,5",11,9,10,1'))


@pytest.mark.parametrize("column", ["ticker", "Symbol", "Name", "TICKER"])
def test_a_long_csv_of_many_tickers_in_any_order(tmp_path, column):
    lines = [f"{line},{name}" for line in reversed(LINES) for name in ("MSFT", "aapl", "BRK.B")]
    found, rejected = read(write(tmp_path / "all.csv", f"{HEADER},{column}", *lines))
    assert list(found) == ["AAPL", "BRK-B", "MSFT"]
    assert all(bars == EXPECTED for bars in found.values())
    assert rejected == []


def test_the_ticker_column_wins_over_a_company_name(tmp_path):
    assert list(read(write(tmp_path / "all.csv", f"{HEADER},name,symbol", f"{LINES[0]},Apple Inc.,AAPL"))[0]) == ["AAPL"]


def test_a_compressed_csv(tmp_path):
    path = tmp_path / "AAPL.csv.gz"
    path.write_bytes(gzip.compress("\n".join([HEADER, *LINES]).encode()))
    assert read(path)[0] == {"AAPL": EXPECTED}


DATES = [dt.datetime(2024, 1, 2), dt.datetime(2024, 1, 3), dt.datetime(2024, 1, 4)]  # noqa: DTZ001 - some columns have no zone
VALUES = {"Open": [10, 10.5, 11], "High": [11, 12, 11.5], "Low": [9, 10, 10.5], "Close": [10.5, 11, 10.8]}


@pytest.mark.parametrize(
    ("name", "dates"),
    [
        ("Date", pa.array(DATES, pa.timestamp("ns"))),
        ("Date", pa.array([date.date() for date in DATES], pa.date32())),
        ("date", pa.array([str(date.date()) for date in DATES])),
        ("date", pa.array([int(f"{date:%Y%m%d}") for date in DATES])),
        ("__index_level_0__", pa.array(DATES, pa.timestamp("us"))),
        # Midnight in New York is five o'clock in UTC, which is how it is kept.
        ("Date", pa.array([date + dt.timedelta(hours=5) for date in DATES], pa.timestamp("ns", tz="America/New_York"))),
        ("Date", pa.array([date - dt.timedelta(hours=9) for date in DATES], pa.timestamp("ms", tz="Asia/Tokyo"))),
    ],
    ids=str,
)
@pytest.mark.parametrize(
    "volume", [pa.array([1000, 2000, 3000], pa.int64()), pa.array([1000.0, 2000.0, 3000.0], pa.float32())], ids=["int", "float"]
)
def test_a_parquet_of_one_ticker(tmp_path, name, dates, volume):
    table = pa.table({**VALUES, "Volume": volume, name: dates})
    pq.write_table(table, tmp_path / "AAPL.parquet")
    assert read(tmp_path / "AAPL.parquet") == ({"AAPL": EXPECTED}, [])


def test_missing_values_in_a_parquet_cost_their_own_bars(tmp_path):
    table = pa.table(
        {
            "date": pa.array([DATES[0], None, DATES[1], DATES[2]], pa.timestamp("ns")),
            "symbol": pa.array(["AAPL", "AAPL", None, "AAPL"]).dictionary_encode(),
            **{name.lower(): [values[0], values[0], values[1], None] for name, values in VALUES.items()},
            "volume": [1000, 1000, 2000, 3000],
        }
    )
    pq.write_table(table, tmp_path / "all.parquet")
    found, rejected = read(tmp_path / "all.parquet")
    assert found == {"AAPL": EXPECTED[:1]}
    assert {(bar.ticker, bar.date, bar.reason) for bar in rejected} == {
        ("", str(DATES[1]), "not a ticker"),
        ("AAPL", "None", "not a date (YYYY-MM-DD)"),
        ("AAPL", "2024-01-04", "open missing or not a finite number"),
    }


def test_bad_rows_of_a_csv_cost_their_own_bars(tmp_path):
    path = write(
        tmp_path / "all.csv",
        f"{HEADER},ticker",
        f"{LINES[0]},AAPL",
        "2024-01-03,n/a,12,10,11,2000,AAPL",
        "02/01/2024,10,11,9,10,1,AAPL",
        "2024-01-04,1,2",
        "2024-01-04,11,11.5,10.5,10.8,3000,no ticker",
        "2024-07-01,11,11.5,10.5,10.8,3000,AAPL",
        f"{LINES[2]},NA",
    )
    found, rejected = read(path)
    assert found == {"AAPL": EXPECTED[:1], "NA": EXPECTED[2:]}
    assert {(bar.ticker, bar.date): bar.reason for bar in rejected} == {
        ("", "2024-01-04,1,2"): "a line with another number of fields than the header has",
        ("no ticker", "2024-01-04"): "not a ticker",
        ("AAPL", "2024-01-03"): "open missing or not a finite number",
        ("AAPL", "02/01/2024"): "not a date (YYYY-MM-DD)",
        (
            "AAPL",
            "2024-07-01",
        ): "date in the future (today is 2024-06-28)",
    }


def test_a_folder_of_one_file_per_ticker(tmp_path):
    write(tmp_path / "msft.csv", HEADER, *LINES)
    pq.write_table(pa.table({"Date": DATES, **VALUES, "Volume": [1000, 2000, 3000]}), tmp_path / "AAPL.parquet")
    write(tmp_path / "notes.txt", "not bars")
    assert read(tmp_path) == ({"AAPL": EXPECTED, "MSFT": EXPECTED}, [])
    assert read(tmp_path, tickers=["msft"]) == ({"MSFT": EXPECTED}, [])


def test_a_bad_file_in_a_folder_does_not_stop_the_others(tmp_path):
    write(tmp_path / "AAPL.csv", HEADER, *LINES)
    write(tmp_path / "IBM.csv", "date,price", "2024-01-02,1")
    write(tmp_path / "MSFT.csv", f"{HEADER},ticker", f"{LINES[0]},GOOG")
    (tmp_path / "ZM.parquet").write_bytes(b"no parquet")
    found, rejected = read(tmp_path)
    assert found == {"AAPL": EXPECTED}
    assert [bar.ticker for bar in rejected] == ["IBM", "ZM", "GOOG"]
    assert "has no row with a date and prices; it begins with 'date,price'" in rejected[0].reason
    assert "another ticker (GOOG) than the file's name" in rejected[2].reason
    assert "has no bars; a header and at least one row are needed" in rejected[1].reason


def test_two_files_of_one_ticker_are_not_mixed(tmp_path):
    write(tmp_path / "aapl.csv", HEADER, *LINES)
    write(tmp_path / "AAPL.csv.txt", HEADER, *LINES)
    write(tmp_path / "IBM.csv", HEADER, *LINES)
    found, rejected = read(tmp_path)
    assert found == {"IBM": EXPECTED}
    (refused,) = rejected
    assert refused.reason.endswith("are all of AAPL and have the same dates; keep one of them")
    assert "aapl.csv" in refused.reason
    assert "AAPL.csv.txt" in refused.reason


def test_prices_are_adjusted_by_the_adjusted_close(tmp_path):
    lines = ["2024-01-02,10,11,9,10,1000,4", "2024-01-03,5.2,6,5,5.5,2000,5.5"]
    batch = next(read_source("file", path=write(tmp_path / "A.csv", f"{HEADER},Adj Close", *reversed(lines)), today=TODAY))
    # A factor of 0.4 that jumps by 2.5, which is a split of five for two; volume in today's shares.
    assert batch.open == [4.0, 5.2]
    assert np.allclose(batch.high, [4.4, 6.0])
    assert (batch.close, batch.volume) == ([4.0, 5.5], [2500.0, 2000.0])
    assert batch.dividend is None


def test_a_bar_without_its_adjusted_close_is_refused(tmp_path):
    found, rejected = read(write(tmp_path / "A.csv", f"{HEADER},Adj Close", f"{LINES[0]},", f"{LINES[1]},11", f"{LINES[2]},0"))
    assert found == {"A": EXPECTED[1:2]}
    assert [(bar.date, bar.reason) for bar in rejected] == [
        (date, "adjusted close missing or not positive; --read-as prices=raw leaves that column out")
        for date in ("2024-01-02", "2024-01-04")
    ]


def test_dividends_are_kept_where_prices_are_not_adjusted_for_them(tmp_path):
    path = write(tmp_path / "A.csv", f"{HEADER},Dividends", f"{LINES[0]},0", f"{LINES[1]},0.25")
    batch = next(read_source("file", path=path, today=TODAY))
    assert batch.dividend == [0.0, 0.25]


def test_long_histories_come_in_batches_that_validate_again(tmp_path):
    days = [dt.date(2022, 1, 1) + dt.timedelta(at) for at in range(2 * BARS_PER_BATCH + 1)]
    path = write(tmp_path / "A.csv", HEADER, *(f"{day},10,11,9,10,5" for day in days))
    source = read_source("file", path=path, today=TODAY)
    assert source.bars_total == len(days)
    batches = list(source)
    assert [len(batch.date) for batch in batches] == [BARS_PER_BATCH, BARS_PER_BATCH, 1]
    assert [date for batch in batches for date in batch.date] == [str(day) for day in days]
    assert len({(batch.as_of, batch.as_of_time) for batch in batches}) == 1
    assert all(validate_batch(batch, today=TODAY)[1] == [] for batch in batches)


@pytest.mark.parametrize(
    ("written", "edition"),
    [
        ("2024-06-28 10:30", "2024-06-28 10:30"),
        ("2024-03-01 23:59", "2024-03-01 23:59"),
        ("2024-06-29 00:01", "2024-06-28 00:00"),  # a clock that is ahead
        ("1980-01-01 00:00", "2024-01-04 00:00"),  # an archive that keeps no times: not before its newest bar
    ],
)
@pytest.mark.parametrize("folder", [False, True])
def test_a_file_is_of_when_it_was_written_whenever_and_how_much_of_it_is_read(tmp_path, folder, written, edition):
    path = write(tmp_path / "ABC.csv", HEADER, *LINES)
    at = dt.datetime.fromisoformat(f"{written}Z").timestamp()
    os.utime(path, (at, at))
    for end in (None, dt.date(2024, 1, 2)):
        (batch,) = read_source("file", path=tmp_path if folder else path, today=TODAY, end=end)
        assert dt.datetime.combine(batch.as_of, batch.as_of_time) == dt.datetime.fromisoformat(edition)


def test_of_a_folder_each_file_has_its_own_time(tmp_path):
    for ticker, day in (("ABC", 1), ("DEF", 2)):
        at = dt.datetime(2024, 6, day, tzinfo=dt.UTC).timestamp()
        os.utime(write(tmp_path / f"{ticker}.csv", HEADER, *LINES), (at, at))
    found = {batch.ticker: batch.as_of.day for batch in read_source("file", path=tmp_path, today=TODAY)}
    assert found == {"ABC": 1, "DEF": 2}


def test_a_link_that_leads_nowhere_does_not_stop_a_folder(tmp_path):
    write(tmp_path / "ABC.csv", HEADER, *LINES)
    (tmp_path / "gone.txt").symlink_to(tmp_path / "nowhere")
    assert read(tmp_path)[0] == {"ABC": EXPECTED}


def test_start_and_end_are_both_included(tmp_path):
    path = write(tmp_path / "A.csv", HEADER, *LINES, "2023-01-02,x,1,1,1,1")
    assert read(path, start=dt.date(2024, 1, 3), end=dt.date(2024, 1, 3)) == ({"A": EXPECTED[1:2]}, [])
