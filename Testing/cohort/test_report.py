"""Checks and the report: what is wrong with a heart is said, and the page holds what it promises."""

from __future__ import annotations

import numpy as np
import pytest

from CardiacCompletionLib.anatomy.vocabulary import load_vocabulary
from CardiacCompletionLib.files.label_map_file import write_label_map
from CardiacCompletionLib.geometry.label_map import LabelMap
from Training.__main__ import main
from Training.cohort.checks import faults
from Training.cohort.factors import population
from Training.cohort.fit_command import read_real
from Training.cohort.heart import heart
from Training.cohort.published import Published
from Training.cohort.report import correlation_lines, published_lines, variant_lines


@pytest.fixture(scope="module")
def whole() -> LabelMap:
    return heart(2, spacing=2.0).label_map


def relabelled(label_map: LabelMap, where: np.ndarray, label: int) -> LabelMap:
    return LabelMap(np.where(where, label, label_map.voxels).astype(np.uint8), label_map.ijk_to_ras)


def test_a_missing_structure_is_found(whole):
    label = load_vocabulary()["left_atrial_appendage"].label
    assert "Left atrial appendage is missing." in faults(relabelled(whole, whole.voxels == label, 0))


def test_a_structure_in_two_pieces_is_found(whole):
    label = load_vocabulary()["superior_vena_cava"].label
    levels = np.flatnonzero((whole.voxels == label).any(axis=(1, 2)))
    cut = whole.voxels == label
    cut[: levels[len(levels) // 2]] = False
    cut[levels[len(levels) // 2] + 1 :] = False
    assert "Superior vena cava is in 2 pieces." in faults(relabelled(whole, cut, 0))


def test_a_lost_contact_is_found(whole):
    labels = {key: load_vocabulary()[key].label for key in ("aorta", "left_ventricle")}
    ventricle = whole.voxels == labels["left_ventricle"]
    shifted = np.zeros_like(whole.voxels)
    shifted[whole.voxels == labels["aorta"]] = labels["aorta"]
    apex = np.flatnonzero(ventricle.any(axis=(1, 2)))[:4]
    shifted[apex[0] : apex[-1]][ventricle[apex[0] : apex[-1]]] = labels["left_ventricle"]
    assert "Aorta does not touch the left ventricle." in faults(LabelMap(shifted, whole.ijk_to_ras))


def test_the_report_holds_numbers_pictures_and_names_what_fails(tmp_path):
    assert main(["cohort", "--count", "3", "--spacing", "3", "--out", str(tmp_path)]) == 0
    path = tmp_path / "heart_000001.nii.gz"
    damaged = read_real(path)
    write_label_map(relabelled(damaged, damaged.voxels == 8, 0), path)
    assert main(["cohort-report", str(tmp_path)]) == 0
    page = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "1 of 3: Left atrial appendage is missing. (heart_000001)" in page
    assert "Petersen 2017" in page
    assert (tmp_path / "hearts.png").stat().st_size > 20_000
    assert (tmp_path / "volumes.png").stat().st_size > 5_000


def test_real_hearts_without_muscle_count_half_in_the_ties():
    keys = ("myocardium", "left_ventricle", "right_ventricle", "left_atrium", "right_atrium")
    rows = {str(k): {"phase": "diastole", **{f"{key}_ml": str(100.0 + k) for key in keys}} for k in range(6)}
    real = {key: np.array([0.0, 1.0, 2.0, 3.0, 0.0, 3.0]) for key in keys}
    real["right_atrium"] = np.array([0.0, 1.0, 2.0, 3.0, 3.0, 0.0])  # the last two contradict the others
    real["myocardium"] = np.array([0.0, 1.0, 2.0, 3.0, np.nan, np.nan])
    line = next(row for row in correlation_lines(rows, real) if row.startswith("| right ventricle, right atrium"))
    plain = np.corrcoef(real["right_ventricle"], real["right_atrium"])[0, 1]
    assert float(line.split("|")[3].split()[0]) > plain + 0.15
    assert "| 1.00 (n = 6) |" in line


def test_a_report_says_what_lies_outside_its_range(monkeypatch):
    entry = Published("Quantity", "some_ml", 2.0, "", 15.0, 25.0, "ml", "someone")
    monkeypatch.setattr("Training.cohort.report.PUBLISHED", (entry,))
    inside = {str(k): {"phase": "systole", "some_ml": str(9.0 + 0.2 * k)} for k in range(11)}
    outside = {**inside, **{f"x{k}": {"phase": "systole", "some_ml": "16"} for k in range(3)}}
    assert "| yes |" in published_lines(inside)[2]
    assert "| **no** |" in published_lines(outside)[2]


def test_variants_stand_beside_their_source():
    kinds = ["chicken_wing", "chicken_wing", "cactus", "windsock"]
    drawn = {
        name: list(row["frequency"]) for theme in population().table["variants"].values() for name, row in theme.items()
    }
    rows = {
        str(k): {name: names[0] for name, names in drawn.items()} | {"appendage": kind} for k, kind in enumerate(kinds)
    }
    line = next(row for row in variant_lines(rows) if row.startswith("| appendage (dibiase)"))
    assert "chicken_wing 0.50, 0.48; cactus 0.25, 0.30; windsock 0.25, 0.19; cauliflower 0.00, 0.03" in line


def test_a_report_needs_a_cohort(tmp_path, capsys):
    assert main(["cohort-report", str(tmp_path)]) == 2
    assert "holds no cohort" in capsys.readouterr().err
