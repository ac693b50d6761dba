"""The version of this project: pyproject, rows, workers and `tidecast --version` all read it here."""

from __future__ import annotations

from typing import Final

#: Raised with every change that moves a forecast: rows and models carry it, and workers of two versions never run together.
VERSION: Final = "0.5.0"
