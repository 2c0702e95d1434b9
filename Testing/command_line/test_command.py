"""The command as a user types it: exit status, files, and one sentence when something is wrong."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from CardiacCompletionLib.anatomy.heart import Heart
from CardiacCompletionLib.anatomy.vocabulary import load_vocabulary
from CardiacCompletionLib.command_line.main import main
from CardiacCompletionLib.files.reading import read_segmentation
from CardiacCompletionLib.files.writing import write_heart
from CardiacCompletionLib.resources import resource_path

VOCABULARY = load_vocabulary()
PARTIAL = resource_path("SampleData", "PartialHeart.seg.nrrd")
TRUSTED = "left_ventricle,myocardium"


@pytest.mark.parametrize("ending", [".seg.nrrd", ".nii.gz"])
def test_complete_writes_the_heart_and_its_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], ending: str
) -> None:
    out, report = tmp_path / f"a heart{ending}", tmp_path / "report.json"
    request = ["complete", str(PARTIAL), "--trusted", TRUSTED, "--output", str(out), "--spacing", "4"]
    assert main([*request, "--report", str(report), "--device", "cpu"]) == 0
    whole = read_segmentation(out).whole_heart(VOCABULARY)
    assert {"left_atrium", "right_atrium", "aorta"} <= whole.regions.keys()
    content = json.loads(report.read_text())
    assert content["report_version"] == 2
    origins = {row["key"]: row["origin"] for row in content["structures"]}
    assert origins["left_ventricle"] == "trusted"
    assert origins["right_atrium"] == "inferred"
    assert "Right atrium            inferred" in capsys.readouterr().out
    assert {path.name for path in tmp_path.iterdir()} == {out.name, report.name}


def label_map(path: Path, convention: str) -> None:
    """The partial heart as a label map in a public data set's values."""
    values = {key: value for value, key in VOCABULARY.convention(convention).items()}
    segmentation = read_segmentation(PARTIAL)
    heart = segmentation.whole_heart(VOCABULARY)
    voxels = np.zeros(heart.shape, dtype=np.int16)
    for key, region in heart.regions.items():
        voxels[region.box][region.mask] = values[key]
    image = sitk.GetImageFromArray(voxels)
    image.SetDirection((-1, 0, 0, 0, -1, 0, 0, 0, 1))
    sitk.WriteImage(image, str(path))


def test_inspect_says_what_is_what_and_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(PARTIAL)]) == 0
    assert "terminology code 87878005" in capsys.readouterr().out
    label_map(tmp_path / "mmwhs.nii.gz", "mmwhs")
    assert main(["inspect", str(tmp_path / "mmwhs.nii.gz")]) == 0
    assert "label 500 in mmwhs" in capsys.readouterr().out


