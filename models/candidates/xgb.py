"""Gradient-boosted trees for what the shrunk mean and log-HAR leave unexplained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final, Self

import numpy as np

from models.candidates.learning import LearningTask, learning_set
from models.conditions import require_moving, require_trainable
from models.contract import HorizonForecast, Model, Window
from models.market.trees import TreeEnsemble
from records import Floats

if TYPE_CHECKING:
    import xgboost

#: A hundred overlapping months hold about thirty independent ones: few, shallow, slow and heavily penalised trees.
ROUNDS: Final = 60
PARAMETERS: Final = {
    "tree_method": "hist",
    "max_bin": 64,
    "max_depth": 2,
    "eta": 0.05,
    "min_child_weight": 21.0,
    "lambda": 10.0,
    "subsample": 0.7,
    "colsample_bytree": 0.7,
    "base_score": 0.0,
    "nthread": 1,
    "verbosity": 0,
}


@dataclass(frozen=True, slots=True, eq=False)
class XGBoostModel(Model):
    """Chen and Guestrin (2016), one booster for the horizon's return and one for the log of its variance.

    Trees cannot extrapolate and overlapping labels invite overfitting, so both targets are what the baseline leaves, and both
    answers are shrunk towards it (`LearningTask`).
    """

    name: ClassVar[str] = "xgboost"
    version: ClassVar[int] = 1
    minimum_bars: ClassVar[int] = 252
    context_bars: ClassVar[int] = 756

    task: LearningTask
    returns: TreeEnsemble
    log_variance: TreeEnsemble

    @classmethod
    def train(cls, window: Window, horizon: int, seed: int) -> Self:
        """See `Model.train`."""
        require_trainable(window, cls.minimum_bars, cls.name)
        data = learning_set(window, horizon)
        inputs, targets = data.inputs[data.labelled], data.targets[data.labelled]
        return cls(data.task, *(TreeEnsemble.of_booster(boost(inputs, target, seed)) for target in targets.T))

    def forecast(self, window: Window) -> HorizonForecast:
        """See `Model.forecast`."""
        require_moving(window, self.name)
        row = self.task.scaler.scaled_tail(window, 1)[0]
        return self.task.answer(window.last(self.context_bars), self.returns.predict(row), self.log_variance.predict(row))


def boost(inputs: Floats, target: Floats, seed: int) -> xgboost.Booster:
    """A booster on inputs of shape (n, k) without NaN and a target of shape (n,); the same for the same arguments."""
    import xgboost  # noqa: PLC0415 - only training loads it

    data = xgboost.DMatrix(inputs.astype(np.float32), label=target, nthread=1)
    return xgboost.train(PARAMETERS | {"seed": seed % 2**31}, data, ROUNDS)
