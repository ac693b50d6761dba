"""Classes of the reasons for which messages and models are refused: few and stable, so that they can label a metric."""

from __future__ import annotations

import re
from typing import Final

OTHER: Final = "other"
#: Of a refused message or bar; the first pattern that is found counts.
REJECTIONS: Final[tuple[tuple[str, re.Pattern[str]], ...]] = (
    ("suspect", re.compile(r"\bsuspect\b")),
    ("partition", re.compile(r"partitioner|in partition")),
    ("too_old", re.compile(r"too old|differs from the history")),
    ("future", re.compile(r"future|after tomorrow|not over|has not")),
    ("version", re.compile(r"schema version|upgrade")),
    ("training", re.compile(r"training|candidate")),
    ("key", re.compile(r"\bkey\b")),
    ("ticker", re.compile(r"ticker symbol|not a ticker")),
    ("date", re.compile(r"\bdate\b|twice|order")),
    ("volume", re.compile(r"volume")),
    ("price", re.compile(r"price|open|high|low|close|dividend|split|finite|positive")),
    ("format", re.compile(r"JSON|decode|type|column|length|Expected|missing|truncated|malformed|UTF-8", re.IGNORECASE)),
)
REJECTION_CLASSES: Final = (*(name for name, _ in REJECTIONS), OTHER)
#: Of a forecast without a trained model.
FALLBACKS: Final[tuple[tuple[str, re.Pattern[str]], ...]] = (
    (
        "too_few_bars",
        re.compile(r"bars.*needed|(?:bars|returns|label), .*needs|leave less than|features are missing|more history is needed"),
    ),
    ("not_trained_yet", re.compile(r"not trained yet")),
    ("process_died", re.compile(r"ended its process|killed|out of memory|superseded")),
    ("price_does_not_move", re.compile(r"does not move|never changes|hardly moves")),
    ("not_a_number", re.compile(r"no number|NaN|not finite")),
    ("drift", re.compile(r"displaced by")),
)


def rejection_class(reason: str) -> str:
    """The class of a rejection's reason."""
    return _class_of(reason, REJECTIONS)


def fallback_class(reason: str) -> str:
    """The class of a fallback's reason."""
    return _class_of(reason, FALLBACKS)


def _class_of(reason: str, classes: tuple[tuple[str, re.Pattern[str]], ...]) -> str:
    return next((name for name, pattern in classes if pattern.search(reason)), OTHER)
