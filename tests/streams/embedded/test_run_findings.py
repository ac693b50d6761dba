"""`streams run` prints how it has read the files, what it did to the bars, and which files it passed over."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from streams.__main__ import cli

#: Of weekdays: bars at weekends have a finding of their own.
ROWS = [f"2024-01-{day:02},10,11,9,10,500,{0.25 if day == 10 else 0}" for day in range(1, 27) if day % 7 not in (6, 0)]


def test_a_run_over_files_says_how_they_were_read(tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "GOOD.csv").write_text("\n".join(["Date,Open,High,Low,Close,Volume,Dividend", *ROWS]))
    (folder / "notes.txt").write_text("nothing of interest\n")
    result = CliRunner().invoke(
        cli, ["run", "--source", "file", "--path", str(folder), "--state", str(tmp_path / "state"), "--no-train"]
    )
    assert result.exit_code == 0, result.output
    read_as, note, passed_over = (line for line in result.stderr.splitlines() if line[:1] in "rGp")
    assert read_as.startswith("read as: comma CSV")
    assert note.startswith("GOOD: ")
    assert "dividends are" in note
    assert passed_over.startswith(f"passed over: {folder / 'notes.txt'}: ")
