"""A real broker on this machine, for trials, tests and benchmarks."""
