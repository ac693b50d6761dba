"""Files and requests that the source `file` refuses, each with its reason."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from errors import SourceError, SourceRequestError
from producers.source_name import SourceName
from producers.sources import opener_of, read_source
from tests.producers.files import HEADER, LINES, TODAY, read, write


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("A.csv", b"", "has no bars"),
        ("A.csv", HEADER.encode(), "has no bars"),
        ("A.csv", b"\x00\xff\xfe\x00,\xff", "A.csv: "),
        ("A.csv", b"date,open,high,low,volume\n2024-01-02,1,1,1,1", "no column for close;.*found are 'date', 'open'"),
        ("A.csv.gz", b"\x1f\x8bnot gzip", "cannot be read"),
        ("A.parquet", b"", "has no bars"),
        ("A.parquet", b"PAR1 and nothing more", "cannot be read as Parquet"),
        ("my bars.csv", f"{HEADER}\n{LINES[0]}".encode(), "its own name is not a ticker; rename it"),
        ("A.xlsx", b"x", "has no bars"),
        ("A.csv", f"{HEADER}\n2024-01-02,1,1,1,x,1".encode(), "no usable bar"),
        ("A.csv", b"date,open,high,low,close,volume,Close\n2024-01-02,1,1,1,1,1,9\n", "'close', 'Close' mean the same"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(tmp_path, name: str, content: bytes, says: str):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SourceError, match=says) as error:
        read(tmp_path / name)
    assert "\n" not in str(error.value)


def test_what_is_asked_for_and_not_there(tmp_path):
    with pytest.raises(SourceError, match="no such file or folder"):
        read(tmp_path / "nothing.csv")
    with pytest.raises(SourceError, match="has no file of bars"):
        read(tmp_path)
    path = write(tmp_path / "all.csv", f"{HEADER},ticker", f"{LINES[0]},AAPL")
    with pytest.raises(SourceError, match="has no bars of IBM, MSFT; it has AAPL"):
        read(path, tickers=["MSFT", "AAPL", "IBM"])
    write(tmp_path / "GOOG.csv", HEADER, *LINES)
    with pytest.raises(SourceError, match="has no bars of MSFT; it has"):
        read(tmp_path, tickers=["GOOG", "MSFT"])
    with pytest.raises(SourceError, match="not a ticker: 'A B'"):
        read(path, tickers=["A B"])
    with pytest.raises(SourceError, match="no tickers"):
        read(path, tickers=[" "])
    with pytest.raises(SourceError, match="lies after"):
        read(path, start=TODAY, end=dt.date(2020, 1, 1))
    with pytest.raises(SourceError, match="no usable bar from 2024-02-01 to the end"):
        read(path, start=dt.date(2024, 2, 1))


def test_a_wrong_request_is_told_from_wrong_data_by_its_exit_code(tmp_path):
    path = write(tmp_path / "all.csv", f"{HEADER},ticker", f"{LINES[0]},AAPL")
    requests = ({"tickers": ["A B"]}, {"tickers": [" "]}, {"start": TODAY, "end": dt.date(2020, 1, 1)})
    for request in requests:
        with pytest.raises(SourceRequestError) as refused:
            read(path, **request)
        assert refused.value.exit_code == 2
    with pytest.raises(SourceRequestError, match="needs a path to a file of bars, or to a folder of them: --path BARS"):
        read_source("file", today=TODAY)
    with pytest.raises(SourceError) as refused:
        read(tmp_path / "nothing.csv")
    assert refused.value.exit_code == 1


def test_a_span_without_a_bar_says_which_days_there_are(tmp_path):
    path = write(tmp_path / "A.csv", HEADER, "2024-01-02,1,1,1,1,1", "2024-01-03,1,1,1,1,1")
    with pytest.raises(SourceError) as refused:
        read(path, end=dt.date(2001, 1, 1))
    expected = "the source file has no usable bar from the beginning to 2001-01-01, only from 2024-01-02 to 2024-01-03"
    assert str(refused.value) == expected


def test_bars_that_are_all_refused_are_counted_by_reason(tmp_path):
    rows = [f"2024-01-{day:02},1,-1,1,1,1,{name}" for day in (2, 3, 4) for name in ("A", "B")]
    path = write(tmp_path / "all.csv", f"{HEADER},ticker", *rows, "2024-01-05,1,1,1,x,1,B")
    with pytest.raises(SourceError) as refused:
        read(path)
    assert "no usable bar: 6 of A, B: high not positive; B: close" in str(refused.value)
    assert str(refused.value).endswith("python -m producers check lists them all")


def test_a_folder_without_bars_names_what_it_has(tmp_path):
    with pytest.raises(SourceError, match="below it; it is empty"):
        read(tmp_path)
    (tmp_path / "report.docx").write_text("x")
    with pytest.raises(SourceError, match=r"below it; passed over: report\.docx: its ending"):
        read(tmp_path)


def test_a_source_that_is_none():
    with pytest.raises(SourceError, match="unknown source 'web'; there are sample, file"):
        read_source("web", today=TODAY)
    with pytest.raises(SourceError, match="needs a path"):
        read_source("file", today=TODAY)
    with pytest.raises(SourceError, match="has no path"):
        read_source("sample", path=Path("x"), today=TODAY)


@pytest.mark.parametrize("name", SourceName)
def test_every_source_has_what_opens_it(name: SourceName):
    assert callable(opener_of(name))
