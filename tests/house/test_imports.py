"""What may know what: the direction of imports, and what a process loads."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.house.imports import EDGE, GROUND, KAFKA_ROOMS, MAY_IMPORT

#: Room of a package → what in the package it must not know: what stands above it, and the other engine.
ABOVE = {
    "models/market": ("candidates", "selection", "pooling", "pretraining", "results", "training", "serving"),
    "models/candidates": ("selection", "pooling", "pretraining", "results", "training", "serving"),
    "models/selection": ("pooling", "pretraining", "results", "training", "serving"),
    "models/pooling": ("pretraining", "results", "training", "serving"),
    "models/pretraining": ("results", "training", "serving"),
    "streams/training": ("embedded", "kafka"),
    "streams/embedded": ("kafka", "earlier"),
    "streams/earlier": ("embedded", "kafka", "training"),
    "streams/kafka": ("embedded", "earlier"),
    **{f"streams/kafka/{room}": KAFKA_ROOMS[at + 1 :] for at, room in enumerate(KAFKA_ROOMS[:-1])},
    "broker/deployment": ("local",),
    "broker/local": ("deployment",),
}
#: The rules of the engines: the same events give the same result, so that tests can run every interleaving of them.
PURE = (
    "streams/outputs.py",
    "streams/rows.py",
    "streams/training/ledger.py",
    "streams/kafka/consuming/offset_ledger.py",
    "streams/kafka/consuming/offset_set.py",
    "broker/claims.py",
    "broker/deployment/record.py",
)
#: Library → the files that may import it.
AT_HOME = {
    "faust": ("streams/kafka/",),
    "kafka": ("broker/", "producers/", "state/replica/changelogs.py"),
    "rocksdict": ("state/",),
    "numba": ("history/feature_kernel",),
    "torch": ("models/candidates/lstm", "models/pretraining/"),
    "xgboost": ("models/candidates/xgb", "models/market/trees", "models/pretraining/"),
    "sklearn": ("models/pretraining/",),
    "statsmodels": ("models/candidates/arima",),
    "matplotlib": ("evaluation/plots", "evaluation/svg", "backtest/pictures", "review/pictures"),
    "clarabel": ("optimizer/",),
    "flask": ("optimizer/",),
    "waitress": ("optimizer/",),
    "yfinance": ("marketdata/",),
    "exchange_calendars": ("marketdata/",),
}
#: The Faust worker's own modules: nothing else loads them, and they alone load Faust.
WORKER = ("streams/kafka/",)
#: Seconds and hundreds of megabytes: only a training process pays for them, inside `train`.
LAZY = ("torch", "xgboost", "statsmodels", "sklearn", "matplotlib")


def _sources() -> list[Path]:
    return sorted(
        path.relative_to(ROOT)
        for name in MAY_IMPORT
        for path in ([ROOT / f"{name}.py"] if (ROOT / f"{name}.py").exists() else (ROOT / name).rglob("*.py"))
    )


def _imports(tree: ast.AST, *, inside_function: bool = False) -> Iterator[tuple[str, list[str], bool]]:
    """(module, names imported from it, whether only a call or a type checker runs it) of each import statement."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, [], inside_function) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: relative import; name the whole module"
            yield node.module or "", [alias.name for alias in node.names], inside_function
        else:
            lazy = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or (
                isinstance(node, ast.If) and ast.unparse(node.test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}
            )
            yield from _imports(node, inside_function=inside_function or lazy)


def _statements(path: Path) -> list[tuple[str, list[str], bool]]:
    return list(_imports(ast.parse((ROOT / path).read_text(encoding="utf-8"))))


def test_every_package_of_the_tree_has_its_place():
    found = {path.parent.name for path in ROOT.glob("*/__init__.py")} | {path.stem for path in ROOT.glob("*.py")}
    assert found - {"tests"} <= set(MAY_IMPORT)


@pytest.mark.parametrize("path", _sources(), ids=str)
def test_imports_run_one_way(path: Path):
    own = path.parts[0].removesuffix(".py")
    edge = path.name == "__main__.py" or path.name.endswith("_command.py")
    allowed = (EDGE if edge else MAY_IMPORT[own]) | {own}
    for module, names, _ in _statements(path):
        package = module.split(".")[0]
        assert package not in {"tests", "benchmarks"} or own == "benchmarks"
        assert package not in MAY_IMPORT or package in allowed, f"{path} must not import {module}"
        if package in MAY_IMPORT:
            private = [name for name in [*module.split("."), *names] if name.startswith("_") and not name.startswith("__")]
            assert not private, f"{path} takes {private} of {module}, which are its own"


