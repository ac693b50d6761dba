"""A request's limits in terms of the tickers that are optimized over."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from errors import RequestError
from marketdata.groups import known_sectors
from optimizer.frontier import GroupLimit, Limits, Turnover
from optimizer.request import AllocationRequest


def limits_of(request: AllocationRequest, tickers: Sequence[str], weight_cap: float) -> Limits:
    """The request's limits in terms of these tickers. Raises RequestError for a sector that does not exist."""
    sectors = known_sectors()
    unknown = [name for name in request.sector_limits if name not in set(sectors.values())]
    if unknown:
        raise RequestError(
            f"sector_limits: there is no sector {unknown[0][:40]!r}; there are {', '.join(sorted(set(sectors.values())))}"
        )
    groups = [
        GroupLimit(tuple(i for i, ticker in enumerate(tickers) if sectors.get(ticker) == name), limit)
        for name, limit in request.sector_limits.items()
    ]
    turnover = None
    if request.turnover_cost:
        held = request.current_weights
        elsewhere = sum(weight for ticker, weight in held.items() if ticker not in tickers)
        turnover = Turnover(np.array([held.get(ticker, 0.0) for ticker in tickers]), request.turnover_cost, elsewhere)
    return Limits(cap=request.weight_cap or weight_cap, groups=tuple(g for g in groups if g.members), turnover=turnover)
