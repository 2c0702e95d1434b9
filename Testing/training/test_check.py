"""The page on prepared data: hearts that were spoilt on purpose are named, sound ones are not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from CardiacCompletionLib.anatomy.vocabulary import load_vocabulary
from CardiacCompletionLib.files.label_map_file import write_label_map
from CardiacCompletionLib.files.reading import read_segmentation
from CardiacCompletionLib.geometry.label_map import LabelMap
from Training.__main__ import main

LABEL = {structure.key: structure.label for structure in load_vocabulary()}


def mirrored(voxels: np.ndarray) -> np.ndarray:
    return voxels[:, :, ::-1]


def with_an_island(voxels: np.ndarray) -> np.ndarray:
    spoilt = voxels.copy()
    spoilt[1:4, 1:4, 1:4] = LABEL["left_atrium"]
    return spoilt


def with_a_speck(voxels: np.ndarray) -> np.ndarray:
    """Of the right atrium only a few voxels stay."""
    spoilt = voxels.copy()
    held = np.argwhere(voxels == LABEL["right_atrium"])
    middle = held[np.argsort(((held - held.mean(axis=0)) ** 2).sum(axis=1))[:40]]
    spoilt[tuple(held.T)] = 0
    spoilt[tuple(middle.T)] = LABEL["right_atrium"]
    return spoilt


def cut_below(voxels: np.ndarray) -> np.ndarray:
    """The image ends in the middle of the left ventricle."""
    held = np.flatnonzero((voxels == LABEL["left_ventricle"]).any(axis=(1, 2)))
    return voxels[int(held.mean()) :]


def without_veins(voxels: np.ndarray) -> np.ndarray:
    return np.where(voxels == LABEL["pulmonary_veins"], 0, voxels)


SPOILT = {f.__name__: f for f in (mirrored, with_an_island, with_a_speck, cut_below, without_veins)}


@pytest.fixture(scope="module")
def checked(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One heart as it is and five spoilt ones, prepared and looked at."""
    folder = tmp_path_factory.mktemp("check")
    (folder / "hearts").mkdir()
    segmentation = read_segmentation(prepared.parent / "hearts" / "heart_000000.nii.gz")
    voxels, ijk_to_ras = segmentation.layers[0].astype(np.uint8), segmentation.ijk_to_ras
    for name, spoil in {"sound": np.copy, **SPOILT}.items():
        write_label_map(LabelMap(spoil(voxels), ijk_to_ras), folder / "hearts" / f"{name}.nii.gz")
    (folder / "d.yaml").write_text("name: spoilt\nfolder: hearts\n")
    assert main(["prepare", str(folder / "d.yaml"), "--out", str(folder / "prepared"), "--workers", "1"]) == 0
    assert main(["check", str(folder / "prepared"), "--hearts", "2", "--workers", "1"]) == 0
    return folder / "prepared"


@pytest.mark.parametrize(
    ("sentence", "case"),
    [
        ("This heart looks mirrored left to right", "mirrored"),
        ("Left atrium is in 2 pieces, not 1.", "with_an_island"),
        ("Right atrium is tiny.", "with_a_speck"),
        ("Left ventricle leaves the image.", "cut_below"),
        ("Pulmonary veins", "without_veins"),
    ],
)
def test_what_is_odd_is_said_of_the_heart_that_it_is_true_of(checked: Path, sentence: str, case: str) -> None:
    lines = [line for line in (checked / "check.md").read_text().splitlines() if f": {sentence}" in line]
    assert len(lines) == 1
    assert lines[0].startswith("- 1 of 6")
    assert lines[0].endswith(f"({case})")


def test_nothing_is_odd_about_a_sound_heart(checked: Path) -> None:
    assert "sound" not in (checked / "check.md").read_text()


def test_the_picture_shows_the_samples_in_colour(checked: Path) -> None:
    picture = imread(checked / "check.png")[..., :3]
    assert picture.shape[0] > 500
    colourful = picture.max(axis=2) - picture.min(axis=2) > 0.2
    assert colourful.mean() > 0.05


def test_a_folder_without_prepared_data_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(tmp_path)]) == 2
    assert "run `python -m Training prepare` first" in capsys.readouterr().err
