"""From a worker to the broker: every message that a worker sends, and when all of them have arrived."""
