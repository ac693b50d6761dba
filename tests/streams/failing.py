"""Trainings that all fail."""

from __future__ import annotations

from models.results import TrainedTicker, TrainingJob


def train_failing(job: TrainingJob) -> TrainedTicker:
    """Fail, as a training does whose library is broken."""
    raise RuntimeError("no such library")