def test_classes_lists_the_vocabulary(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["classes"]) == 0
    listed = capsys.readouterr().out
    assert all(key in listed for key in VOCABULARY.keys)


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Run a command that must fail; the one sentence it says."""
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert not said.out
    assert said.err.count("\n") == 1
    return said.err


def test_bad_requests_are_answered_in_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out.seg.nrrd"
    good = ["complete", str(PARTIAL), "--trusted", TRUSTED, "--output", str(out)]
    assert "no structure named 'heart'" in refused([*good[:3], "heart", *good[4:]], capsys)
    assert "Aorta is not in this heart" in refused([*good[:3], "aorta", *good[4:]], capsys)
    assert "No structure is trusted" in refused([*good[:3], " , ", *good[4:]], capsys)
    assert "no label convention named 'x'" in refused([*good, "--convention", "x"], capsys)
    assert "unknown ending" in refused([*good[:-1], str(tmp_path / "out.stl")], capsys)
    assert "model card" in refused([*good, "--weights", str(tmp_path / "w.safetensors")], capsys)
    assert "no file" in refused(["inspect", str(tmp_path / "gone.nii")], capsys)
    assert not list(tmp_path.iterdir())


def test_lack_of_memory_is_answered_in_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights = shutil.copy(resource_path("Weights", "cardiac10.safetensors"), tmp_path)
    card = json.loads(resource_path("Weights", "cardiac10.json").read_text(encoding="utf-8"))
    card["architecture"]["latents"] = 2**44
    (tmp_path / "cardiac10.json").write_text(json.dumps(card), encoding="utf-8")
    request = ["complete", str(PARTIAL), "--trusted", TRUSTED, "--output", str(tmp_path / "o.nrrd")]
    assert "not enough memory" in refused([*request, "--weights", str(weights)], capsys)


def test_a_wrong_label_convention_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    label_map(tmp_path / "heart.nii.gz", "mmwhs")
    request = ["complete", str(tmp_path / "heart.nii.gz"), "--trusted", TRUSTED, "--output", str(tmp_path / "o.nrrd")]
    assert "Left ventricle is not in this heart" in refused([*request, "--convention", "cardiac10"], capsys)
    assert not (tmp_path / "o.nrrd").exists()


def test_a_report_that_cannot_be_written_is_said_before_the_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    request = ["complete", str(PARTIAL), "--trusted", TRUSTED, "--output", str(tmp_path / "o.seg.nrrd")]
    assert "no folder" in refused([*request, "--report", str(tmp_path / "nowhere" / "r.json")], capsys)
    assert not list(tmp_path.iterdir())


def test_the_package_runs_as_a_module() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "CardiacCompletionLib", "inspect", "nothing.nii.gz"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 2
    assert ran.stderr.startswith("There is no file")


def test_an_origin_tag_tells_inferred_from_trusted(tmp_path: Path) -> None:
    heart = read_segmentation(PARTIAL).whole_heart(VOCABULARY)
    origins = {key: "inferred" if key == "left_atrium" else "trusted" for key in heart.regions}
    write_heart(heart, origins, VOCABULARY, tmp_path / "h.seg.nrrd")
    image = sitk.ReadImage(str(tmp_path / "h.seg.nrrd"))
    tags = {image.GetMetaData(f"Segment{n}_ID"): image.GetMetaData(f"Segment{n}_Tags") for n in range(len(origins))}
    assert "CardiacCompletion.Origin:inferred" in tags["left_atrium"]
    assert "CardiacCompletion.Origin:trusted" in tags["left_ventricle"]


def test_what_is_cut_off_can_be_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, report = tmp_path / "h.seg.nrrd", tmp_path / "r.json"
    request = ["complete", str(PARTIAL), "--output", str(out), "--spacing", "4", "--report", str(report)]
    assert main([*request, "--trusted", "left_ventricle,myocardium,left_atrium:cut,right_ventricle:whole"]) == 0
    rows = {row["key"]: row for row in json.loads(report.read_text())["structures"]}
    assert rows["left_atrium"]["cut"]
    assert not rows["right_ventricle"]["cut"]
    capsys.readouterr()
    assert "write left_atrium, left_atrium:cut or left_atrium:whole" in refused(
        [*request, "--trusted", "left_ventricle,left_atrium:half"], capsys
    )


def test_a_swapped_heart_is_refused_unless_forced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    heart = read_segmentation(PARTIAL).whole_heart(VOCABULARY)
    names = {"left_ventricle": "right_ventricle", "right_ventricle": "left_ventricle"}
    swapped = {names.get(key, key): region for key, region in heart.regions.items()}
    wrong, out = tmp_path / "wrong.seg.nrrd", tmp_path / "out.seg.nrrd"
    write_heart(Heart(swapped, heart.shape, heart.ijk_to_ras), dict.fromkeys(swapped, "trusted"), VOCABULARY, wrong)
    request = ["complete", str(wrong), "--trusted", "left_ventricle,right_ventricle,left_atrium", "--output", str(out)]
    assert "Left ventricle and Right ventricle look swapped" in refused([*request, "--spacing", "5"], capsys)
    assert not out.exists()
    assert main([*request, "--spacing", "5", "--force"]) == 0
    assert "look swapped" in capsys.readouterr().out


def test_trusted_structures_can_be_made_anew(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out.seg.nrrd"
    request = ["complete", str(PARTIAL), "--trusted", TRUSTED, "--output", str(out), "--spacing", "5"]
    assert main([*request, "--resample-trusted"]) == 0
    assert "Left ventricle          inferred" in capsys.readouterr().out


def test_what_should_touch_and_does_not_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An aorta far above the heart: no completion can lead a ventricle there."""
    whole = read_segmentation(resource_path("SampleData", "WholeHeart.seg.nrrd")).whole_heart(VOCABULARY)
    aorta = whole.regions["aorta"].shifted((whole.shape[0], 0, 0))
    parts = {"myocardium": whole.regions["myocardium"], "aorta": aorta}
    apart = Heart(parts, (2 * whole.shape[0], *whole.shape[1:]), whole.ijk_to_ras)
    file, out, report = (tmp_path / name for name in ("apart.seg.nrrd", "out.seg.nrrd", "report.json"))
    write_heart(apart, dict.fromkeys(parts, "trusted"), VOCABULARY, file)
    request = ["complete", str(file), "--trusted", "myocardium,aorta", "--output", str(out), "--report", str(report)]
    assert main([*request, "--spacing", "5", "--force"]) == 0
    sentence = "Aorta and Left ventricle should touch and do not"
    assert sentence in capsys.readouterr().out
    content = json.loads(report.read_text())
    assert any(sentence in warning for warning in content["warnings"])
    assert {"between": ["aorta", "left_ventricle"], "touch": False} in content["contacts"]
