"""Label maps of one's own: any file type, orientation, name and label number will do, and what is wrong is said."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from scipy.ndimage import binary_dilation

from CardiacCompletionLib.anatomy.heart import Heart
from CardiacCompletionLib.anatomy.vocabulary import load_vocabulary
from CardiacCompletionLib.errors import CompletionError
from CardiacCompletionLib.files.reading import read_segmentation
from CardiacCompletionLib.files.writing import write_heart
from CardiacCompletionLib.geometry.region import Region
from Training.__main__ import main
from Training.data.description import DataSetDescription
from Training.data.hearts import PreparedHearts
from Training.data.meaning import read_heart

KEYS = ("left_ventricle", "right_ventricle")
VALUES = {3: 30, 5: 7}
LABELS = "labels: {30: left_ventricle, 7: right_ventricle}\n"
Write = Callable[[str, np.ndarray], None]


def ventricles(prepared: Path) -> sitk.Image:
    """Both ventricles of a virtual heart, under label numbers of one's own."""
    whole = sitk.ReadImage(str(prepared.parent / "hearts" / "heart_000000.nii.gz"))
    voxels = sitk.GetArrayFromImage(whole)
    own = np.zeros(voxels.shape, dtype=np.int16)
    for value, renamed in VALUES.items():
        own[voxels == value] = renamed
    image = sitk.GetImageFromArray(own)
    image.CopyInformation(whole)
    return image


@pytest.fixture
def heart(prepared: Path) -> sitk.Image:
    return ventricles(prepared)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder of label maps, ``labels``, beside which descriptions go."""
    (tmp_path / "labels").mkdir()
    return tmp_path / "labels"


def described(folder: Path, text: str = LABELS) -> Path:
    path = folder.with_name("d.yaml")
    path.write_text(f"name: ours\nfolder: labels\npattern: ['**/*.nii.gz', '*.nii', '*.mha', '*.nrrd']\n{text}")
    return path


def prepare(description: Path) -> int:
    return main(["prepare", str(description), "--out", str(description.with_name("out")), "--workers", "1"])


def samples(folder: Path) -> PreparedHearts:
    return PreparedHearts([folder.with_name("out")], "all", KEYS)


def test_file_type_orientation_and_name_make_no_difference(heart: sitk.Image, folder: Path) -> None:
    """Names with dots and the same name in several folders are cases of their own."""
    names = {"p.01.nii.gz": "LPS", "p.02.mha": "PIR", "P3.nrrd": "SRP", "P4.nii": "ASL"}
    for name, orientation in {**names, "a/heart.nii.gz": "LPS", "b/heart.nii.gz": "RAI"}.items():
        (folder / name).parent.mkdir(exist_ok=True)
        sitk.WriteImage(sitk.DICOMOrient(heart, orientation), str(folder / name))
    assert prepare(described(folder)) == 0
    hearts = samples(folder)
    assert set(hearts.case_names) == {"p.01", "p.02", "P3", "P4", "a-heart", "b-heart"}
    first = hearts.cases[0]
    for case in hearts.cases:
        assert case.present.all()
        assert case.centroids == pytest.approx(first.centroids, abs=1e-3)
        assert case.spreads == pytest.approx(first.spreads, abs=1e-3)


def test_two_values_may_be_one_structure(heart: sitk.Image, folder: Path) -> None:
    sitk.WriteImage(heart, str(folder / "a.nii.gz"))
    assert prepare(described(folder, "labels: {30: left_ventricle, 7: left_ventricle}\n")) == 0
    voxels = sitk.GetArrayFromImage(heart)
    assert samples(folder).heart(0).regions["left_ventricle"].mask.sum() == np.count_nonzero(voxels)


def test_named_segments_are_what_they_are_called_whatever_their_values_and_layers(
    prepared: Path, heart: sitk.Image, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A Slicer segmentation whose left ventricle overlaps the right one, beside a label map of the same heart."""
    sitk.WriteImage(heart, str(folder / "plain.nii.gz"))
    labels = {3: "left_ventricle", 5: "right_ventricle", 6: "aorta"}
    whole = read_heart(prepared.parent / "hearts" / "heart_000000.nii.gz", labels)
    larger = binary_dilation(sitk.GetArrayFromImage(heart) == VALUES[3], iterations=12)
    regions = {**whole.regions, "left_ventricle": Region.of_mask(larger)}
    named = Heart(regions, whole.shape, whole.ijk_to_ras)
    write_heart(named, dict.fromkeys(regions, "trusted"), load_vocabulary(), folder / "named.seg.nrrd")
    assert len(read_segmentation(folder / "named.seg.nrrd").layers) == 2
    assert prepare(described(folder)) == 0
    assert "does not mention were taken for background: Aorta in 1 of 2 (named first)" in capsys.readouterr().out
    read, plain = (samples(folder).heart(index).regions for index in range(2))
    assert read["left_ventricle"].mask.sum() == larger.sum()
    assert np.array_equal(read["right_ventricle"].mask, plain["right_ventricle"].mask)


