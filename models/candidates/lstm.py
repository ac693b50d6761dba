"""An LSTM over sequences of features, for what the shrunk mean and log-HAR leave unexplained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final, Self

import numpy as np

from errors import TooFewBarsError
from models.candidates.learning import LearningSet, LearningTask, learning_set
from models.conditions import require_moving, require_trainable
from models.contract import HorizonForecast, Model, Window
from models.market.net import RecurrentNet
from records import Floats

UNITS: Final = 8
#: A month of bars; the features reach further back by themselves.
SEQUENCE: Final = 21
#: Neighbouring horizons overlap almost wholly: every fourth bar tells nearly all at a quarter of the cost.
STRIDE: Final = 4
EPOCHS: Final = 30
PATIENCE: Final = 4
LEARNING_RATE: Final = 0.02
WEIGHT_DECAY: Final = 1e-3
#: Share of the training part, at its end, that decides when to stop.
STOPPING_SHARE: Final = 0.25
MINIMUM_SEQUENCES: Final = 12


@dataclass(frozen=True, slots=True, eq=False)
class LSTMModel(Model):
    """Hochreiter and Schmidhuber (1997): one layer shared by a head for the return and one for the log variance.

    The heads start at zero, which is the baseline's own forecast; training stops early on the tail of the training part, a
    horizon after the last label that is learnt from, and keeps the best weights seen there.
    """

    name: ClassVar[str] = "lstm"
    version: ClassVar[int] = 1
    minimum_bars: ClassVar[int] = 252
    context_bars: ClassVar[int] = 756

    task: LearningTask
    net: RecurrentNet

    @classmethod
    def train(cls, window: Window, horizon: int, seed: int) -> Self:
        """See `Model.train`."""
        require_trainable(window, cls.minimum_bars, cls.name)
        data = learning_set(window, horizon)
        learnt, stopping = _split(data, horizon)
        if min(len(learnt), len(stopping)) < MINIMUM_SEQUENCES:
            raise TooFewBarsError(
                f"{window.ticker}: {len(learnt)} sequences to learn from and {len(stopping)} to stop by, "
                f"{cls.name} needs {MINIMUM_SEQUENCES} of each: wait for more history"
            )
        return cls(data.task, fit_net(*_sequences(data, learnt), *_sequences(data, stopping), seed))

    def forecast(self, window: Window) -> HorizonForecast:
        """See `Model.forecast`."""
        require_moving(window, self.name)
        scores = self.net.forward(self.task.scaler.scaled_tail(window, SEQUENCE))
        return self.task.answer(window.last(self.context_bars), float(scores[0]), float(scores[1]))


def _split(data: LearningSet, horizon: int) -> tuple[np.ndarray, np.ndarray]:
    """Bars at which learnt and stopping sequences end: an embargo of one horizon lies between them."""
    whole = np.asarray(np.isfinite(data.inputs).all(axis=1))
    # A sequence needs every one of its bars.
    run = np.convolve(whole, np.ones(SEQUENCE, dtype=np.int64))[: len(whole)] == SEQUENCE
    ends = np.flatnonzero(data.labelled & run)[::-STRIDE][::-1]
    stopping = ends[len(ends) - int(STOPPING_SHARE * len(ends)) :]
    learnt = ends[ends < stopping[0] - horizon] if len(stopping) else ends
    return learnt, stopping


def _sequences(data: LearningSet, ends: np.ndarray) -> tuple[Floats, Floats]:
    steps = ends[:, None] + np.arange(1 - SEQUENCE, 1)
    return data.inputs[steps], data.targets[ends]


def fit_net(inputs: Floats, targets: Floats, stop_inputs: Floats, stop_targets: Floats, seed: int) -> RecurrentNet:
    """Adam on the mean squared error of both heads, stopped early; the same for the same arguments.

    Inputs have shape (n, steps, k), targets (n, heads). torch's own random state is left as it was.
    """
    import torch  # noqa: PLC0415 - only training loads it

    torch.set_num_threads(1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        lstm = torch.nn.LSTM(inputs.shape[2], UNITS, batch_first=True)
        head = torch.nn.Linear(UNITS, targets.shape[1])
        torch.nn.init.zeros_(head.weight)
        torch.nn.init.zeros_(head.bias)
        x, y, stop_x, stop_y = (
            torch.from_numpy(np.ascontiguousarray(part, dtype=np.float32))
            for part in (inputs, targets, stop_inputs, stop_targets)
        )
        weights = [*lstm.parameters(), *head.parameters()]
        optimizer = torch.optim.AdamW(weights, lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY, foreach=False)
        best = [weight.detach().clone() for weight in weights]
        least, since = float((stop_y**2).mean()), 0
        for _ in range(EPOCHS):
            optimizer.zero_grad()
            loss = ((head(lstm(x)[0][:, -1]) - y) ** 2).mean()
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
    return RecurrentNet(input_weight, state_weight, input_bias + state_bias, head_weight, head_bias)
