"""Which settings cannot work together: one table, checked whenever a command loads its settings.

Each rule sees all settings and says what is wrong and which value would be right, or None. A setting's own range stands at its
field.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final, TypeAlias

from settings.candidates import ModelName

if TYPE_CHECKING:
    from settings.loading import Settings

Rule: TypeAlias = "Callable[[Settings], str | None]"

#: Bars before the look-back that the longest feature needs.
FEATURE_BARS: Final = 252
#: Horizons of a training: half of its bars is validated on, four horizons of it and the outcome of its end.
VALIDATED_HORIZONS: Final = 10
#: The candidates whose part of the market model is fitted for one horizon, and the shipped model's.
OF_THE_MARKET_MODEL: Final = frozenset({ModelName.XGBOOST, ModelName.LSTM})
SHIPPED_HORIZON: Final = 21
#: Bytes of a bar in a message, rounded up: 10,080 bars have 1.2 MB.
MESSAGE_BYTES_PER_BAR: Final = 125
#: As Kafka advises: a group survives the loss of two heartbeats.
HEARTBEATS_PER_SESSION: Final = 3


def fewest_bars(settings: Settings) -> int:
    """Bars below which no model of MODELS can be trained and validated."""
    return max(2 * min(name.minimum_bars for name in settings.models), VALIDATED_HORIZONS * settings.horizon)


def broken_rules(settings: Settings) -> Iterator[str]:
    """What is wrong with these settings together; nothing if they can work."""
    return (said for rule in RULES if (said := rule(settings)) is not None)


def _doubled_models(settings: Settings) -> str | None:
    doubled = [name for name, count in Counter(settings.models).items() if count > 1]
    return f"MODELS names {', '.join(doubled)} twice: name each model once" if doubled else None


def _trainable(settings: Settings) -> str | None:
    fewest = fewest_bars(settings)
    bars = {"MINIMUM_BARS": settings.minimum_bars, "LOOKBACK": settings.lookback}
    short = [f"{name} ({value})" for name, value in bars.items() if value < fewest]
    if not short:
        return None
    return (
        f"{' and '.join(short)} must be at least {fewest}: no model of MODELS "
        f"({', '.join(settings.models)}) can be trained and validated on fewer bars with HORIZON={settings.horizon}"
    )


def _within_lookback(settings: Settings) -> str | None:
    if settings.minimum_bars <= settings.lookback:
        return None
    return f"MINIMUM_BARS ({settings.minimum_bars}) must not exceed LOOKBACK ({settings.lookback}): no training would have them"


def _kept_bars(settings: Settings) -> str | None:
    least = settings.lookback + FEATURE_BARS
    if settings.history_bars >= least:
        return None
    return (
        f"HISTORY_BARS ({settings.history_bars}) must be at least {least}: LOOKBACK ({settings.lookback}) and {FEATURE_BARS} "
        f"bars before it for the longest feature"
    )


def _market_models_horizon(settings: Settings) -> str | None:
    if settings.market_model is not None or settings.horizon == SHIPPED_HORIZON or set(settings.models) - OF_THE_MARKET_MODEL:
        return None
    return (
        f"MODELS ({', '.join(settings.models)}) rest on the shipped market model, which is of {SHIPPED_HORIZON} bars ahead, "
        f"and HORIZON is {settings.horizon}: add har, or name a model of this horizon with MARKET_MODEL"
    )


def _heartbeats(settings: Settings) -> str | None:
    session, heartbeat = settings.worker_session_seconds, settings.worker_heartbeat_seconds
    if heartbeat * HEARTBEATS_PER_SESSION <= session:
        return None
    return (
        f"WORKER_HEARTBEAT_SECONDS ({heartbeat:g}) must be at most {session / HEARTBEATS_PER_SESSION:g}, a third of "
        f"WORKER_SESSION_SECONDS ({session:g}): a lost heartbeat would end the session of a healthy worker"
    )


def _polls(settings: Settings) -> str | None:
    session, poll = settings.worker_session_seconds, settings.worker_poll_seconds
    if poll >= session:
        return None
    return f"WORKER_POLL_SECONDS ({poll:g}) must be at least WORKER_SESSION_SECONDS ({session:g})"


def _message_size(settings: Settings) -> str | None:
    most = settings.kafka_message_bytes // MESSAGE_BYTES_PER_BAR
    if settings.publish_batch_bars <= most:
        return None
    return (
        f"PUBLISH_BATCH_BARS ({settings.publish_batch_bars}) must be at most {most}: more bars do not fit a message of "
        f"KAFKA_MESSAGE_BYTES ({settings.kafka_message_bytes})"
    )


def _client_certificate(settings: Settings) -> str | None:
    if (settings.kafka_certificate_file is None) == (settings.kafka_key_file is None):
        return None
    there, missing = "KAFKA_CERTIFICATE_FILE", "KAFKA_KEY_FILE"
    if settings.kafka_certificate_file is None:
        there, missing = missing, there
    return f"{there} is set and {missing} is not: mutual TLS needs both"


def _provider_time(settings: Settings) -> str | None:
    attempt, all_attempts = settings.provider_timeout_seconds, settings.provider_deadline_seconds
    if attempt <= all_attempts:
        return None
    return (
        f"PROVIDER_TIMEOUT_SECONDS ({attempt:g}), of one attempt, must not exceed PROVIDER_DEADLINE_SECONDS "
        f"({all_attempts:g}), of all"
    )


def _fetch_time(settings: Settings) -> str | None:
    wait, all_attempts = settings.fetch_rate_limit_seconds, settings.fetch_deadline_seconds
    if wait <= all_attempts:
        return None
    return (
        f"FETCH_RATE_LIMIT_SECONDS ({wait:g}), the first wait, must not exceed FETCH_DEADLINE_SECONDS ({all_attempts:g}); "
        f"0 does not wait"
    )


def _kept_predictions(settings: Settings) -> str | None:
    memory, disk = settings.prediction_memory_ttl_seconds, settings.prediction_ttl_seconds
    if memory <= disk:
        return None
    return (
        f"PREDICTION_MEMORY_TTL_SECONDS ({memory:g}) must not exceed PREDICTION_TTL_SECONDS ({disk:g}): memory would serve "
        f"what has expired"
    )


def _price_days(settings: Settings) -> str | None:
    if settings.min_price_days < settings.history_bars:
        return None
    return (
        f"MIN_PRICE_DAYS ({settings.min_price_days}) must be below HISTORY_BARS ({settings.history_bars}): no ticker has more "
        f"prices than are kept"
    )


#: All rules, in the order in which they are reported.
RULES: Final[tuple[Rule, ...]] = (
    _doubled_models,
    _trainable,
    _within_lookback,
    _kept_bars,
    _market_models_horizon,
    _heartbeats,
    _polls,
    _message_size,
    _client_certificate,
    _provider_time,
    _fetch_time,
    _kept_predictions,
    _price_days,
)
