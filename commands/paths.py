"""Paths in options: named, and writable before a long command begins, not found out at its end."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from errors import StateWriteError


@contextmanager
def writing_to(path: Path) -> Iterator[None]:
    """Raise errors of the operating system in the block as StateWriteError, with the advice what to do."""
    try:
        yield
    except OSError as error:
        raise StateWriteError.at(path, error) from error


class NamedPath(click.Path):
    """A file or folder. An empty text, as of an unset shell variable, would be the working folder: it is refused."""

    def __init__(self, **options: Any) -> None:
        super().__init__(path_type=Path, **options)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path."""
        if isinstance(value, str) and not value.strip():
            self.fail("is empty: name a file or folder, or leave the option out", param, ctx)
        return super().convert(value, param, ctx)


class OutputPath(NamedPath):
    """A file or folder to be written, missing folders above it included; refused at once where that cannot be."""

    def __init__(self, *, is_folder: bool = False) -> None:
        super().__init__(file_okay=not is_folder, dir_okay=is_folder, writable=True)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path."""
        path: Path = super().convert(value, param, ctx)
        if not path.exists():
            above = next(folder for folder in path.absolute().parents if folder.exists())
            if not above.is_dir():
                self.fail(f"{path}: {above} is a file, not a folder: name another place", param, ctx)
            if not os.access(above, os.W_OK | os.X_OK):
                self.fail(f"{path}: the folder {above} is not writable: change its permissions, or name another", param, ctx)
        return path
