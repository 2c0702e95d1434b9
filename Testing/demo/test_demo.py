"""``make demo``, on the bundled heart and on a real one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from CardiacCompletionLib.anatomy.vocabulary import load_vocabulary
from CardiacCompletionLib.files.reading import read_segmentation

ROOT = Path(__file__).resolve().parent.parent.parent
REAL = ROOT.parent / "shared" / "real" / "hra_vhm.nii.gz"
TRUSTED = "left_ventricle,myocardium,left_atrium,aorta"


def demo(folder: Path, *arguments: str) -> str:
    """Run the demo in a folder; what it prints."""
    command = [sys.executable, "-m", "Testing.demo", *arguments]
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def check(folder: Path, printed: str, trusted: set[str]) -> dict[str, float]:
    """The files are there and hold what the table names, all ten but for what it says is missing; Dice as printed."""
    vocabulary = load_vocabulary()
    assert (folder / "demo" / "completed.png").stat().st_size > 50_000
    whole = read_segmentation(folder / "demo" / "completed.seg.nrrd").whole_heart(vocabulary)
    missing = set(vocabulary.keys[:10]) - set(whole.regions)
    assert missing <= {"coronary_arteries"}
    assert all(f"{vocabulary[key].name} could not be inferred" in printed for key in missing)
    rows = {line[:24].strip(): line[24:].split() for line in printed.splitlines()}
    scores = {}
    for structure in map(vocabulary.__getitem__, whole.regions):
        origin, volume, score = rows[structure.name]
        assert origin == ("trusted" if structure.key in trusted else "inferred")
        assert float(volume) == pytest.approx(whole.volume_ml(structure.key), abs=0.06)
        scores[structure.key] = float(score)
    assert all(scores[key] == 1.0 for key in trusted)
    return scores


def test_the_bundled_heart_is_completed(tmp_path: Path) -> None:
    folder = tmp_path / "a folder"
    folder.mkdir()
    trusted = {"myocardium", "left_ventricle", "right_ventricle", "left_atrium"}
    scores = check(folder, demo(folder), trusted)
    assert scores["right_atrium"] > 0.7
    assert scores["pulmonary_artery"] > 0.5


def test_a_real_heart_is_completed(tmp_path: Path) -> None:
    if not REAL.exists():
        pytest.skip(f"no real hearts beside the repository ({REAL.parent.name}/ is missing)")
    printed = demo(tmp_path, "--real", str(REAL), "--trusted", TRUSTED)
    scores = check(tmp_path, printed, set(TRUSTED.split(",")))
    assert scores["right_atrium"] > 0.4
    assert scores["right_ventricle"] > 0.5
