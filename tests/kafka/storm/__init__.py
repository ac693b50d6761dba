"""A storm of faults over a cluster, and a checker that compares the tables with the embedded engine's for the same bars.

    python -m tests.kafka.storm --seed 7 --minutes 5 --workers 1-3

The seed decides the market, the messages and the faults, so a round that found something can be made again.
"""
