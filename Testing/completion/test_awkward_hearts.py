"""Hearts as they really come: each has a named outcome, an answer or a sentence."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from scipy.spatial.transform import Rotation

from CardiacCompletionLib import HeartCompleter
from CardiacCompletionLib.anatomy.heart import Heart
from CardiacCompletionLib.anatomy.vocabulary import load_vocabulary
from CardiacCompletionLib.errors import CompletionError
from CardiacCompletionLib.files.label_map_file import image_from_label_map, ras_placement
from CardiacCompletionLib.geometry.label_map import LabelMap
from CardiacCompletionLib.geometry.region import Region

VOCABULARY = load_vocabulary()
LABELS = {value: key for value, key in VOCABULARY.convention("cardiac10").items() if value <= 10}
TRUSTED = ("myocardium", "left_ventricle", "right_ventricle")


def resampled(heart: Heart, spacing: tuple[float, float, float], angles: tuple[float, float, float]) -> Heart:
    """The same heart in the same place, cut into other voxels (nearest neighbour)."""
    image = image_from_label_map(heart.to_label_map(VOCABULARY))
    turn = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
    middle = np.array(image.TransformContinuousIndexToPhysicalPoint([(n - 1) / 2 for n in image.GetSize()]))
    size = [int(1.5 * max(image.GetSize()) * max(image.GetSpacing()) / s) for s in spacing]
    origin = middle - turn @ (np.array(spacing) * (np.array(size) - 1) / 2)
    resampler = sitk.ResampleImageFilter()
    resampler.SetInterpolator(sitk.sitkNearestNeighbor)
    resampler.SetSize(size)
    resampler.SetOutputSpacing(spacing)
    resampler.SetOutputDirection(turn.ravel().tolist())
    resampler.SetOutputOrigin(origin.tolist())
    other = resampler.Execute(image)
    return Heart.from_label_map(LabelMap(sitk.GetArrayFromImage(other), ras_placement(other)), LABELS)


def place_and_volume(heart: Heart, key: str) -> tuple[np.ndarray, float]:
    """Centroid in RAS mm and volume in ml."""
    region = heart.regions[key]
    kji = np.argwhere(region.mask).mean(axis=0) + region.start
    return heart.ijk_to_ras[:3, :3] @ kji[::-1] + heart.ijk_to_ras[:3, 3], heart.volume_ml(key)


@pytest.mark.parametrize(
    ("spacing", "angles"),
    [((1.0, 1.0, 1.0), (30, -20, 140)), ((0.8, 0.8, 3.0), (0, 0, 0)), ((1.5, 0.9, 2.5), (-70, 15, 35))],
    ids=["oblique", "anisotropic", "oblique and anisotropic"],
)
def test_other_voxels_of_the_same_heart_give_the_same_answer(
    completer: HeartCompleter, sample: Heart, spacing: tuple, angles: tuple
) -> None:
    usual = completer.complete(sample, TRUSTED, spacing=2.0).heart
    other = completer.complete(resampled(sample, spacing, angles), TRUSTED, spacing=2.0).heart
    for key in ("left_atrium", "right_atrium", "aorta"):
        place, volume = place_and_volume(usual, key)
        other_place, other_volume = place_and_volume(other, key)
        assert np.linalg.norm(other_place - place) < 2.0, key
        assert other_volume == pytest.approx(volume, rel=0.1), key


def test_the_answer_moves_with_the_heart(completer: HeartCompleter, sample: Heart) -> None:
    moved = sample.ijk_to_ras.copy()
    moved[:3, 3] += (123, -45, 678)
    usual = completer.complete(sample, TRUSTED, spacing=3.0)
    other = completer.complete(Heart(sample.regions, sample.shape, moved), TRUSTED, spacing=3.0)
    difference = usual.labels.voxels != other.labels.voxels
    assert difference.sum() < 0.002 * (usual.labels.voxels > 0).sum()


@pytest.mark.parametrize(
    ("flip", "sentence"),
    [((-1, 1, 1), "mirrored left to right"), ((1, 1, -1), "upside down"), ((-1, -1, 1), "turned about")],
)
def test_a_mirrored_or_turned_heart_is_refused(
    completer: HeartCompleter, sample: Heart, flip: tuple[int, int, int], sentence: str
) -> None:
    wrong = Heart(sample.regions, sample.shape, np.diag([*flip, 1.0]) @ sample.ijk_to_ras)
    with pytest.raises(CompletionError, match=f"looks {sentence}"):
        completer.complete(wrong, (*TRUSTED, "left_atrium", "right_atrium"))


@pytest.mark.parametrize("trusted", [("myocardium", "left_ventricle"), ("left_ventricle",)])
def test_one_long_axis_is_enough_to_tell_a_mirrored_heart(
    completer: HeartCompleter, sample: Heart, trusted: tuple[str, ...]
) -> None:
    mirrored = Heart(sample.regions, sample.shape, np.diag([-1.0, 1.0, 1.0, 1.0]) @ sample.ijk_to_ras)
    with pytest.raises(CompletionError, match="looks mirrored left to right"):
        completer.complete(mirrored, trusted)


@pytest.mark.parametrize("axis", [(1, 0, 0), (0, 1, 0), (0, 0, 1)])
def test_a_heart_that_lies_unusually_is_not_taken_for_a_flipped_one(
    completer: HeartCompleter, sample: Heart, axis: tuple[int, int, int]
) -> None:
    turn = np.eye(4)
    turn[:3, :3] = Rotation.from_rotvec(np.radians(35.0) * np.array(axis)).as_matrix()
    turned = Heart(sample.regions, sample.shape, turn @ sample.ijk_to_ras)
    for trusted in (("myocardium", "left_ventricle"), (*TRUSTED, "left_atrium", "right_atrium")):
        assert "aorta" in completer.complete(turned, trusted, spacing=4.0).inferred


@pytest.mark.parametrize(
    ("unit", "guess"),
    [
        (0.001, ", as if its voxel spacing were in metres"),
        (0.1, ".* in centimetres"),
        (1000.0, ".* in micrometres"),
        (10.0, ""),
    ],
)
def test_a_heart_in_other_units_is_refused(completer: HeartCompleter, sample: Heart, unit: float, guess: str) -> None:
    scaled = Heart(sample.regions, sample.shape, np.diag([unit, unit, unit, 1.0]) @ sample.ijk_to_ras)
    with pytest.raises(CompletionError, match=f"usual size{guess}: check that the voxel spacing is in millimetres"):
        completer.complete(scaled, TRUSTED)


def test_one_voxel_is_not_a_structure(completer: HeartCompleter, sample: Heart) -> None:
    speck = Region(np.ones((1, 1, 1), dtype=bool), sample.regions["left_atrium"].start)
    heart = Heart({**sample.regions, "left_atrium": speck}, sample.shape, sample.ijk_to_ras)
    with pytest.raises(CompletionError, match=r"Left atrium is only 0\.001 ml"):
        completer.complete(heart, (*TRUSTED, "left_atrium"))


def test_one_voxel_alone_is_refused(completer: HeartCompleter) -> None:
    speck = Region(np.ones((1, 1, 1), dtype=bool), (0, 0, 0))
    with pytest.raises(CompletionError, match="Left ventricle is only"):
        completer.complete(Heart({"left_ventricle": speck}, (1, 1, 1), np.eye(4)), ["left_ventricle"])


def test_a_heart_cut_by_the_image_is_completed(completer: HeartCompleter, sample: Heart) -> None:
    """The lowest fifth of the ventricles is beyond the image; the grid grows upwards for the aorta."""
    region = sample.regions["right_ventricle"]
    cut = region.start[0] + region.mask.shape[0] // 5
    voxels = sample.to_label_map(VOCABULARY).voxels[cut:]
    moved = sample.ijk_to_ras.copy()
    moved[:3, 3] += sample.ijk_to_ras[:3, 2] * cut
    heart = Heart.from_label_map(LabelMap(voxels, moved), LABELS)
    result = completer.complete(heart, TRUSTED, spacing=3.0)
    assert "aorta" in result.inferred
