"""A single broker's settings, for the native start and, as KAFKA_… variables, for its container."""

from __future__ import annotations

from typing import Final

#: Internal topics have one replica, because there is one broker. A group forms at once instead of waiting 3 s for more members.
#: `message.max.bytes` leaves the limit to each topic's `max.message.bytes`.
PROPERTIES: Final[dict[str, str]] = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
    "auto.create.topics.enable": "false",
    "message.max.bytes": str(16 * 1024 * 1024),
    "log.retention.ms": "-1",
}

#: The image used with Docker and in docker-compose.yml; the same version as broker/pom.xml.
IMAGE: Final = "apache/kafka:4.4.0"
VERSION: Final = IMAGE.rpartition(":")[2]


def listeners(*, host: str, client_port: int, controller_port: int, bind: str) -> dict[str, str]:
    """The addresses on which the broker listens (`bind`) and which it gives to clients (`host`)."""
    return {
        "listeners": f"PLAINTEXT://{bind}:{client_port},CONTROLLER://{bind}:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://{host}:{client_port}",
        "controller.quorum.voters": f"1@{host}:{controller_port}",
    }


def environment(properties: dict[str, str]) -> dict[str, str]:
    """The same as variables of the image: `log.retention.ms` is KAFKA_LOG_RETENTION_MS."""
    return {"KAFKA_" + name.upper().replace(".", "_"): value for name, value in properties.items()}
