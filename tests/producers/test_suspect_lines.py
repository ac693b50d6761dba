"""Suspect bars in the output of a run: counted by rule, and the first of them."""

from __future__ import annotations

import datetime as dt

from producers.screen import suspect_lines
from records import Suspicion, SuspicionRule


def found(count: int, rule: SuspicionRule) -> list[Suspicion]:
    return [
        Suspicion("AAPL", dt.date(2024, 1, 2) + dt.timedelta(at), rule, "+20.0%, and -17.0% the next day")
        for at in range(count)
    ]


def test_few_are_all_listed() -> None:
    lines = list(suspect_lines(found(2, SuspicionRule.SPIKE)))
    assert lines[0] == "suspect bars: 2 (2 spike)"
    assert lines[1:] == [f"suspect: AAPL: 2024-01-0{day} spike: +20.0%, and -17.0% the next day" for day in (2, 3)]


def test_many_are_counted_by_rule_and_the_first_are_listed() -> None:
    lines = list(suspect_lines(found(33_000, SuspicionRule.SPIKE) + found(158, SuspicionRule.MISSING_SPLIT)))
    assert lines[0] == "suspect bars: 33,158 (33,000 spike, 158 missing_split)"
    assert len(lines) == 22
    assert lines[-1] == "… and 33,138 more; python -m producers check lists them"
