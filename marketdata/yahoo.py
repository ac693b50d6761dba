"""Daily bars from Yahoo by yfinance: asked again where that may help, with a reason for every ticker without an answer.

yfinance logs its failures instead of raising them, and answers with all-NaN columns or no rows at all: what it logs during a
call is taken as the reasons.
"""

from __future__ import annotations

import ast
import datetime as dt
import logging
import re
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import tenacity

from errors import ProviderError, RateLimitError
from marketdata.frames import TickerColumns, columns_by_ticker
from text import shortened

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger(__name__)

#: (tickers, first day, last day included, timeout in seconds) → a frame as `yfinance.download` returns it.
Download = Callable[[Sequence[str], dt.date, dt.date, float], "pd.DataFrame"]

RATE_LIMITED: Final = (
    "Yahoo refuses more requests from this address for now; wait an hour, then run again: only what is missing is asked"
)
NO_ANSWER: Final = "no bars in the answer: unknown or delisted, or nothing traded between the dates"
#: The last date that has a next date.
_LAST: Final = dt.date.max - dt.timedelta(days=1)
_RATE: Final = re.compile(r"too many requests|rate.?limit|\b429\b", re.IGNORECASE)
#: Asking again cannot help.
_GONE: Final = re.compile(r"\b404\b|no price data found|no data found|doesn't exist", re.IGNORECASE)
#: A dead network ends so, too: it cannot be helped only if other tickers of the batch came.
_DOUBTFUL: Final = re.compile(r"no timezone found|possibly delisted", re.IGNORECASE)
_FAILED: Final = re.compile(r"(\[.*?\]): (.*)", re.DOTALL)
_FAILED_ONE: Final = re.compile(r"[Ff]ailed to get ticker '([^']+)' reason: (.*)", re.DOTALL)
#: What curl says around its reason.
_CURL: Final = re.compile(r"Failed to perform, curl: |\.? See https://curl\.se\S* first for more details\.*")


@dataclass(frozen=True, slots=True)
class Budget:
    """How long and how often a batch of tickers is asked for.

    `rate_limit_seconds` is the first wait after a refusal for too many requests, the next waits double; 0 gives up at once.
    """

    timeout_seconds: float
    attempts: int
    deadline_seconds: float
    rate_limit_seconds: float = 0.0


@dataclass(slots=True)
class Answer:
    """Columns of the tickers that came, and of each of the others the reason."""

    columns: dict[str, TickerColumns] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    rate_limited: bool = False


class _AskAgainError(ProviderError):
    """Some tickers may come with the next attempt."""


class _RefusedError(_AskAgainError, RateLimitError):
    """Too many requests."""


def download_yfinance(tickers: Sequence[str], start: dt.date, end: dt.date, timeout: float) -> pd.DataFrame:
    """Raw daily bars with actions, and the adjusted close beside. The library takes a second to import: only when asked."""
    import yfinance  # noqa: PLC0415

    with warnings.catch_warnings():  # it is not up to what pandas 3.1 deprecates; its frames are right
        warnings.simplefilter("ignore", DeprecationWarning)
        frame: pd.DataFrame = yfinance.download(
            list(tickers),
            start=start.isoformat(),
            end=(min(end, _LAST) + dt.timedelta(days=1)).isoformat(),  # yfinance leaves the end date out
            auto_adjust=False,
            actions=True,
            group_by="column",
            progress=False,
            threads=False,  # a dozen at once is what brings rate limits, and its worker threads outlive a time-out
            timeout=timeout,
            multi_level_index=True,
        )
    return frame


