"""The whole system on this machine: a broker, workers, a producer and the HTTP service, in one terminal."""
