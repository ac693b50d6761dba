"""The source `sample`: real daily bars of AAPL, FB, GOOG, IBM and MSFT, 2000-03 to 2013-03, from the package bokeh-sampledata.

It has prices as printed and a close adjusted for splits and dividends; `producers.adjust` says what is made of them.
"""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import as_file, files

from producers.files import read_file
from producers.findings import Findings
from producers.forms.declared import Declared
from producers.opening import BarRequest, OpenedSource
from producers.raw import RawBars


def open_sample(request: BarRequest) -> OpenedSource:
    """As `producers.files.read_file`. The data file is read by its place: the package's own loaders need bokeh or pandas.

    Its bars are as of their last day, for the splits until then: that the package was installed later says nothing of them.
    How the file is read is not reported: it is always the same.
    """
    request.refuse_path("sample")
    with as_file(files("bokeh_sampledata") / "_data" / "stocks.csv.gz") as path:
        total, items = read_file(path, request.tickers, Declared(), Findings())
    return OpenedSource(total, (replace(item, fetched=None) if isinstance(item, RawBars) else item for item in items))
