"""The whole system on one machine: a broker, workers, a producer and the HTTP service, in one terminal."""
