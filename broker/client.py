"""How a client connects to Kafka, and what its errors mean to a user."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from kafka import errors as kafka_errors

from errors import BrokerAwayError, BrokerError, SettingsError
from settings import KafkaSecurity, Settings
from text import comma_list

#: A broker on the same network answers within milliseconds, a restarting broker within this time.
CONNECT_SECONDS: Final = 15.0
_PROBE_SECONDS: Final = 2.0


def client_options(settings: Settings) -> dict[str, Any]:
    """Keyword arguments for any kafka-python client: brokers and security."""
    options: dict[str, Any] = {
        "bootstrap_servers": comma_list(settings.kafka_bootstrap),
        "bootstrap_timeout_ms": int(CONNECT_SECONDS * 1000),
        "security_protocol": settings.kafka_security.value,
    }
    if settings.kafka_security in {KafkaSecurity.SSL, KafkaSecurity.SASL_SSL}:
        _require_files(settings)
        options["ssl_cafile"] = _text(settings.kafka_ca_file)
        options["ssl_certfile"] = _text(settings.kafka_certificate_file)
        options["ssl_keyfile"] = _text(settings.kafka_key_file)
    if settings.kafka_security in {KafkaSecurity.SASL_PLAINTEXT, KafkaSecurity.SASL_SSL}:
        user, password = credentials(settings)
        options["sasl_mechanism"] = settings.kafka_sasl_mechanism.value
        options["sasl_plain_username"] = user
        options["sasl_plain_password"] = password
    return options


def _require_files(settings: Settings) -> None:
    """Raise SettingsError for a certificate or key that cannot be read: clients would say that Kafka is away."""
    for name in ("kafka_ca_file", "kafka_certificate_file", "kafka_key_file"):
        path: Path | None = getattr(settings, name)
        if path is not None and not os.access(path, os.R_OK):
            raise SettingsError(f"{name.upper()}: {path} cannot be read: name a PEM file that is there, and readable")


def credentials(settings: Settings) -> tuple[str, str]:
    """User and password. Raises BrokerError if the user or the password is missing."""
    password = "" if settings.kafka_password is None else settings.kafka_password.get_secret_value()
    if not settings.kafka_username or not password:
        raise BrokerError(f"{settings.kafka_security}: set KAFKA_USERNAME and KAFKA_PASSWORD")
    return settings.kafka_username, password


@contextmanager
def broker_errors(settings: Settings) -> Iterator[None]:
    """Turn a Kafka client's errors into BrokerError, with advice."""
    try:
        yield
    except (TimeoutError, kafka_errors.KafkaError, OSError) as error:
        raise explain(error, settings) from error


def explain(error: BaseException, settings: Settings) -> BrokerError:
    """The BrokerError that explains `error` and gives advice: a BrokerAwayError if waiting may help."""
    if (refusal := _refusal(error, settings)) is not None:
        return BrokerError(f"{settings.kafka_bootstrap}: {refusal}")
    return BrokerAwayError(f"{settings.kafka_bootstrap}: {_absence(error, settings)}")


def _refusal(error: BaseException, settings: Settings) -> str | None:
    """What has to be changed before trying again; None if trying again may be enough."""
    # Without the error's text: it contains the whole request.
    match error:
        case kafka_errors.AuthorizationError():
            return (
                f"{settings.kafka_username or 'a client without a login'} is not authorised ({type(error).__name__}): it needs "
                f"Create, Describe, Read and Write on the topics {settings.kafka_prefix}*, or another KAFKA_USERNAME"
            )
        case kafka_errors.MessageSizeTooLargeError() | kafka_errors.RecordListTooLargeError():
            return (
                f"a message is larger than KAFKA_MESSAGE_BYTES ({settings.kafka_message_bytes}) or its topic's "
                "max.message.bytes; lower PUBLISH_BATCH_BARS, or raise both"
            )
        case kafka_errors.InvalidReplicationFactorError() if settings.kafka_replication > 1:
            return f"KAFKA_REPLICATION ({settings.kafka_replication}) must not exceed the number of brokers"
        case kafka_errors.UnknownTopicOrPartitionError() | kafka_errors.OffsetOutOfRangeError():
            return f"a topic was deleted while in use ({type(error).__name__}): start again, it is created anew"
        case kafka_errors.SaslAuthenticationFailedError() | kafka_errors.UnsupportedSaslMechanismError():
            return (
                f"Kafka does not let this client in ({type(error).__name__}): KAFKA_SASL_MECHANISM, KAFKA_USERNAME or "
                "KAFKA_PASSWORD is not what it expects"
            )
        case _:
            return None if _passes(error) else f"Kafka refuses a request ({type(error).__name__}); its own log may say why"


def _passes(error: BaseException) -> bool:
    if not isinstance(error, kafka_errors.BrokerResponseError):
        return True
    # A replication factor of 1 is refused only while no broker is ready.
    passing = kafka_errors.UnknownError | kafka_errors.BrokerNotAvailableError | kafka_errors.InvalidReplicationFactorError
    return bool(error.retriable) or isinstance(error, passing)


def _absence(error: BaseException, settings: Settings) -> str:
    # Without the whole request, as above. kafka-python retries after any error, and does not report the reason.
    reason: object = type(error).__name__ if isinstance(error, kafka_errors.BrokerResponseError) else error
    if is_listening(settings.kafka_bootstrap):
        return (
            f"something listens, but gave no answer ({reason}); it is still starting, or KAFKA_SECURITY, KAFKA_SASL_MECHANISM, "
            "KAFKA_USERNAME, KAFKA_PASSWORD or KAFKA_CA_FILE is not what it expects"
        )
    return f"no answer from Kafka ({reason}); is it running? `make cluster` starts one, KAFKA_BOOTSTRAP names it"


def is_listening(bootstrap: str) -> bool:
    """Whether anything accepts a connection at one of these addresses, Kafka or not."""
    for address in comma_list(bootstrap):
        host, _, port = address.strip().rpartition(":")
        try:
            socket.create_connection((host, int(port)), timeout=_PROBE_SECONDS).close()
        except (OSError, ValueError):
            continue
        return True
    return False


def _text(path: object) -> str | None:
    return None if path is None else str(path)
