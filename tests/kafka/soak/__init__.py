"""A soak: a whole cluster under mixed load and scripted faults, right to the byte at the end, and flat.

    python -m tests.kafka.soak --minutes 20

It runs a round of the storm (`tests.kafka.storm`) whose faults are scripted, and measures each process beside it.
"""
