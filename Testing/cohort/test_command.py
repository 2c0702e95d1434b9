"""The cohort command: what it writes, that it goes on where it stopped, what it says when it cannot."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from Training.__main__ import main
from Training.cohort import factors
from Training.cohort.heart import heart
from Training.cohort.record import factors_of, read_rows


def cohort(folder: Path, count: int, spacing: str = "3") -> int:
    return main(["cohort", "--count", str(count), "--spacing", spacing, "--out", str(folder)])


def test_an_interrupted_cohort_ends_as_if_it_had_not_been_interrupted(tmp_path):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert cohort(whole, 3) == 0
    assert cohort(broken, 2) == 0
    (broken / "heart_000000.nii.gz").unlink()
    with (broken / "cohort.csv").open("a") as file:
        file.write("heart_000002,2,3")  # a row torn by the interruption
    kept = (broken / "heart_000001.nii.gz").stat().st_mtime_ns
    assert cohort(broken, 3) == 0
    assert (broken / "heart_000001.nii.gz").stat().st_mtime_ns == kept
    assert (broken / "cohort.csv").read_text() == (whole / "cohort.csv").read_text()
    for path in sorted(whole.glob("*.nii.gz")):
        ours, theirs = (sitk.GetArrayFromImage(sitk.ReadImage(str(p))) for p in (path, broken / path.name))
        assert np.array_equal(ours, theirs)
    assert len(list(whole.glob("*.nii.gz"))) == 3


def test_a_row_brings_its_heart_back(tmp_path):
    cohort(tmp_path, 1)
    row = read_rows(tmp_path)["heart_000000"]
    again = heart(0, factors=factors_of(row), spacing=3.0)
    written = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "heart_000000.nii.gz")))
    assert np.array_equal(again.label_map.voxels, written)
    assert float(row["left_ventricle_ml"]) == pytest.approx(again.volumes_ml["left_ventricle"], abs=1e-3)


def test_another_spacing_in_the_same_folder_is_refused(tmp_path, capsys):
    cohort(tmp_path, 1)
    assert cohort(tmp_path, 2, spacing="2.5") == 2
    assert "another spacing" in capsys.readouterr().err


def test_hearts_of_another_population_in_the_same_folder_are_refused(tmp_path, capsys, monkeypatch):
    cohort(tmp_path, 1)
    table = json.loads(factors.TABLE_PATH.read_text())
    table["measures"]["left_ventricle"]["lv_length"]["mean"] *= 1.02
    other = tmp_path / "population.json"
    other.write_text(json.dumps(table))
    monkeypatch.setattr(factors, "TABLE_PATH", other)
    factors.population.cache_clear()
    try:
        assert cohort(tmp_path, 2) == 2
    finally:
        factors.population.cache_clear()
    assert "another population" in capsys.readouterr().err
    assert not (tmp_path / "heart_000001.nii.gz").exists()


def test_a_table_of_another_version_is_refused(tmp_path, capsys):
    with (tmp_path / "cohort.csv").open("w", newline="") as file:
        csv.writer(file).writerow(["case", "seed"])
    assert cohort(tmp_path, 1) == 2
    assert "choose an empty folder" in capsys.readouterr().err
