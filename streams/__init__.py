"""The engines that drive the pipeline of `history`: in one process, and on Kafka; and the pool that trains."""
