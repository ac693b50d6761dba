"""Stream workers."""

from __future__ import annotations

import re
import socket

from pydantic import BaseModel, Field


class WorkerSettings(BaseModel, frozen=True):
    """Stream workers."""

    # -- Faust workers ---------------------------------------------------------------------------------------------------
    worker_id: str = Field(
        default_factory=lambda: re.sub(r"[^A-Za-z0-9._-]", "-", socket.gethostname()) or "worker",
        pattern=r"^[A-Za-z0-9._-]{1,80}$",
        description="Static member of the consumer group, and folder of its tables. Keep it after a restart, which is slow "
        "otherwise.",
    )
    worker_port: int = Field(
        0, ge=0, le=65535, description="Port of a worker's health page on loopback; 0 takes any free port."
    )
    replica_port: int = Field(
        0, ge=0, le=65535, description="Port of a replica's health page on loopback; 0 takes any free port."
    )
    replica_bars: bool = Field(
        default=True,
        description="Whether a replica also copies bars and models, 60 kB a ticker: for earlier end dates, prices, "
        "explanations and live losses. False for forecasts alone, for example over a slow line.",
    )
    worker_session_seconds: float = Field(
        8.0,
        ge=6,
        le=300,
        description="A worker without heartbeat for this time is dead: takeover within 11 s, while a pause of 4.8 s is "
        "survived.",
    )
    worker_heartbeat_seconds: float = Field(
        1.0, gt=0, description="Time between heartbeats: an eighth of the session, so seven may be lost."
    )
    worker_poll_seconds: float = Field(
        300.0,
        gt=0,
        description="Longest time between two polls. Trainings run in other processes, so only a hanging worker reaches it.",
    )
    worker_commit_seconds: float = Field(
        0.5,
        gt=0,
        description="Time between offset commits, and of messages processed again after a crash, which changes nothing.",
    )
    worker_batch_messages: int = Field(
        10_000, ge=1, le=20_000, description="Most messages in a turn of the bars agent; each ticker is written once a turn."
    )
    worker_cache_megabytes: int = Field(
        16, ge=1, description="RocksDB block cache for all tables of a worker; Faust's default is 2 GB per partition and table."
    )
    training_patience_seconds: float = Field(
        10.0,
        ge=0,
        description="Longest wait of a training for the backlog of its partition: in a backfill most trainings are superseded.",
    )
    bars_due_hours: float = Field(
        12.0,
        ge=0,
        description="Bars are overdue this long after their session's close (worker, /readyz); 0 for replayed history.",
    )
    sweep_seconds: float = Field(60.0, gt=0, description="Time between two searches for quiet tickers and expired models.")
