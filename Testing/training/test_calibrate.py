"""Calibration writes into the card what the engine reads, and nothing else of it changes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from CardiacCompletionLib.model.weights import load_model
from Training.__main__ import main
from Training.calibrate import reach_of


def test_spreads_reaches_and_the_usual_score_go_into_the_card(unbroken: Path, prepared: Path, tmp_path: Path) -> None:
    weights = tmp_path / "w.safetensors"
    assert main(["export", str(unbroken), "--out", str(weights)]) == 0
    before = json.loads(weights.with_suffix(".json").read_text())
    words = ["calibrate", "--data", str(prepared), "--weights", str(weights), "--schemes", "chambers", "--samples", "4"]
    assert main(words) == 0
    card = load_model(weights).card
    found = card.pop("calibration")
    assert card == before
    hidden = ("aorta", "pulmonary_artery", "left_atrial_appendage", "pulmonary_veins")
    assert any(found["spread"][key] != 1.0 for key in hidden)
    assert all(0.5 <= spread <= 2.0 for spread in found["spread"].values())
    assert found["reach"].keys() >= set(hidden)
    assert all(low <= high for low, high in found["reach"].values())
    assert found["meaning"].keys() <= found.keys()
    # Chambers are trusted in this scheme, so nothing is found out about them.
    assert found["spread"]["left_ventricle"] == 1.0
    assert "left_ventricle" not in found["reach"]
    assert 0.1 < found["usual_score"] < 10.0
    assert found["data_sets"] == ["virtual"]


@pytest.mark.parametrize("count", [19, 60])
def test_one_more_score_lies_within_reach_nine_times_out_of_ten(count: int) -> None:
    """Of skewed scores far from zero, as of a structure that always comes out too small."""
    scores = np.random.default_rng(0).lognormal(1.0, 0.8, (4000, count + 1))
    ends = np.array([reach_of(row[:-1]) for row in scores])
    below, above = (scores[:, -1] < ends[:, 0]).mean(), (scores[:, -1] > ends[:, 1]).mean()
    assert below == pytest.approx(np.floor(0.05 * (count + 1)) / (count + 1), abs=0.012)
    assert above == pytest.approx(np.floor(0.05 * (count + 1)) / (count + 1), abs=0.012)
    assert below + above <= 0.1 + 0.015


def test_certainty_is_measured_on_hearts_that_calibrated_nothing(
    unbroken: Path, prepared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights, report = tmp_path / "w.safetensors", tmp_path / "RESULTS.md"
    assert main(["export", str(unbroken), "--out", str(weights)]) == 0
    words = ["--weights", str(weights), "--schemes", "chambers", "--samples", "4"]
    assert main(["calibration", "--data", str(prepared), *words]) == 2
    assert "keep two or more" in capsys.readouterr().err
    manifest = json.loads((prepared / "manifest.json").read_text())
    for case in manifest["cases"][-2:]:
        case["split"] = "test"
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    (tmp_path / "cases").symlink_to(prepared / "cases")
    assert main(["calibration", "--data", str(tmp_path), *words, "--report", str(report)]) == 0
    rows = [line.split("|") for line in report.read_text().splitlines() if line.startswith("| chambers")]
    *rows, sound = rows
    assert int(sound[2]) == 1
    assert all(share.strip().endswith("%") for share in sound[3:5])
    assert {row[2].strip() for row in rows} >= {"Aorta", "Pulmonary artery"}
    assert all(int(row[3]) == 1 and 0 <= float(row[5]) <= 1 for row in rows)
