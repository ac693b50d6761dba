"""Programs of others that some tests need: those tests are skipped with a reason where a program is not installed."""

from __future__ import annotations

import os
import shutil
from typing import NoReturn

import pytest


def find_program(*names: str, required_by: str, advice: str) -> str:
    """The path of the first of these programs that is installed.

    Without one the test is skipped, with the advice as its reason. It fails where the environment variable `required_by` is 1.
    """
    found = next((path for name in names if (path := shutil.which(name))), None)
    return found or absent(f"{names[0]} is not installed: {advice}", required_by=required_by)


def absent(reason: str, *, required_by: str) -> NoReturn:
    """End the test: failed if the environment variable `required_by` is 1, else skipped."""
    if os.environ.get(required_by) == "1":
        pytest.fail(f"{reason} ({required_by}=1)")
    pytest.skip(reason)
