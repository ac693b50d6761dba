"""What a training takes and what it leaves behind: the unit that crosses processes and is kept in the model store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import msgspec

from errors import StateCorruptError
from models.contract import Window
from models.selection.combination import Combination
from models.selection.drift import Monitors
from records import CandidateScore, FallbackStep
from records.versioned import Versioned

TRAINED_VERSION: Final = 2


@dataclass(frozen=True, slots=True, eq=False)
class TrainingJob:
    """All that a training depends on: equal jobs give equal bytes, in any process and at any time.

    On a processor of another family NumPy and its OpenBLAS choose other kernels, whose last digits may differ.
    """

    window: Window
    digest: bytes
    horizon: int
    seed: int
    models: tuple[str, ...]
    minimum_bars: int
    settings_hash: str


class TrainedTicker(msgspec.Struct, frozen=True, kw_only=True):
    """The trained and validated candidates of one ticker at one cut-off.

    `models` holds each surviving candidate's bytes (`Model.to_bytes`) by name; `failures` why a candidate is none.
    `combination` says which of them serve, None when there is no candidate left (the reasons are in `failures`).
    `residuals` are the walk-forward standardised residuals of the served forecast's horizon log return, for the
    intervals: each computed from forecasts made before its horizon began. `weeks`, `panel` and `deltas` are `PoolStatistics`'.
    `monitors` is where the watch on drift begins, None when no candidate has weight.
    """

    schema_version: int = TRAINED_VERSION
    ticker: str
    cutoff: int
    digest: bytes
    horizon: int
    bars_used: int
    models: dict[str, bytes]
    candidates: tuple[CandidateScore, ...]
    failures: tuple[FallbackStep, ...]
    combination: Combination | None
    residuals: tuple[float, ...]
    weeks: bytes
    panel: bytes
    deltas: dict[str, bytes] = {}
    monitors: Monitors | None = None
    settings_hash: str
    code_version: str


_codec = Versioned(TrainedTicker, TRAINED_VERSION)


def encode_trained(trained: TrainedTicker) -> bytes:
    """The bytes that the model store keeps (msgpack); equal results have equal bytes."""
    return _codec.encode(trained)


def decode_trained(payload: bytes) -> TrainedTicker:
    """The result in these bytes. Raises SchemaError for a newer version, StateCorruptError for anything else."""
    return _codec.decode(
        payload, "trained models", lambda error: StateCorruptError(f"not trained models ({error}): train them again")
    )
