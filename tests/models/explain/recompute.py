"""Recomputes an explanation from what is printed of it, and from nothing else."""

from __future__ import annotations

import math
from typing import Any

import msgspec

from models.explain.explanation import Explanation

_FUNCTIONS: dict[str, Any] = {name: getattr(math, name) for name in ("exp", "expm1", "log", "log1p", "sqrt")} | {
    "min": min,
    "max": max,
    "__builtins__": {},
}


def recomputed(explanation: Explanation) -> dict[str, float]:
    """Every number by name: given numbers as printed, derived numbers from their formulas on recomputed numbers."""
    printed = msgspec.json.decode(msgspec.json.encode(explanation))
    values: dict[str, float] = {}
    for section in printed["sections"]:
        for quantity in section["quantities"]:
            formula = quantity.get("formula")
            # The formulas are this project's own, and no other names are in reach of them.
            values[quantity["name"]] = quantity["value"] if formula is None else eval(formula, _FUNCTIONS, values)
    return values