@pytest.mark.parametrize("room", ABOVE)
def test_a_room_knows_nothing_above_it(room: str):
    package = room.rpartition("/")[0].replace("/", ".")
    above = tuple(f"{package}.{name}" for name in ABOVE[room])
    paths = list((ROOT / room).rglob("*.py"))
    assert paths
    for path in paths:
        for module, _, _ in _statements(path):
            assert module != package, f"{path.name} must name the module that it needs"
            assert not module.startswith(above), f"{path.name} of {room} must not import {module}"


def test_every_room_of_the_worker_has_its_place():
    assert {path.name for path in (ROOT / "streams/kafka").iterdir() if path.is_dir()} - {"__pycache__"} == set(KAFKA_ROOMS)


@pytest.mark.parametrize("path", PURE)
def test_a_pure_file_has_no_clock_and_no_io(path: str):
    used = {module.split(".")[0] for module, _, _ in _statements(Path(path))}
    assert not used & {
        "asyncio",
        "os",
        "pathlib",
        "random",
        "socket",
        "subprocess",
        "threading",
        "time",
        "state",
        "broker",
        "faust",
    }


def test_what_is_stored_of_a_history_knows_no_model():
    """State imports these, and its readers must not load the models."""
    for path in ("history/ticker_state.py", "history/adjustment.py"):
        packages = {module.split(".")[0] for module, _, _ in _statements(Path(path))} & set(MAY_IMPORT)
        assert packages <= GROUND | {"history"}


@pytest.mark.parametrize("path", _sources(), ids=str)
def test_a_library_is_imported_only_where_it_is_at_home(path: Path):
    if path.parts[0] == "benchmarks":
        return  # compares with whatever there is
    for module, _, lazily in _statements(path):
        package = module.split(".")[0]
        homes = AT_HOME.get(package)
        assert homes is None or str(path).startswith(homes), f"{path} must not import {package}"
        assert package not in LAZY or lazily, f"{path} must import {package} inside the function that needs it"


def _modules(*packages: str) -> list[str]:
    chosen = [path for path in _sources() if path.parts[0].removesuffix(".py") in packages and not str(path).startswith(WORKER)]
    return [".".join(path.with_suffix("").parts).removesuffix(".__init__") for path in chosen]


@pytest.mark.parametrize(
    ("packages", "never"),
    [
        (
            ("errors", "settings", "records", "commands"),
            ["torch", "xgboost", "statsmodels", "numba", "faust", "pandas", "flask"],
        ),
        (("state",), ["torch", "xgboost", "statsmodels", "numba", "faust", "flask", "streams", "models"]),
        (
            ("producers",),
            ["torch", "xgboost", "statsmodels", "numba", "faust", "flask", "pandas", "bokeh", "streams", "models"],
        ),
        (
            ("models",),
            ["torch", "xgboost", "statsmodels", "matplotlib", "faust", "rocksdict", "evaluation", "history", "streams"],
        ),
        (("evaluation",), ["torch", "xgboost", "statsmodels", "matplotlib", "faust", "rocksdict", "streams"]),
        (("review",), ["torch", "xgboost", "statsmodels", "matplotlib", "faust", "flask", "streams"]),
        (("backtest",), ["torch", "xgboost", "statsmodels", "matplotlib", "faust", "flask", "streams"]),
        (
            ("history",),
            ["torch", "xgboost", "statsmodels", "faust", "kafka", "rocksdict", "flask", "state", "streams", "broker"],
        ),
        (("optimizer",), ["torch", "xgboost", "statsmodels", "numba", "faust", "streams"]),
        (("streams",), ["torch", "xgboost", "statsmodels", "faust", "flask"]),
    ],
    ids=lambda value: value[-1] if isinstance(value, tuple) else None,
)
def test_what_a_process_never_loads(packages: tuple[str, ...], never: list[str]):
    script = (
        "import importlib, sys\n"
        f"for name in {_modules(*packages)}: importlib.import_module(name)\n"
        f"print(*sorted(sys.modules.keys() & set({never})))"
    )
    result = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert result.stdout.split() == []
