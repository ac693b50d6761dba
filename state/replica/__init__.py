"""A replica: the workers' tables on another host, read from Kafka."""
