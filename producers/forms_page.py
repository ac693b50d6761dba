"""The page of the forms that are read, docs/forms.md, made from the recogniser's own tables and examples."""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Iterator
from pathlib import Path

from producers.forms.containers import TABLES
from producers.forms.declared import DECLARABLE, Declared
from producers.forms.examples import EXAMPLES, Example
from producers.forms.vocabulary import COLUMNS
from producers.sources import Source, read_source
from records import BarBatch

_TODAY = dt.date(2024, 6, 28)
_HEAD = """# Forms of bars

Every form of file that is read, one example each, and what `python -m producers check` says of it. This page is made by
`python -m producers forms`, which reads the examples; a test holds it to that.

A file's form is recognised from its content: encoding, sign between columns, header rows, names of columns, order and kind of dates, decimal
sign, and where the ticker stands. It is printed (`read as: …`), with what was done to the bars and which files were passed over. A form with
two readings is refused with both; `--read-as key=value`, once for each key, says which is meant:

```sh
.venv/bin/python -m producers check --source file --path bars.csv --read-as dates=day.month.year
```

| key | value |
|---|---|
"""
_BARS = """
## What the bars themselves say

| found | by | what happens |
|---|---|---|
| weekly, monthly or other bars | the days between dates | refused; a file that is weekly in its older part says from where it is daily |
| weekly or monthly bars among daily bars | at weekends, or twice a date, with the highs and lows of the days beside them | refused |
| day and month exchanged up to the twelfth of a month | rows by date only if exchanged back; weekends up to the twelfth alone | refused |
| bars within the day | several times a date | refused |
| several series in one file | dates that repeat, levels that jump to and fro, or where a block of rows ends | split by the column that plainly names them, else refused |
| bars every two or three days | no two bars on successive days | refused |
| dates a day early | Sundays in place of Fridays, the exchange's zone | times in UTC or with an offset are taken on the exchange's clock; dates without times are refused |
| dividends and splits in the prices already | the price's moves on their days | not counted again; splits by which the price moved, on their day or beside it, are taken out |
| prices off by a power of ten | the bars before and after | held out, or brought into one unit ([suspect bars](suspects.md)) |
| years of Iran's or the Islamic calendar, the day in the middle | most years, the numbers there | refused; Taiwan's, Japan's and Buddhist years are read |
| coins' midnights of UTC, written in another zone | the offset behind the time | of their days in UTC |
| coins' bars that begin in East Asia | all times are 15:00 or 16:00 UTC | of the next day, in which they end |
| columns under each other's names | open or close outside low and high in a fifth of the bars | refused |
| a second table in the file | a title or a ticker between the bars | refused |
| weekends filled up | four fifths of the bars of such a weekday, or more, repeat the bar before or lie on a line to the next | they are left out; sessions at weekends stay |
| a date twice | the volumes | the larger volume is taken, it has seen more of the session |
| dates in three columns, year, month and day | their names, in any order | read; refused where their numbers make no dates |
| dates as counts of days | Monday to Friday, no bar on New Year and Christmas, from one day 0 alone | read as counts of SAS, Matlab, Python or since 1970; else refused with the readings |
| a long table: a row for each value | a column whose texts name open, high, low and close | read; two values of a field on one date are refused |
| JSON with tables under years, pages or numbers | their dates, one table behind the other, at one level | put together; else refused, or a ticker each where the dates contradict the years |
| empty rows, the header again | no date, no price; the header's names | passed over |
| totals above the bars, as `Latest,…` | a word and numbers; prices without a date there are rejected | passed over |
| sources, legends, totals | behind the last bar: no date and no price, or a word in place of the date | passed over; a row with prices and a damaged date is rejected |
| money before the volume, without a header row | it is the column behind it times the price, in any unit | refused with both readings |
| no volume, or always 0 | the column | read; no suspicion rests on it |

A symbol's suffix names its exchange, and with it calendar, sessions a year and currency; a bare code as `600519` names none, and none is
assumed. Prices in London are in pence (GBp), in Johannesburg and Tel Aviv in hundredths as well (ZAc, ILA). Nothing is converted.

A column of currencies counts before the symbol, since an exchange quotes some shares in another currency than most. `GBX`, `GBp` and `pence`
are pence there, `GBP` is pounds; where the symbol says otherwise, both are named. The currency goes with the bars into the forecast's row and
into a portfolio's warning of mixed currencies. Two currencies under one ticker are refused with both names. A text that names no currency, as a
lone `$`, is named and not used. ISO 4217's numbers are known, as 840.

A currency above the table counts as a column of it: in a title line (`Currency: EUR`, `Prices in USD`, `(in GBp)`), beside a JSON answer's
rows, in the names of the prices (`Close (EUR)`, `Kurs in EUR`), or in a row of units below them. Where two of these differ, the file is refused
with both. So is a row of one such code that may be of tickers as well, as `NOK`, if no word before it says which. So are prices whose names differ in a currency or coin alone, as `Close_BTC` and `Close_ETH`.

Messages on the topic have the field `currency` for this. For each bar the message that was fetched last counts, also if it names none. Two
currencies in a ticker's look-back hold its forecast back (`DOUBTFUL_SERIES`), until the older bars come again in one. A text or number that
names no currency is logged, and its bars are taken as if they named none.

A later file or message without a currency leaves the ticker's as it was: the newest bars of the look-back that name a currency say it for all.
If none of these names one, since they came again without a currency or newer bars took their place, the symbol's counts again.
"""