def test_two_files_of_one_name_are_refused(heart: sitk.Image, folder: Path) -> None:
    for name in ("a.nii.gz", "a.mha"):
        sitk.WriteImage(heart, str(folder / name))
    with pytest.raises(CompletionError, match=r"a\.mha and a\.nii\.gz are one case by their names"):
        DataSetDescription.read(described(folder)).cases()


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("empty", "cannot be read"),
        ("flat", "has 2 dimensions"),
        ("fractions", "holds fractions"),
        ("background", "holds no label"),
        ("full", "fills the image from border to border"),
        ("other", "none of the structures of the description is in it"),
        ("half", "cannot be read"),
    ],
)
def test_a_file_that_is_no_heart_is_named_with_its_reason_and_the_others_are_prepared(
    heart: sitk.Image, folder: Path, name: str, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    voxels = sitk.GetArrayFromImage(heart)
    bad = {
        "flat": voxels[20],
        "fractions": voxels + 0.3,
        "background": np.zeros_like(voxels),
        "full": np.full_like(voxels, 30),
        "other": np.where(voxels == 30, 99, 0),
        "half": voxels,
    }
    path = folder / f"{name}.mha"
    if name in bad:
        sitk.WriteImage(sitk.GetImageFromArray(bad[name]), str(path))
    path.write_bytes(b"" if name == "empty" else path.read_bytes()[: 2000 if name == "half" else None])
    sitk.WriteImage(sitk.Cast(heart, sitk.sitkFloat32), str(folder / "good.nii.gz"))
    assert prepare(described(folder)) == 0
    printed = capsys.readouterr().out
    assert "1 hearts prepared" in printed
    assert f"  {path.name}: " in printed
    assert sentence in printed
    (folder / "good.nii.gz").unlink()
    assert prepare(described(folder)) == 2
    said = capsys.readouterr().err
    assert "ours: none of 1 cases is usable; first: " in said
    assert sentence in said


def test_a_value_that_the_description_does_not_mention_is_said_by_prepare_and_check(
    heart: sitk.Image, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sitk.WriteImage(heart, str(folder / "a.nii.gz"))
    description = described(folder, "labels: {30: left_ventricle}\n")
    said = "not mention were taken for background: 7 in 1 of 1 (a first)."
    for _ in ("prepared", "taken up again"):
        assert prepare(description) == 0
        assert said in capsys.readouterr().out
    assert main(["check", str(folder.with_name("out")), "--hearts", "1", "--workers", "1"]) == 0
    assert said in (folder.with_name("out") / "check.md").read_text()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("labeled: [aorta]", "unknown field 'labeled'"),
        ("labels: [aorta]", "which value is which structure"),
        ("labels: {one: aorta}", "which value is which structure"),
        ("labels: {1: aorta}\nconvention: mmwhs", "both labels and a convention"),
        ("labels: {1: aorta}\nlabelled: [left_atrium]", "left_atrium is labelled, but no label value"),
        ("convention: mine", "no label convention named 'mine'"),
        ("truncated: 3", "truncated in d.yaml is to be a name"),
        ("weight: heavy", "weight in d.yaml is to be a number above 0"),
        ("weight: 2\ntraining_weight: 0", "training_weight in d.yaml is to be a number above 0"),
        ("test_fraction: 1.5", "from 0 to less than 1"),
        ("folds: 1", "whole number, 2 or more"),
        ("folds: 3\ntest_fraction: 0.2", "both test_fraction and folds"),
        ("test_cases: nowhere.txt", "nowhere.txt cannot be read"),
        ("patients: [a, b]", "of whose patient"),
    ],
)
def test_a_description_that_says_something_else_is_refused_in_a_sentence(
    folder: Path, text: str, sentence: str
) -> None:
    with pytest.raises(CompletionError, match=sentence):
        DataSetDescription.read(described(folder, f"{text}\n"))


@pytest.mark.parametrize("text", ["- a\n", "name: [a\n", "", "folder: .\n"])
def test_a_file_that_is_no_description_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "d.yaml").write_text(text)
    with pytest.raises(CompletionError, match="needs at least name and folder"):
        DataSetDescription.read(tmp_path / "d.yaml")


def test_a_missing_folder_and_a_file_as_output_are_said(
    folder: Path, heart: sitk.Image, capsys: pytest.CaptureFixture[str]
) -> None:
    sitk.WriteImage(heart, str(folder / "a.nii.gz"))
    description = described(folder)
    folder.with_name("out").write_text("a file")
    assert prepare(description) == 2
    assert "choose another --out" in capsys.readouterr().err
    folder.rename(folder.with_name("elsewhere"))
    assert prepare(description) == 2
    assert "there is no folder" in capsys.readouterr().err


