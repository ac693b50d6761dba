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
        units = self.state_weight.shape[1]
        driven = sequences @ self.input_weight.T + self.bias
        hidden = np.zeros((len(sequences), units))
        cell = np.zeros((len(sequences), units))
        for step in range(sequences.shape[1]):
            gates = driven[:, step] + hidden @ self.state_weight.T
            squashed = 1.0 / (1.0 + np.exp(-gates))
            cell = squashed[:, units : 2 * units] * cell + squashed[:, :units] * np.tanh(gates[:, 2 * units : 3 * units])
            hidden = squashed[:, 3 * units :] * np.tanh(cell)
        outputs: Floats = hidden @ self.head_weight.T + self.head_bias
        return outputs
