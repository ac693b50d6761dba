"""The market model: what tells tickers apart in the variance ahead beyond the served regression, fitted once and frozen.

It is a file of numbers that `python -m models pretrain` writes. One ticker's bars suffice to evaluate it, in microseconds
and with NumPy alone: δ is the expected log of the ticker's variance over the horizon, less what the regression within dates
expects of it.
"""

from __future__ import annotations

import datetime as dt
import functools
import hashlib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final

import numpy as np

from errors import SchemaError, SettingsError, StateCorruptError
from models.contract import Window
from models.market.input_names import INPUT_NAMES
from models.market.inputs import INPUT_BARS, market_inputs, variance_rise
from models.market.net import RecurrentNet
from models.market.past import between
from models.market.sequences import SEQUENCE_NAMES, market_sequences
from models.market.standard import Standard
from models.market.trees import TreeEnsemble
from models.packing import pack, unpack
from records import Floats
from settings import Settings, read_settings
from settings.rules import OF_THE_MARKET_MODEL

KIND: Final = "market"
VERSION: Final = 1
_MAKE_IT: Final = "make it with python -m models pretrain"
SHIPPED: Final = Path(__file__).with_name("shipped.msgpack")
#: The last month's variance against the year's, both as means of logs, and from where on it counts as risen.
RISE_INPUT: Final = "log_variance_21_to_252"
RISE: Final = INPUT_NAMES.index(RISE_INPUT)
RISE_BEGINS: Final = 0.5
#: No ticker is moved by more than this factor of its variance, up or down.
LARGEST_DELTA: Final = float(np.log(2.0))


@dataclass(frozen=True, slots=True)
class CrossValidation:
    """How a part of the model did on dates and tickers that its fit had not seen.

    `weight` is the slope of the residual on δ, both within dates: 1 if δ is neither too large nor too small. `error` is its
    standard error (Newey and West over dates), `block_spread` the weights' standard deviation over blocks of dates. `r2` is the
    share of the residual's variance that δ explains. `qlike_ratio` is QLIKE with δ ÷ without, given each date's level; None of
    returns.
    """

    weight: float
    error: float
    block_spread: float
    r2: float
    qlike_ratio: float | None


@dataclass(frozen=True, slots=True)
class MarketRecord:
    """What the model was fitted to, and how it did.

    `data` are the files' names with digests of their content, `first_week` and `last_week` the calendar weeks since 1970 of the
    first and the last row. `scores` are by candidate and part, `return_score` is that of the same means applied to returns.
    """

    data: tuple[str, ...]
    tickers: tuple[str, ...]
    first_week: int
    last_week: int
    rows: int
    seed: int
    scores: dict[str, CrossValidation]
    return_score: CrossValidation | None


@dataclass(frozen=True, slots=True, eq=False)
class MarketModel:
    """Inputs by name with their constants, a ridge regression and boosted trees on them, a net on their sequences.

    `tree_scale` and `net_scale` multiply δ: the weights that the cross-validation found, so that a weight of 1 is right.
    """

    horizon: int
    input_names: tuple[str, ...]
    standard: Standard
    sequence_standard: Standard
    slopes: Floats
    trees: TreeEnsemble
    net: RecurrentNet
    tree_scale: float
    net_scale: float
    record: MarketRecord

    def tree_deltas(self, window: Window, rows: np.ndarray) -> Floats:
        """δ of the trees and the ridge regression (their mean) after each of the bars `rows`, shape (m,)."""
        inputs = self.standard.scale(market_inputs(window, rows))
        mean = 0.5 * (np.add.reduce(inputs * self.slopes, axis=1) + self.trees.predict(inputs))
        return restrained(self.tree_scale * mean, inputs[:, RISE])

    def net_deltas(self, window: Window, rows: np.ndarray) -> Floats:
        """δ of the net after each of the bars `rows`, shape (m,)."""
        outputs = self.net.forward(self.sequence_standard.scale(market_sequences(window, rows)))[:, 0]
        return restrained(self.net_scale * outputs, self.standard.scale_one(RISE, variance_rise(window, rows)))

    def to_bytes(self) -> bytes:
        """The file's content; equal models have equal bytes."""
        return pack(KIND, VERSION, self)

    @classmethod
    def from_bytes(cls, payload: bytes) -> MarketModel:
        """The model in these bytes. Raises SchemaError for a newer version, StateCorruptError for anything else."""
        model = unpack(payload, KIND, VERSION, cls)
        if model.input_names != INPUT_NAMES:
            raise StateCorruptError(
                "the market model was fitted to other inputs than this version has: run models pretrain again"
            )
        if not _is_whole(model):
            raise StateCorruptError("its arrays have wrong shapes, or weights that are NaN")
        return model

    def has_seen(self, ticker: str, week: np.ndarray) -> np.ndarray:
        """Whether labels that begin in these calendar weeks overlap with the ticker's own in the fit: those are no evidence."""
        record, weeks = self.record, label_weeks(self.horizon)
        overlaps = (week + weeks > record.first_week) & (week - weeks < record.last_week)
        return np.asarray(overlaps & (ticker in record.tickers))


