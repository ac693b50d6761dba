"""The source `sample`: real daily bars of AAPL, FB, GOOG, IBM and MSFT, 2000-03 to 2013-03, from the package bokeh-sampledata.

It has prices as printed and a close adjusted for splits and dividends; `producers.adjust` says what is made of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from importlib.resources import as_file, files

from producers.files import read_file
from producers.findings import Findings
from producers.forms.declared import Declared
from producers.raw import RawBars
from records import RejectedBar


def read_sample(tickers: frozenset[str] | None, findings: Findings) -> tuple[int | None, Iterator[RawBars | RejectedBar]]:
    """As `producers.files.read_file`. The data file is read by its place: the package's own loaders need bokeh or pandas.

    Its bars are as of their last day, for the splits until then: that the package was installed later says nothing of them.
    """
    with as_file(files("bokeh_sampledata") / "_data" / "stocks.csv.gz") as path:
        total, items = read_file(path, tickers, Declared(), findings)
    return total, (replace(item, fetched=None) if isinstance(item, RawBars) else item for item in items)
