"""What may know what: the table that `test_imports.py` holds and that docs/architecture.md shows as a picture."""

from __future__ import annotations

GROUND = {"errors", "settings", "version", "text", "records"}
#: Package or module of the project → those of the others that it may import. `__main__` and `_command` files are the edge:
#: they may import whatever a command needs, except benchmarks and tests.
MAY_IMPORT = {
    "errors": set(),
    "text": set(),
    "settings": {"errors", "text"},
    "version": set(),
    "records": {"errors"},
    "commands": {"errors", "settings", "text", "version"},
    "broker": GROUND,
    "marketdata": GROUND,
    "models": GROUND,
    "monitoring": {"errors"},
    "evaluation": GROUND | {"models"},
    "history": GROUND | {"models"},
    "state": GROUND | {"broker", "commands", "history", "monitoring"},
    "cluster": GROUND | {"broker", "commands"},
    "producers": GROUND | {"broker", "commands", "marketdata", "monitoring"},
    "streams": GROUND | {"commands", "marketdata", "monitoring", "models", "history", "state", "broker"},
    "optimizer": GROUND | {"commands", "marketdata", "models", "monitoring", "review", "state"},
    "review": GROUND | {"commands", "evaluation", "history", "models", "monitoring", "state"},
    "backtest": GROUND | {"commands", "evaluation", "history", "models", "optimizer", "producers", "state"},
    "benchmarks": GROUND
    | {
        "commands",
        "broker",
        "marketdata",
        "models",
        "history",
        "monitoring",
        "state",
        "producers",
        "streams",
        "optimizer",
        "backtest",
        "evaluation",
    },
}
EDGE = set(MAY_IMPORT) - {"benchmarks"}
#: The rooms of the Faust worker, in a bar's order: each may know those before it.
KAFKA_ROOMS = ("consuming", "sending", "tables", "agents", "worker")
