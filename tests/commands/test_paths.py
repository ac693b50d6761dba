"""Paths in options: an empty path is refused, and what cannot be written is refused before the work."""

from __future__ import annotations

import errno
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from commands.paths import NamedPath, OutputPath, writing_to
from errors import StateWriteError


@click.command()
@click.option("--state", type=NamedPath())
@click.option("--out", type=OutputPath())
@click.option("--folder", type=OutputPath(is_folder=True))
def command(state: Path | None, out: Path | None, folder: Path | None) -> None:
    click.echo(f"{state} {out} {folder}")


@pytest.mark.parametrize("option", ["--state", "--out", "--folder"])
@pytest.mark.parametrize("text", ["", "  "])
def test_an_empty_path_is_not_the_working_folder(option: str, text: str) -> None:
    """`--state "$DIR"` with an unset variable had put the state into the working folder."""
    result = CliRunner().invoke(command, [option, text])
    assert result.exit_code == 2
    assert "is empty: name a file or folder" in result.output


def test_what_cannot_be_written_is_refused_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "sub").mkdir()
    for arguments, said in (
        (["--out", str(tmp_path / "sub")], "is a directory"),
        (["--folder", str(tmp_path / "file")], "is a file"),
        (["--out", str(tmp_path / "file" / "deep" / "x")], f"{tmp_path / 'file'} is a file, not a folder"),
    ):
        result = CliRunner().invoke(command, arguments)
        assert (result.exit_code, said in result.output) == (2, True), result.output
    monkeypatch.setattr("os.access", lambda *_: False)
    result = CliRunner().invoke(command, ["--out", str(tmp_path / "new" / "x.parquet")])
    assert result.exit_code == 2
    assert f"the folder {tmp_path} is not writable" in result.output


def test_new_files_in_new_folders_are_welcome(tmp_path: Path) -> None:
    result = CliRunner().invoke(command, ["--out", str(tmp_path / "a" / "b.csv"), "--folder", str(tmp_path / "c" / "d")])
    assert result.exit_code == 0, result.output
    assert not (tmp_path / "a").exists(), "a folder is made when there is something to put into it"


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.ENOSPC, "free some space or correct the permissions"),
        (errno.ENOTDIR, "a file stands where a folder is needed: name another folder"),
        (errno.EISDIR, "a folder stands where a file is needed: remove it, or name another file"),
    ],
)
def test_a_write_that_fails_says_what_to_do(number: int, remedy: str) -> None:
    with pytest.raises(StateWriteError, match=remedy), writing_to(Path("x")):
        raise OSError(number, "refused")
