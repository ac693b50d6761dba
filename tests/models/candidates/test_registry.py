"""A name of MODELS without a class, or with a class that differs from its line, is an error at start."""

from __future__ import annotations

import subprocess
import sys

import pytest

from errors import SettingsError
from models.candidates.har import HarModel
from models.candidates.registry import MODELS, class_of
from settings import ModelName
from tests.conftest import ROOT

HAR = "models.candidates.har:HarModel"


@pytest.mark.parametrize(
    ("name", "class_path", "minimum_bars", "message"),
    [
        ("har", "models.candidates.absent:HarModel", 126, "cannot be loaded.*write the class"),
        ("har", "models.candidates.har:Absent", 126, "cannot be loaded.*write the class"),
        ("har", "models.historical:shrunk_mean", 126, "is no Model"),
        ("ewma", HAR, 126, "has the name har"),
        ("har", HAR, 125, "needs 126 bars"),
    ],
)
def test_a_line_without_its_class_is_refused(name: str, class_path: str, minimum_bars: int, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        class_of(name, class_path, minimum_bars)


def test_every_name_has_its_class_in_the_order_of_the_list() -> None:
    assert tuple(MODELS) == tuple(ModelName)
    assert MODELS["har"] is class_of("har", HAR, 126) is HarModel


def test_settings_load_no_model() -> None:
    script = "import sys, settings; print(*[name for name in sys.modules if name.partition('.')[0] in ('models', 'numpy')])"
    ran = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout.split() == []