def test_the_cases_of_a_split_file_are_kept_apart_and_unknown_ones_are_said(heart: sitk.Image, folder: Path) -> None:
    for name in ("a", "b.1", "c"):
        sitk.WriteImage(heart, str(folder / f"{name}.nii.gz"))
    listed = folder.with_name("test.txt")
    description = DataSetDescription.read
    listed.write_text("b.1\n\n")
    said = description(described(folder, f"{LABELS}test_cases: test.txt\n"))
    assert said.split.of(said.cases()) == {"a": "train", "b.1": "test", "c": "train"}
    listed.write_text("b.1\nnobody\n")
    said = description(described(folder, f"{LABELS}test_cases: test.txt\n"))
    with pytest.raises(CompletionError, match="1 of the test_cases are not there, 'nobody' first"):
        said.split.of(said.cases())


def test_a_killed_prepare_goes_on_and_ends_as_an_unbroken_one(prepared: Path, tmp_path: Path) -> None:
    """Killed with the first case done: that one is not made again, and all checksums are those of an unbroken run."""
    description = prepared.parent / "virtual.yaml"
    command = [sys.executable, "-m", "Training", "prepare", str(description), "--out", str(tmp_path), "--workers", "1"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not (done := list((tmp_path / "cases").glob("*.safetensors"))):
        assert process.poll() is None
        time.sleep(0.002)
    process.kill()
    process.communicate()
    assert not (tmp_path / "manifest.json").exists()
    before = {path: path.stat().st_mtime_ns for path in done}
    assert main(command[3:]) == 0
    assert {path: path.stat().st_mtime_ns for path in done} == before
    found, expected = (json.loads((path / "manifest.json").read_text()) for path in (tmp_path, prepared))
    assert found == expected


def test_hidden_files_are_no_cases(heart: sitk.Image, folder: Path) -> None:
    """What macOS keeps beside a file, and what a killed program leaves half-written."""
    sitk.WriteImage(heart, str(folder / "a.nii.gz"))
    (folder / "._a.nii.gz").write_bytes(b"Mac OS X")
    (folder / ".partial-host-1").mkdir()
    (folder / ".partial-host-1" / "b.nii.gz").write_bytes(b"half")
    assert prepare(described(folder)) == 0
    assert samples(folder).case_names == ["a"]


def test_samples_are_not_taken_up_under_other_labels(
    heart: sitk.Image, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sitk.WriteImage(heart, str(folder / "a.nii.gz"))
    assert prepare(described(folder)) == 0
    assert prepare(described(folder, "labels: {30: left_atrium, 7: right_ventricle}\n")) == 2
    assert "was begun with other labels and labelled" in capsys.readouterr().err
    assert prepare(described(folder, f"{LABELS}truncated: [right_ventricle]\n")) == 2
    assert "was begun with other truncated" in capsys.readouterr().err


def test_a_corrected_label_map_is_prepared_again(heart: sitk.Image, folder: Path) -> None:
    sitk.WriteImage(heart, str(folder / "a.nii.gz"))
    assert prepare(described(folder)) == 0
    voxels = sitk.GetArrayFromImage(heart)
    corrected = sitk.GetImageFromArray(np.where(voxels == 7, 0, voxels))
    corrected.CopyInformation(heart)
    sitk.WriteImage(corrected, str(folder / "a.nii.gz"))
    assert prepare(described(folder)) == 0
    assert samples(folder).cases[0].present.tolist() == [True, False]


def test_damaged_samples_and_manifests_are_said_and_made_good_by_preparing_again(
    prepared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = Path(shutil.copytree(prepared, tmp_path / "data"))
    path, manifest = data / "cases" / "heart_000001.safetensors", data / "manifest.json"
    again = ["prepare", str(prepared.parent / "virtual.yaml"), "--out", str(data), "--workers", "1"]
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    fit = ["fit", "--preset", "tiny", "--data", str(data), "--out", str(tmp_path / "run")]
    assert main(fit) == 2
    assert "heart_000001.safetensors is missing or damaged: run `python -m Training prepare`" in capsys.readouterr().err
    assert main(again) == 0
    assert path.read_bytes() == (prepared / "cases" / path.name).read_bytes()
    said = manifest.read_text()
    for text, sentence in (
        (said[:300], "holds no prepared data"),
        ('{"cases": []}', "manifest of"),
        ("[]", "manifest of"),
        (said.replace('"right_ventricle"', '"formerly"', 1), "was prepared before right_ventricle was known"),
    ):
        manifest.write_text(text)
        assert main(fit) == 2
        assert sentence in capsys.readouterr().err
        manifest.unlink()
        assert main(again) == 0
    assert manifest.read_text() == said