def _is_whole(model: MarketModel) -> bool:
    """Whether the arrays fit each other and the inputs, and the weights are finite: else each training would fail for them."""
    k, j, net, trees = len(INPUT_NAMES), len(SEQUENCE_NAMES), model.net, model.trees
    units = len(net.bias) // 4
    count, leaves = trees.leaf.shape if trees.leaf.ndim == 2 else (0, 0)
    expected: list[tuple[np.ndarray, tuple[int, ...]]] = [
        (model.slopes, (k,)),
        (trees.feature, (count, leaves - 1)),
        (trees.threshold, (count, leaves - 1)),
    ]
    expected += [(part, (k,)) for part in _constants(model.standard)]
    expected += [(part, (j,)) for part in _constants(model.sequence_standard)]
    expected += [(net.input_weight, (4 * units, j)), (net.state_weight, (4 * units, units)), (net.bias, (4 * units,))]
    expected += [(net.head_weight, (1, units)), (net.head_bias, (1,))]
    if any(part.shape != shape for part, shape in expected) or not np.isin(trees.feature, np.arange(k)).all():
        return False
    weights = (model.slopes, trees.leaf, *(getattr(net, field.name) for field in fields(net)))
    return all(bool(np.isfinite(part).all()) for part in weights) and bool(
        np.isfinite([model.tree_scale, model.net_scale]).all()
    )


def _constants(standard: Standard) -> tuple[Floats, ...]:
    return standard.low, standard.high, standard.center, standard.spread


def label_weeks(horizon: int) -> int:
    """Calendar weeks from a row to the end of its label of so many bars, with the holidays of New York and London.

    >>> label_weeks(21)
    5
    """
    # A year of 250 bars has 52 weeks, and the holidays of a short horizon lie close together. Rounded up.
    return -(-(109 * horizon + 200) // 500)


def restrained(delta: Floats, rise: Floats) -> Floats:
    """δ within ±LARGEST_DELTA; where the ticker's variance has risen, it lowers no forecast.

    `rise` is the input RISE_INPUT in the fit's standard deviations. Reductions fade from RISE_BEGINS on and are gone one
    deviation later: the fit may hold no crisis, and what it has learnt of calm years sends every crisis straight back to calm.
    """
    if len(delta) == 1:
        return np.array([_restrained_number(float(delta[0]), float(rise[0]))])
    inside = between(delta, -LARGEST_DELTA, LARGEST_DELTA)
    faded: Floats = np.where(inside < 0.0, inside * (1.0 - between(rise - RISE_BEGINS, 0.0, 1.0)), inside)
    return faded


def _restrained_number(delta: float, rise: float) -> float:
    # A single row's, as after each new bar: a tenth of the time of arrays.
    inside = min(max(delta, -LARGEST_DELTA), LARGEST_DELTA)
    return inside * (1.0 - min(max(rise - RISE_BEGINS, 0.0), 1.0)) if inside < 0.0 else inside


def last_row(window: Window) -> tuple[Window, np.ndarray]:
    """The bars that δ after the window's last bar rests on, and that bar's row among them."""
    known = window.last(INPUT_BARS)
    return known, np.array([len(known) - 1])


@functools.cache
def market_model() -> MarketModel:
    """The model in the file that MARKET_MODEL names, or the model that comes with this version. Read once by each process."""
    path = read_settings().market_model or SHIPPED
    try:
        return MarketModel.from_bytes(path.read_bytes())
    except OSError as error:
        raise SettingsError(f"MARKET_MODEL: {path} cannot be read ({error}): {_MAKE_IT}") from error
    except SchemaError as error:
        raise SettingsError(f"MARKET_MODEL: {path}: {error}") from error
    except StateCorruptError as error:
        raise SettingsError(f"MARKET_MODEL: {path} is no market model ({error.__cause__ or error}): {_MAKE_IT}") from error


def require_market_model(settings: Settings) -> None:
    """Raise SettingsError if MARKET_MODEL names no market model of HORIZON: each training would fail for it, one by one."""
    if settings.market_model is None:
        return
    fitted = market_model().horizon
    followers = sorted(OF_THE_MARKET_MODEL & set(settings.models))
    if fitted != settings.horizon and followers:
        raise SettingsError(
            f"MARKET_MODEL: {settings.market_model} is of {fitted} bars ahead, HORIZON is {settings.horizon}: make one with "
            f"`HORIZON={settings.horizon} python -m models pretrain`, or leave {' and '.join(followers)} out of MODELS"
        )


def fit_end() -> dt.date:
    """Monday of the last week of bars that the market model was fitted to."""
    return dt.date(1970, 1, 1) + dt.timedelta(days=7 * market_model().record.last_week - 3)


def digest_of(payload: bytes) -> str:
    """12 hex digits that name a market model."""
    return hashlib.blake2b(payload, digest_size=6).hexdigest()
