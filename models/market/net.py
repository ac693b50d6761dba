"""A one-layer LSTM with linear heads in plain NumPy: the forward pass only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from records import Floats


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
        units, count = self.state_weight.shape[1], len(sequences)
        # σ(x) = (1 + tanh(x ÷ 2)) ÷ 2: one function for all gates. In the order input, forget, output, cell the σ are adjacent.
        order = np.r_[0 : 2 * units, 3 * units : 4 * units, 2 * units : 3 * units]
        half = np.where(np.arange(4 * units) < 3 * units, 0.5, 1.0)
        state_weight = np.ascontiguousarray((self.state_weight[order] * half[:, None]).T)
        driven = sequences.swapaxes(0, 1) @ (self.input_weight[order] * half[:, None]).T + self.bias[order] * half
        gates, hidden, cell, product = np.empty((count, 4 * units)), *np.zeros((3, count, units))
        squashed = gates[:, : 3 * units]
        enter, keep, leave, candidate = (gates[:, units * k : units * (k + 1)] for k in range(4))
        for step in driven:
            np.matmul(hidden, state_weight, out=gates)
            gates += step
            np.tanh(gates, out=gates)
            squashed *= 0.5
            squashed += 0.5
            cell *= keep
            np.multiply(enter, candidate, out=product)
            cell += product
            np.tanh(cell, out=product)
            np.multiply(leave, product, out=hidden)
        outputs: Floats = hidden @ self.head_weight.T + self.head_bias
        return outputs
