"""How to connect with aiokafka, and its errors. It reads a few records in a tenth of kafka-python's time."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from aiokafka import AIOKafkaConsumer
from aiokafka import errors as aio_errors
from kafka import errors as kafka_errors

from broker.client import client_options, explain
from settings import KafkaSecurity, Settings

#: The time-out of a request; aiokafka's default is 40 s.
_REQUEST_MS: Final = 15_000


def async_client_options(settings: Settings) -> dict[str, Any]:
    """Keyword arguments for any aiokafka client: brokers, security, time-out."""
    options = client_options(settings)
    # The certificates go into the TLS context.
    names = ("bootstrap_servers", "security_protocol", "sasl_mechanism", "sasl_plain_username", "sasl_plain_password")
    chosen = {name: options[name] for name in names if name in options}
    return chosen | {"ssl_context": tls_context(settings), "request_timeout_ms": _REQUEST_MS}


def tls_context(settings: Settings) -> ssl.SSLContext | None:
    """The TLS context, None if KAFKA_SECURITY is without TLS."""
    if settings.kafka_security not in {KafkaSecurity.SSL, KafkaSecurity.SASL_SSL}:
        return None
    context = ssl.create_default_context(cafile=settings.kafka_ca_file)
    if settings.kafka_certificate_file is not None:
        context.load_cert_chain(settings.kafka_certificate_file, settings.kafka_key_file)
    return context


@contextmanager
def async_broker_errors(settings: Settings) -> Iterator[None]:
    """Turn aiokafka's errors into BrokerError or BrokerAwayError, with advice."""
    try:
        yield
    except (TimeoutError, aio_errors.KafkaError, OSError) as error:
        raise explain(_translated(error), settings) from error


async def started_consumer(settings: Settings, **options: Any) -> AIOKafkaConsumer:
    """A consumer that commits nothing and runs. Raises BrokerError or BrokerAwayError; it is stopped then."""
    consumer = AIOKafkaConsumer(**async_client_options(settings), enable_auto_commit=False, **options)
    try:
        with async_broker_errors(settings):
            await consumer.start()
    except BaseException:
        await consumer.stop()
        raise
    return consumer


def _translated(error: Exception) -> BaseException:
    # Both libraries use Kafka's error codes.
    if isinstance(error, aio_errors.BrokerResponseError):
        translated: BaseException = kafka_errors.for_code(error.errno)(str(error))
        return translated
    return error
