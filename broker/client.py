"""How a client connects to Kafka, and what its errors mean to a user."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from kafka import errors as kafka_errors

from errors import BrokerError
from settings import KafkaSecurity, Settings

#: A broker on the same network answers within milliseconds, a restarting one within this.
CONNECT_SECONDS: Final = 15.0


def client_options(settings: Settings) -> dict[str, Any]:
    """Keyword arguments for any kafka-python client: where the brokers are and how to speak to them."""
    options: dict[str, Any] = {
        "bootstrap_servers": [address.strip() for address in settings.kafka_bootstrap.split(",") if address.strip()],
        "bootstrap_timeout_ms": int(CONNECT_SECONDS * 1000),
        "security_protocol": settings.kafka_security.value,
    }
    if settings.kafka_security in {KafkaSecurity.SSL, KafkaSecurity.SASL_SSL}:
        options["ssl_cafile"] = _text(settings.kafka_ca_file)
        options["ssl_certfile"] = _text(settings.kafka_certificate_file)
        options["ssl_keyfile"] = _text(settings.kafka_key_file)
    if settings.kafka_security in {KafkaSecurity.SASL_PLAINTEXT, KafkaSecurity.SASL_SSL}:
        user, password = credentials(settings)
        options["sasl_mechanism"] = settings.kafka_sasl_mechanism.value
        options["sasl_plain_username"] = user
        options["sasl_plain_password"] = password
    return options


def credentials(settings: Settings) -> tuple[str, str]:
    """User and password. Raises BrokerError where one is missing."""
    if not settings.kafka_username or settings.kafka_password is None:
        raise BrokerError(f"{settings.kafka_security}: set KAFKA_USERNAME and KAFKA_PASSWORD")
    return settings.kafka_username, settings.kafka_password.get_secret_value()


def _text(path: object) -> str | None:
    return None if path is None else str(path)


@contextmanager
def broker_errors(settings: Settings) -> Iterator[None]:
    """Turn a Kafka client's errors into BrokerError, each with what to do about it."""
    try:
        yield
    except (TimeoutError, kafka_errors.KafkaError, OSError) as error:
        raise explain(error, settings) from error


def explain(error: BaseException, settings: Settings) -> BrokerError:
    """The BrokerError that says what `error` means and what to do."""
    where = settings.kafka_bootstrap
    if isinstance(error, kafka_errors.AuthorizationError):
        return BrokerError(f"{where}: not authorised ({error}); ask for write access to the topics, or check KAFKA_USERNAME")
    if isinstance(error, kafka_errors.SaslAuthenticationFailedError | kafka_errors.UnsupportedSaslMechanismError):
        return BrokerError(f"{where}: login refused ({error}); check KAFKA_USERNAME, KAFKA_PASSWORD and KAFKA_SASL_MECHANISM")
    if isinstance(error, kafka_errors.MessageSizeTooLargeError | kafka_errors.RecordListTooLargeError):
        return BrokerError(
            f"message too large ({error}); lower PUBLISH_BATCH_BARS or raise KAFKA_MESSAGE_BYTES and the topic's"
        )
    if isinstance(error, kafka_errors.InvalidReplicationFactorError):
        return BrokerError(f"{where}: {error}; KAFKA_REPLICATION must not exceed the number of brokers")
    if isinstance(error, kafka_errors.UnknownTopicOrPartitionError):
        return BrokerError(f"{where}: {error}; the topic was deleted while in use: start again, it is created anew")
    return BrokerError(
        f"{where}: no answer from Kafka ({error}); is it running? `make cluster` starts one, KAFKA_BOOTSTRAP names it"
    )
