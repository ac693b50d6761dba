"""Each silent fault that was found once, and after how many seconds pages, metrics, alerts and `status` show it.

python -m tests.kafka.seen
"""
