"""Fits the parts of a market model to a panel: ridge regression (scikit-learn), boosted trees (XGBoost), a net (torch)."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from models.candidates.regression import shrunk_slopes
from models.market.model import label_weeks
from models.market.net import RecurrentNet
from models.market.sequences import SEQUENCE_NAMES
from models.market.standard import Standard
from models.market.trees import TreeEnsemble
from models.pooling.joint_panel import RIDGE, within
from models.pretraining.panel import FitPanel
from records import Floats

#: Standard deviations at which a residual is winsorised: one event is seen through many overlapping labels.
RESIDUAL_CLIP: Final = 3.0
#: Penalty of the ridge regression per row, on inputs of order one.
RIDGE_SHARE: Final = 0.2
ROUNDS: Final = 150
TREE_PARAMETERS: Final = {
    "tree_method": "hist",
    "max_bin": 64,
    "max_depth": 3,
    "eta": 0.05,
    "colsample_bytree": 0.4,
    "subsample": 0.7,
    "lambda": 10.0,
    "base_score": 0.0,
    "nthread": 1,
    "verbosity": 0,
}
#: Rows in a leaf: this many, or this share of all where there are fewer.
LEAF_ROWS: Final = 300
LEAF_SHARE: Final = 0.02
UNITS: Final = 12
BATCH: Final = 1024
EPOCHS: Final = 20
PATIENCE: Final = 3
LEARNING_RATE: Final = 0.005
WEIGHT_DECAY: Final = 1e-3
#: Share of the weeks, the latest weeks, that decides when the net's training stops; a horizon of weeks before it is left out.
STOPPING_SHARE: Final = 0.2


class Parts(NamedTuple):
    """The fitted parts of a market model, as its fields of the same names."""

    term_slopes: Floats
    standard: Standard
    sequence_standard: Standard
    slopes: Floats
    trees: TreeEnsemble
    net: RecurrentNet | None


def residual(panel: FitPanel, term_slopes: Floats) -> Floats:
    """What the regression within dates leaves of the log variances, shape (n,)."""
    return within(panel.log_variance, panel.week) - within(panel.terms, panel.week) @ term_slopes


def term_slopes_of(panel: FitPanel) -> Floats:
    """Slopes of the served regression within dates, shape (t,)."""
    terms = within(panel.terms, panel.week)
    return shrunk_slopes(within(panel.log_variance, panel.week), terms, np.zeros(terms.shape[1]), RIDGE)


def fit_parts(panel: FitPanel, seed: int, *, with_net: bool = True) -> Parts:
    """All parts, each by itself, on the residual within dates; the same for the same panel and seed."""
    term_slopes = term_slopes_of(panel)
    target = winsorised(residual(panel, term_slopes))
    standard, sequence_standard = fit_standards(panel)
    inputs = standard.scale(panel.inputs.astype(np.float64))
    sequences = sequence_standard.scale(panel.sequences.astype(np.float64))
    return Parts(
        term_slopes,
        standard,
        sequence_standard,
        fit_ridge(within(inputs, panel.week), target),
        TreeEnsemble.of_booster(boost(inputs, target, seed)),
        fit_net(sequences, target, panel.week, seed, label_weeks(panel.horizon)) if with_net else None,
    )


def winsorised(target: Floats) -> Floats:
    """Values within RESIDUAL_CLIP standard deviations of zero."""
    bound = RESIDUAL_CLIP * float(target.std())
    inside: Floats = np.clip(target, -bound, bound)
    return inside


def fit_standards(panel: FitPanel) -> tuple[Standard, Standard]:
    """Constants of the inputs and of the sequences, whose steps share theirs."""
    flat = panel.sequences.astype(np.float64).reshape(-1, len(SEQUENCE_NAMES))
    return Standard.fit(panel.inputs.astype(np.float64)), Standard.fit(flat)


def fit_ridge(inputs: Floats, target: Floats) -> Floats:
    """Slopes of the target (n,) on inputs (n, k), both within dates, shape (k,)."""
    from sklearn.linear_model import Ridge  # noqa: PLC0415 - only pretraining loads it

    slopes: Floats = Ridge(alpha=RIDGE_SHARE * len(target), fit_intercept=False, solver="cholesky").fit(inputs, target).coef_
    return np.ascontiguousarray(slopes, dtype=np.float64)


def boost(inputs: Floats, target: Floats, seed: int):  # type: ignore[no-untyped-def]
    """An xgboost booster on inputs of shape (n, k) without NaN and a target of shape (n,)."""
    import xgboost  # noqa: PLC0415 - only pretraining loads it

    data = xgboost.DMatrix(inputs.astype(np.float32), label=target, nthread=1)
    leaf = min(LEAF_ROWS, LEAF_SHARE * len(target))
    return xgboost.train(TREE_PARAMETERS | {"seed": seed % 2**31, "min_child_weight": leaf}, data, ROUNDS)


def fit_net(sequences: Floats, target: Floats, week: np.ndarray, seed: int, embargo: int) -> RecurrentNet:
    """An LSTM with one linear head that starts at zero, by AdamW on the squared error, stopped early on the latest weeks.

    Sequences have shape (n, steps, j). The `embargo` weeks before the latest weeks are left out. torch's own random state stays
    as it was.
    """
    import torch  # noqa: PLC0415 - only pretraining loads it

    torch.set_num_threads(1)
    weeks = np.unique(week)
    first_stop = weeks[-max(1, int(STOPPING_SHARE * len(weeks)))]
    learnt, stopping = week < first_stop - embargo, week >= first_stop
    spread = float(target.std()) or 1.0
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        lstm = torch.nn.LSTM(sequences.shape[2], UNITS, batch_first=True)
        head = torch.nn.Linear(UNITS, 1)
        torch.nn.init.zeros_(head.weight)
        torch.nn.init.zeros_(head.bias)
        x, stop_x = (torch.from_numpy(sequences[rows].astype(np.float32)) for rows in (learnt, stopping))
        y, stop_y = (torch.from_numpy((target[rows] / spread).astype(np.float32))[:, None] for rows in (learnt, stopping))
        weights = [*lstm.parameters(), *head.parameters()]
        optimizer = torch.optim.AdamW(weights, lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY, foreach=False)
        best = [weight.detach().clone() for weight in weights]
        least, since = float((stop_y**2).mean()), 0
        for _ in range(EPOCHS):
            for batch in torch.split(torch.randperm(len(x)), BATCH):
                optimizer.zero_grad()
                loss = ((head(lstm(x[batch])[0][:, -1]) - y[batch]) ** 2).mean()
                loss.backward()
                optimizer.step()
            with torch.no_grad():
                score = float(((head(lstm(stop_x)[0][:, -1]) - stop_y) ** 2).mean())
            since += 1
            if score < least:
                best, least, since = [weight.detach().clone() for weight in weights], score, 0
            if since >= PATIENCE:
                break
    input_weight, state_weight, input_bias, state_bias, head_weight, head_bias = (
        weight.numpy().astype(np.float64) for weight in best
    )
    return RecurrentNet(input_weight, state_weight, input_bias + state_bias, spread * head_weight, spread * head_bias)
