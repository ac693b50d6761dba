"""A storm of faults over a cluster, and a checker that compares what is left with the same bars in the embedded engine.

    python -m tests.kafka.storm --seed 7 --minutes 5 --workers 1-3

The seed decides the market, the messages and the faults, so a round that found something can be made again.
"""
