"""The connection to Kafka, its topics, and publishing."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, Field, SecretStr, field_validator

from settings.choices import KafkaCompression, KafkaSaslMechanism, KafkaSecurity


class KafkaSettings(BaseModel, frozen=True):
    """The connection to Kafka, its topics, and publishing."""

    # -- Kafka -----------------------------------------------------------------------------------------------------------
    kafka_bootstrap: str = Field(
        "127.0.0.1:9092", pattern=r"^\s*\S+:\d+\s*(,\s*\S+:\d+\s*)*$", description="host:port of brokers, comma-separated."
    )
    kafka_prefix: str = Field(
        "",
        pattern=r"^[A-Za-z0-9._-]{0,80}$",
        description="Prefix of every topic and group, for several systems on one cluster.",
    )
    kafka_security: KafkaSecurity = Field(
        KafkaSecurity.PLAINTEXT, description="PLAINTEXT is only for a broker on this machine."
    )
    kafka_ca_file: Path | None = Field(None, description="PEM of the authority that signed the brokers' certificates.")
    kafka_certificate_file: Path | None = Field(None, description="PEM of this client's certificate, for mutual TLS.")
    kafka_key_file: Path | None = Field(None, description="PEM of this client's private key, for mutual TLS.")
    kafka_sasl_mechanism: KafkaSaslMechanism = Field(KafkaSaslMechanism.SCRAM_SHA_512, description="With SASL_* security.")
    kafka_username: str | None = Field(None, description="With SASL_* security.")
    kafka_password: SecretStr | None = Field(None, description="With SASL_* security; never logged.")
    kafka_partitions: int = Field(
        8,
        ge=1,
        le=1000,
        description="Partitions of each topic: the largest number of workers. It cannot change later, since keys would move.",
    )
    kafka_replication: int = Field(
        1, ge=1, le=7, description="Copies of each partition; 3 on a cluster of three or more brokers."
    )
    kafka_bars_retention_days: float = Field(
        -1.0, description="Days that bars stay on their topic; -1 keeps them for ever, since `rebuild` reads all bars again."
    )
    kafka_rejected_retention_days: float = Field(30.0, description="Days that refused messages are kept for inspection.")
    kafka_segment_megabytes: int = Field(
        64,
        ge=1,
        le=1024,
        description="Size of a log segment: only full segments are compacted or deleted, and Kafka's 1 GB rarely fills.",
    )
    kafka_message_bytes: int = Field(
        8 * 1024 * 1024, ge=65536, description="Largest accepted message; the longest batch (10,080 bars) has 1.2 MB."
    )
    kafka_compression: KafkaCompression = Field(
        KafkaCompression.GZIP,
        description="gzip shrinks JSON to a third, at a tenth of the cost of decoding it.",
    )
    publish_batch_bars: int = Field(
        250,
        ge=1,
        le=10_080,
        description="Bars per message in a backfill: 50 cost four times as much per bar, and 500 save nothing more.",
    )
    publish_buffer_messages: int = Field(
        2000,
        ge=1,
        description="Messages sent but not yet acknowledged: limits memory, and repeats after a failure.",
    )
    job_metrics_file: Path | None = Field(
        None,
        description="File that `producers publish` writes its metrics to at its end, for node_exporter's textfile collector.",
    )
    publish_deadline_seconds: float = Field(
        120.0, gt=0, description="Publishing fails without any acknowledgement for this time; a broker restarts in 15-60 s."
    )

    @field_validator("kafka_bars_retention_days", "kafka_rejected_retention_days")
    @classmethod
    def _kept_for_a_time_or_ever(cls, days: float) -> float:
        if days <= 0 and days != -1:
            raise ValueError("must be above 0 days, or -1 for ever")
        return days