def fetch(
    tickers: Sequence[str],
    start: dt.date,
    end: dt.date,
    download: Download,
    budget: Budget,
    *,
    sleep: Callable[[float], None] = time.sleep,
) -> Answer:
    """What the provider has of one batch of tickers from `start` to `end`, both included.

    Failures that may pass are asked for again, with growing, jittered waits, as the budget allows; what came is kept. Raises
    nothing for a ticker without an answer; ProviderError for an answer of a shape that is not known.
    """
    answer = Answer()
    gone: set[str] = set()

    def attempt() -> None:
        wanted = [ticker for ticker in tickers if ticker not in answer.columns and ticker not in gone]
        reasons = _ask(wanted, start, end, download, budget.timeout_seconds, answer)
        answer.failed = {ticker: reason for ticker, reason in answer.failed.items() if ticker in gone} | reasons
        answer.rate_limited = any(_RATE.search(reason) for reason in reasons.values())
        if answer.rate_limited:
            raise _RefusedError(RATE_LIMITED)
        gone.update(ticker for ticker, reason in reasons.items() if _is_final(reason, others_came=bool(answer.columns)))
        left = [ticker for ticker in reasons if ticker not in gone]
        if left:
            raise _AskAgainError(f"no bars of {shortened(left)}: {reasons[left[0]]}")

    rate_limit_wait = tenacity.wait_exponential_jitter(multiplier=budget.rate_limit_seconds, max=8 * budget.rate_limit_seconds)
    usual_wait = tenacity.wait_exponential_jitter(multiplier=0.5, max=5.0)

    def wait(state: tenacity.RetryCallState) -> float:
        return (rate_limit_wait if answer.rate_limited else usual_wait)(state)

    def worth_asking(error: BaseException) -> bool:
        return isinstance(error, _AskAgainError) and (budget.rate_limit_seconds > 0 or not isinstance(error, RateLimitError))

    try:
        tenacity.Retrying(
            stop=tenacity.stop_after_attempt(budget.attempts) | tenacity.stop_before_delay(budget.deadline_seconds),
            wait=wait,
            retry=tenacity.retry_if_exception(worth_asking),
            before_sleep=tenacity.before_sleep_log(logger, logging.WARNING),
            sleep=sleep,
            reraise=True,
        )(attempt)
    except _AskAgainError as error:
        logger.warning("no answer from Yahoo count=%d reason=%s", len(answer.failed), error)
    if answer.rate_limited:
        answer.failed = {ticker: RATE_LIMITED if _RATE.search(text) else text for ticker, text in answer.failed.items()}
    return answer


def _ask(
    tickers: Sequence[str], start: dt.date, end: dt.date, download: Download, timeout: float, answer: Answer
) -> dict[str, str]:
    """Add what comes to the answer; the others with the reasons that yfinance logged."""
    with _logged_failures() as logged:
        try:
            frame = download(tickers, start, end, timeout)
        except Exception as error:  # noqa: BLE001 - yfinance raises what its HTTP, JSON and SQLite libraries raise
            reason = f"{type(error).__name__}: {error}"
            logger.warning("download failed tickers=%s reason=%s", shortened(tickers), reason)
            return dict.fromkeys(tickers, reason)
    answer.columns |= columns_by_ticker(frame, tickers)
    return {ticker: logged.get(ticker, NO_ANSWER) for ticker in tickers if ticker not in answer.columns}


def _is_final(reason: str, *, others_came: bool) -> bool:
    return bool(_GONE.search(reason)) or (others_came and (reason == NO_ANSWER or bool(_DOUBTFUL.search(reason))))


@contextmanager
def _logged_failures() -> Iterator[dict[str, str]]:
    """Ticker → reason of what yfinance logs in this thread; those records go no further, `fetch` tells of them better."""
    reasons: dict[str, str] = {}
    thread = threading.get_ident()

    def take(record: logging.LogRecord) -> bool:
        if record.thread != thread or record.levelno < logging.ERROR:
            return True
        text = record.getMessage()
        if one := _FAILED_ONE.search(text):
            reasons[one[1].upper()] = _CURL.sub("", one[2]).strip()
        elif several := _FAILED.search(text):
            for ticker in ast.literal_eval(several[1]):
                reasons.setdefault(ticker, _CURL.sub("", several[2]).strip())
        return False

    library = logging.getLogger("yfinance")
    library.addFilter(take)
    try:
        yield reasons
    finally:
        library.removeFilter(take)
