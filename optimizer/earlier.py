"""Forecasts as of earlier dates: an end date some sessions before the newest bar is served by what its own bars say.

The table has the newest row of each ticker alone. A process of its own (`streams.earlier`) makes the rows of an earlier date,
of the bars and models in the state folder. It starts with the first request that needs it, and ends with this process.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import logging
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from errors import ForecastingError, StateError
from optimizer.progress import Progress, no_progress
from records import Forecast, decode_forecast
from settings import Settings
from state.earlier_messages import Answer, Question, encode_message, read_message, too_early

logger = logging.getLogger(__name__)

#: Rows that one question asks for: half a second of a free core. The first answer also compiles the features, once per machine.
_PART: Final = 50
DEADLINE_SECONDS: Final = 300.0
#: After a failure no process is started for this long.
PAUSE_SECONDS: Final = 60.0
#: Answers that are kept: those of two dates of a table of 500.
_KEPT: Final = 20
#: Days beside the weekends that the longest holidays (Shanghai at the lunar new year) add to a number of sessions.
_HOLIDAYS: Final = 15
_SECRETS: Final = {"api_token", "kafka_password"}
_FAILED: Final = "forecasts of earlier dates cannot be made now; the log has the reason"


@dataclass(frozen=True, slots=True)
class Earlier:
    """Rows as of an earlier date, the same objects while their bars and models stay the same; why others have none."""

    rows: Sequence[Forecast]
    missing: Mapping[str, str]


class EarlierForecasts:
    """Asks the process for rows, one question at a time. Thread-safe; `close` ends the process and any wait for it."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._mutex = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._answers: dict[tuple[dt.date, tuple[str, ...]], tuple[str, Earlier]] = {}
        self._failed_at: float | None = None
        self._closed = False

    @property
    def pid(self) -> int | None:
        """The id of the process, None while it is not running."""
        process = self._process
        return None if process is None else process.pid

    def rows(self, date: dt.date, tickers: Sequence[str], progress: Progress = no_progress) -> Earlier:
        """The rows of the newest bars up to `date`; where there are none, the reasons."""
        parts = []
        for start in range(0, len(tickers), _PART):
            progress(36 + 12 * start // len(tickers), f"Making forecasts as of {date}: {start} of {len(tickers)} tickers")
            parts.append(self._part(date, tuple(tickers[start : start + _PART])))
        missing = {ticker: reason for part in parts for ticker, reason in part.missing.items()}
        return Earlier([row for part in parts for row in part.rows], missing)

    def _part(self, date: dt.date, tickers: tuple[str, ...]) -> Earlier:
        key = (date, tickers)
        with self._mutex:
            if self._failed_at is not None and self._clock() - self._failed_at < PAUSE_SECONDS:
                return Earlier((), dict.fromkeys(tickers, _FAILED))
            revision, known = self._answers.get(key, ("", Earlier((), {})))
            try:
                answer = self._ask(Question(date, tickers, revision))
                if answer.rows is not None:
                    known = Earlier([decode_forecast(row) for row in answer.rows], answer.missing)
            except (ForecastingError, OSError, msgspec.MsgspecError) as error:
                logger.warning("no earlier forecasts date=%s reason=%s", date, error)
                self._failed_at = self._clock()
                self._end()
                return Earlier((), dict.fromkeys(tickers, _FAILED))
            self._failed_at = None
            self._answers.pop(key, None)
            self._answers[key] = (answer.revision, known)
            while len(self._answers) > _KEPT:
                self._answers.pop(next(iter(self._answers)))
            return known

    def close(self) -> None:
        """End the process; again does nothing. A thread that waits for an answer gets the reason."""
        self._closed = True
        process = self._process
        if process is not None:
            process.kill()
        with self._mutex:
            self._end()

    def _ask(self, question: Question) -> Answer:
        with contextlib.suppress(BrokenPipeError, _EndedError):
            return self._answer(question)
        # It has ended since the last question, as it does after ten minutes without any: start another.
        self._end()
        return self._answer(question)

    def _answer(self, question: Question) -> Answer:
        process = self._process or self._start()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(encode_message(question))
        process.stdin.flush()
        source, deadline = process.stdout.fileno(), self._clock() + DEADLINE_SECONDS

        def read(count: int) -> bytes:
            parts = []
            while count:
                if not select.select([source], [], [], max(0.0, deadline - self._clock()))[0]:
                    raise StateError(f"no answer within {DEADLINE_SECONDS:g} s")
                part = os.read(source, min(count, 1 << 20))
                if not part:
                    raise _EndedError("the process for earlier forecasts has ended; its own log lines say why")
                parts.append(part)
                count -= len(part)
            return b"".join(parts)

        answer = read_message(read, Answer)
        assert answer is not None
        return answer

    def _start(self) -> subprocess.Popen[bytes]:
        if self._closed:
            raise StateError("the service is stopping")
        process = subprocess.Popen(
            [sys.executable, "-m", "streams.earlier"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
            # Ctrl-C in a terminal is for the service, which then ends this process.
            process_group=0,
        )
        self._process = process
        assert process.stdin is not None
        values = self._settings.model_dump(mode="json", exclude=_SECRETS)
        process.stdin.write(encode_message(values | {"state_dir": str(self._settings.state_dir.absolute())}))
        return process

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            # What is left of a question that a dead process did not read.
            with contextlib.suppress(OSError):
                if pipe is not None:
                    pipe.close()


class _EndedError(StateError):
    """The process has ended, by itself or by a defect."""


def servable(rows: Sequence[Forecast], end: dt.date, settings: Settings) -> tuple[list[str], dict[str, str]]:
    """The tickers of rows later than `end` for which a row as of that date may be made; why not of the others.

    Dates that are surely too early are refused here: the process would read every history to count its bars.
    """
    limit, ours = settings.earlier_sessions, settings.forecast_hash
    able: list[str] = []
    missing: dict[str, str] = {}
    for row in rows:
        if row.settings_hash != ours:
            missing[row.ticker] = (
                f"it was made under other forecast settings ({row.settings_hash}) than this service has ({ours}), so no "
                "earlier row can be made: start the service with the same settings"
            )
        elif (row.as_of - end).days > 2 * limit + _HOLIDAYS:
            missing[row.ticker] = too_early(None, limit)
        else:
            able.append(row.ticker)
    return able, missing
