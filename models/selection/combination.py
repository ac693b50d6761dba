"""The served forecast: the safe baseline, moved towards the best candidate by a weight that the evidence allows."""

from __future__ import annotations

from typing import Final, Self

import msgspec
import numpy as np

from models.candidates.har import HarModel
from models.contract import HorizonForecast
from models.selection.evidence import weight
from records import CandidateScore, Opinion

#: The candidate that serves unless another one proves better.
BASELINE: Final = HarModel.name


class Combination(msgspec.Struct, frozen=True, kw_only=True):
    """Which candidates make the served forecast. Without the baseline among them, the best one stands in for it."""

    return_base: str
    return_best: str
    return_weight: float
    volatility_base: str
    volatility_best: str
    volatility_weight: float

    @classmethod
    def of_scores(cls, scores: tuple[CandidateScore, ...]) -> Self | None:
        """From the scores of the candidates that did not fail, in the order that settles ties; None without any."""
        if not scores:
            return None
        by_name = {score.model: score for score in scores}
        return_best = min(scores, key=lambda s: np.inf if s.return_rmse is None else s.return_rmse)
        volatility_best = min(scores, key=lambda s: np.inf if s.qlike is None else s.qlike)
        return cls(
            return_base=BASELINE if BASELINE in by_name else return_best.model,
            return_best=return_best.model,
            return_weight=0.0 if return_best.return_evidence is None else weight(return_best.return_evidence),
            volatility_base=BASELINE if BASELINE in by_name else volatility_best.model,
            volatility_best=volatility_best.model,
            volatility_weight=0.0 if volatility_best.variance_evidence is None else weight(volatility_best.variance_evidence),
        )

    @property
    def return_model(self) -> str:
        """Name of what serves the return: the best candidate if it has weight, else what stands at the base."""
        return self.return_best if self.return_weight > 0.0 else self.return_base

    @property
    def volatility_model(self) -> str:
        """As `return_model`, of the volatility."""
        return self.volatility_best if self.volatility_weight > 0.0 else self.volatility_base

    @property
    def names(self) -> frozenset[str]:
        """The candidates that it needs."""
        return frozenset((self.return_base, self.return_best, self.volatility_base, self.volatility_best))

    def displaced(self, *, returns: bool, volatility: bool) -> Self:
        """The combination in which the baseline alone serves the return, the volatility, or both."""
        return msgspec.structs.replace(
            self,
            return_weight=0.0 if returns else self.return_weight,
            volatility_weight=0.0 if volatility else self.volatility_weight,
        )

    def forecast(self, opinions: dict[str, HorizonForecast]) -> HorizonForecast:
        """The served forecast from each candidate's. KeyError where one that it needs is missing."""
        return HorizonForecast(
            blend_returns(
                opinions[self.return_base].horizon_return, opinions[self.return_best].horizon_return, self.return_weight
            ),
            blend_variances(
                opinions[self.volatility_base].daily_variance,
                opinions[self.volatility_best].daily_variance,
                self.volatility_weight,
            ),
        )


def blend_returns(base: float, other: float, share: float) -> float:
    """`base` moved towards `other` by `share`."""
    return base + share * (other - base)


def blend_variances(base: float, other: float, share: float) -> float:
    """As `blend_returns`, in logs."""
    return float(base * (other / base) ** share)


def as_opinions(answers: dict[str, HorizonForecast]) -> tuple[Opinion, ...]:
    """Each candidate's forecast as it stands in a row."""
    return tuple(
        Opinion(model=name, horizon_return=answer.horizon_return, daily_variance=answer.daily_variance)
        for name, answer in answers.items()
    )
