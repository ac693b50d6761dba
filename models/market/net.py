"""A one-layer LSTM with linear heads in plain NumPy: the forward pass only."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from records import Floats

#: As arrays, so that no step makes them of numbers anew.
_ONE: Final = np.array(1.0)
_HALF: Final = np.array(0.5)


@dataclass(frozen=True, slots=True, eq=False)
class RecurrentNet:
    """Weights in torch's layout: gates in the order input, forget, cell, output, stacked along the first axis.

    With H units, k inputs and m heads: `input_weight` (4H, k), `state_weight` (4H, H), `bias` (4H,), `head_weight` (m, H),
    `head_bias` (m,).
    """

    input_weight: Floats
    state_weight: Floats
    bias: Floats
    head_weight: Floats
    head_bias: Floats

    def forward(self, sequences: Floats) -> Floats:
        """Outputs of the heads, shape (n, m), after each of the sequences, shape (n, steps, k)."""
        weights = _prepared(self)
        driven = sequences.swapaxes(0, 1) @ weights.input + weights.bias
        # Of a single sequence, vectors: they take half of the time of matrices of one row.
        hidden = _last_hidden(weights.state, driven[:, 0] if len(sequences) == 1 else driven).reshape(len(sequences), -1)
        outputs: Floats = hidden @ self.head_weight.T + self.head_bias
        return outputs


class _Prepared(NamedTuple):
    """The weights as `_last_hidden` takes them: `input` (k, 4H), `state` (H, 4H), `bias` (4H,)."""

    input: Floats
    state: Floats
    bias: Floats


@functools.lru_cache(maxsize=4)
def _prepared(net: RecurrentNet) -> _Prepared:
    """In the order input, forget, output, cell, so that the σ are adjacent; powers of two change no digit of a result.

    σ(x) = (1 + tanh(x ÷ 2)) ÷ 2: the σ take half of their arguments, and one function serves all gates. `_last_hidden` has
    twice the hidden state, so that `state` has half of the weights.
    """
    units = net.state_weight.shape[1]
    order = np.r_[0 : 2 * units, 3 * units : 4 * units, 2 * units : 3 * units]
    half = np.where(np.arange(4 * units) < 3 * units, 0.5, 1.0)
    return _Prepared(
        (net.input_weight[order] * half[:, None]).T,
        np.ascontiguousarray(0.5 * (net.state_weight[order] * half[:, None]).T),
        net.bias[order] * half,
    )


def _last_hidden(state_weight: Floats, driven: Floats) -> Floats:
    """The hidden state after the last step, shape (…, H), from what the inputs add to the gates, (steps, …, 4H)."""
    units, width = state_weight.shape
    several = driven.shape[1:-1]
    recurrent = np.empty((*several, width))
    hidden, squashed = np.zeros((2, *several, units))
    product = np.empty((*several, 2 * units))
    # Input, forget, output, candidate, cell: input and forget lie as the candidate and the cell that they are multiplied by.
    parts = np.zeros((*several, width + units))
    gates, twice_sigma, leave = parts[..., :width], parts[..., : 3 * units], parts[..., 2 * units : 3 * units]
    shares, shared, cell = parts[..., : 2 * units], parts[..., 3 * units :], parts[..., width:]
    entering, kept = product[..., :units], product[..., units:]
    # Looked up once, which is a tenth of the time; a method, since `np.dot` goes through a function in Python.
    drive, add, multiply, tanh = hidden.dot, np.add, np.multiply, np.tanh
    for step in driven:
        drive(state_weight, recurrent)
        add(recurrent, step, gates)
        tanh(gates, gates)
        add(twice_sigma, _ONE, twice_sigma)
        multiply(shares, shared, product)
        add(entering, kept, cell)
        multiply(cell, _HALF, cell)
        tanh(cell, squashed)
        multiply(leave, squashed, hidden)
    last: Floats = 0.5 * hidden
    return last