def forms_page() -> str:
    """The page. Raises SourceError for an example that is not read."""
    return "".join(_page())


def _page() -> Iterator[str]:
    yield _HEAD
    yield from (f"| `{key}` | {value} |\n" for key, value in DECLARABLE.items())
    yield f"\nFiles in a folder and its sub-folders are read by their ends, in any case: `{' '.join(TABLES)}`,\n"
    yield "compressed (`.gz`, `.bz2`, `.xz`, `.zst`) or in archives (`.zip`, `.tar`). Other files are listed as passed over. A file's name\n"
    yield "is its ticker (`AAPL.csv`, `aapl.us.txt`, `AAPL Historical Data.csv`); a name without one (`daily.csv`, `2024.csv`) leaves it to the\n"
    yield "folder, as `AAPL` or, of partitions, `ticker=AAPL`. Several files of one ticker are parts of one history if their dates differ. A\n"
    yield "workbook with several sheets is read sheet by sheet, each as a file that is named as the sheet is.\n"
    yield _BARS
    yield "\n## Examples\n"
    for example in EXAMPLES:
        yield from _section(example)
    yield "\n## Names of columns\n\nIn any case, with or without accents and signs. To add one, add it to `producers/forms/vocabulary.py`.\n\n"
    yield "```text\n"
    for ours, words in COLUMNS.items():
        yield f"{ours}: {', '.join(word.replace('_', ' ') for word in words.split() if word != '|')}\n"
    yield "```\n"


def _section(example: Example) -> Iterator[str]:
    yield f"\n### {example.title}\n\n"
    encoding = "" if example.encoding == "utf-8" else f", in {example.encoding}"
    declared = "".join(f" --read-as {text}" for text in example.declared)
    yield f"`{example.name}`{encoding}{declared and f', with `{declared.strip()}`'}:\n\n```text\n{example.text}```\n\n"
    batches, source = read_example(example)
    yield "```text\n"
    yield from (f"read as: {sentence}\n" for sentence in source.findings.forms)
    yield from (f"{', '.join(tickers)}: {note}\n" for note, tickers in source.findings.notes.items())
    yield from (f"passed over: {one.reason}\n" for one in source.findings.passed_over)
    yield from (f"{batch.ticker} {batch.date[-1]} closes at {batch.close[-1]:g}\n" for batch in batches)
    yield "```\n"


def read_example(example: Example) -> tuple[list[BarBatch], Source]:
    """The batches of an example, and their source. Raises SourceError."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / example.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(example.text.encode(example.encoding))
        source = read_source("file", path=Path(folder), today=_TODAY, declared=Declared.of(example.declared))
        return [item for item in source if isinstance(item, BarBatch)], source
