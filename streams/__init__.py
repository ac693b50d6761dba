"""The engines that run the pipeline of `history`, in one process and on Kafka, and the training pool."""
