"""The served forecast: the safe baseline, moved towards the best candidate by a weight that the evidence allows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple, Self

import msgspec
import numpy as np

from models.candidates.har import HarModel
from models.contract import HorizonForecast
from models.selection.evidence import Prior, prior_of, significance, weight
from records import CandidateForecast, CandidateScore, Evidence

#: The candidate that serves unless another candidate proves better.
BASELINE: Final = HarModel.name


class Tilt(NamedTuple):
    """The candidate towards which forecasts are moved from the baseline, and by how much; the weight may be 0.

    `evidence` and `prior` are what the weight rests on.
    """

    model: str
    weight: float
    evidence: Evidence | None = None
    prior: Prior | None = None


class Combination(msgspec.Struct, frozen=True, kw_only=True):
    """Which candidates make the served forecast: the base, moved towards another candidate by a weight.

    Without the baseline among the candidates, the best one in validation is the base. `return_best` and `volatility_best` are
    the candidates with the most significant weight; where none has any, the best candidates in validation.
    """

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
        names = {score.model for score in scores}
        returns = {s.model: s.return_evidence for s in scores if s.return_evidence is not None}
        variances = {s.model: s.variance_evidence for s in scores if s.variance_evidence is not None}
        return_tilt, volatility_tilt = best_tilt(returns, {}), best_tilt(variances, priors(variances))
        return_best, volatility_best = best_in_validation(scores)
        return cls(
            return_base=BASELINE if BASELINE in names else return_best,
            return_best=return_best if return_tilt.weight == 0.0 else return_tilt.model,
            return_weight=return_tilt.weight,
            volatility_base=BASELINE if BASELINE in names else volatility_best,
            volatility_best=volatility_best if volatility_tilt.weight == 0.0 else volatility_tilt.model,
            volatility_weight=volatility_tilt.weight,
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

    def forecast(self, forecasts: dict[str, HorizonForecast]) -> HorizonForecast:
        """The served forecast from each candidate's. KeyError where one that it needs is missing."""
        return HorizonForecast(
            blend_returns(
                forecasts[self.return_base].horizon_return, forecasts[self.return_best].horizon_return, self.return_weight
            ),
            blend_variances(
                forecasts[self.volatility_base].daily_variance,
                forecasts[self.volatility_best].daily_variance,
                self.volatility_weight,
            ),
        )


def best_tilt(evidence: Mapping[str, Evidence], prior: Mapping[str, Prior]) -> Tilt:
    """The candidate with the most significant weight; of all candidates if none has weight; the baseline if there is none."""
    tilts = [Tilt(name, weight(part, prior.get(name)), part, prior.get(name)) for name, part in evidence.items()]
    able = [tilt for tilt in tilts if tilt.weight > 0.0]
    return max(able or tilts, key=lambda tilt: significance(evidence[tilt.model], tilt.prior), default=Tilt(BASELINE, 0.0))


def priors(names: Iterable[str]) -> dict[str, Prior]:
    """The priors of the candidates that have one."""
    found = {name: prior_of(name) for name in names}
    return {name: prior for name, prior in found.items() if prior is not None}


def best_in_validation(scores: Sequence[CandidateScore]) -> tuple[str, str]:
    """Names of the candidates with the least error of the return and with the least QLIKE; the earlier candidate of a tie."""
    by_return = min(scores, key=lambda score: np.inf if score.return_rmse is None else score.return_rmse)
    by_qlike = min(scores, key=lambda score: np.inf if score.qlike is None else score.qlike)
    return by_return.model, by_qlike.model


def blend_returns(base: float, other: float, share: float) -> float:
    """`base` moved towards `other` by `share`."""
    return base + share * (other - base)


def blend_variances(base: float, other: float, share: float) -> float:
    """As `blend_returns`, in logs."""
    return float(base * (other / base) ** share)


def candidate_forecasts(forecasts: dict[str, HorizonForecast]) -> tuple[CandidateForecast, ...]:
    """Each candidate's forecast as it stands in a row."""
    return tuple(
        CandidateForecast(model=name, horizon_return=forecast.horizon_return, daily_variance=forecast.daily_variance)
        for name, forecast in forecasts.items()
    )
