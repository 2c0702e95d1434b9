"""The table of transformed hearts, on the shipped weights."""

from __future__ import annotations

from pathlib import Path

import pytest

from Training.__main__ import main


def test_size_changes_nothing_and_mirrored_hearts_are_refused(
    prepared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = tmp_path / "report.md"
    words = ["transforms", "--data", str(prepared), "--schemes", "ventricles", "--hearts", "1", "--spacing", "6"]
    assert main([*words, "--report", str(report)]) == 0
    text = report.read_text()
    assert text.strip() in capsys.readouterr().out
    assert "refused: ventricles 1 of 1" in text
    rows = {row[3]: [float(value) for value in row[4:8]] for row in cells(text)}
    assert rows.keys() == {"Left atrium", "Right atrium", "Aorta", "Pulmonary artery"}
    for name in ("Left atrium", "Right atrium"):
        as_it_is, turned, smaller, larger = rows[name]
        assert as_it_is > 0.5
        assert turned > as_it_is - 0.15
        assert abs(smaller - as_it_is) < 0.02
        assert abs(larger - as_it_is) < 0.02


def cells(table: str) -> list[list[str]]:
    rows = [line for line in table.splitlines() if line.startswith("| ventricles")]
    return [[cell.strip() for cell in row.split("|")] for row in rows]
