"""Which candidate serves and how far: walk-forward validation, evidence, the combination, and the watch on its drift."""
