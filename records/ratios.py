"""Simple ratios, as splits have them: 2:1, 3:2, 1:10."""

from __future__ import annotations

from fractions import Fraction


def simple_ratio(ratio: float, *, largest_denominator: int, tolerance: float) -> Fraction | None:
    """The simple ratio that a positive number is, or None if the nearest one differs by more than `tolerance`, relative to it.

    A ratio below 1 is the inverse of one above 1, so `largest_denominator` limits the smaller of the two sides.

    >>> simple_ratio(1.998, largest_denominator=2, tolerance=0.01), simple_ratio(0.1, largest_denominator=2, tolerance=0.01)
    (Fraction(2, 1), Fraction(1, 10))
    >>> simple_ratio(1.7, largest_denominator=2, tolerance=0.01) is None
    True
    """
    size = ratio if ratio > 1.0 else 1.0 / ratio
    simple = Fraction(size).limit_denominator(largest_denominator)
    if abs(size / float(simple) - 1.0) > tolerance:
        return None
    return simple if ratio > 1.0 else 1 / simple
