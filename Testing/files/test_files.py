"""Hearts on disk: what is written is read back, what cannot be read is refused in a sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from CardiacCompletionLib.anatomy.heart import Heart
from CardiacCompletionLib.anatomy.vocabulary import load_vocabulary
from CardiacCompletionLib.errors import CompletionError
from CardiacCompletionLib.files.reading import read_segmentation
from CardiacCompletionLib.files.writing import write_heart
from CardiacCompletionLib.geometry.region import Region
from Testing.geometry.phantoms import ball, grid, voxelised

VOCABULARY = load_vocabulary()
SIZE = 32
OBLIQUE = grid((0.9, 1.1, 2.3), (20, -30, 70), SIZE, center=(-15, 40, 100))


def heart(overlapping: bool = False) -> Heart:
    """A large and a small ball, left and right of each other, or one within the other."""
    place = (-12, 40, 100) if overlapping else (-28, 37, 98)
    regions = {
        "left_ventricle": voxelised(ball(9, (-10, 41, 100)), OBLIQUE, SIZE),
        "aorta": voxelised(ball(5, place), OBLIQUE, SIZE),
    }
    return Heart(regions, (SIZE,) * 3, OBLIQUE)


def same(a: Region, b: Region) -> bool:
    return a.start == b.start and np.array_equal(a.mask, b.mask)


@pytest.mark.parametrize("ending", [".seg.nrrd", ".nii.gz", ".nii", ".nrrd", ".mha"])
@pytest.mark.parametrize("folder", ["plain", "with space and ümlaut"])
def test_an_oblique_heart_survives_every_format(tmp_path: Path, ending: str, folder: str) -> None:
    path = tmp_path / folder / f"heart{ending}"
    path.parent.mkdir()
    original = heart()
    write_heart(original, dict.fromkeys(original.regions, "trusted"), VOCABULARY, path)
    back = read_segmentation(path).whole_heart(VOCABULARY)
    assert back.ijk_to_ras == pytest.approx(OBLIQUE, abs=1e-4)
    assert back.regions.keys() == original.regions.keys()
    for key, region in original.regions.items():
        assert same(back.regions[key], region)
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_overlapping_structures_lie_in_layers_of_a_segmentation(tmp_path: Path) -> None:
    original = heart(overlapping=True)
    path = tmp_path / "heart.seg.nrrd"
    write_heart(original, dict.fromkeys(original.regions, "trusted"), VOCABULARY, path)
    back = read_segmentation(path)
    assert len(back.layers) == 2
    for key, region in back.whole_heart(VOCABULARY).regions.items():
        assert same(region, original.regions[key])


@pytest.mark.parametrize("ending", [".seg.nrrd", ".nii.gz"])
def test_a_continuation_is_a_segment_of_its_own_or_has_its_structure_s_label(tmp_path: Path, ending: str) -> None:
    original, path = heart(), tmp_path / f"heart{ending}"
    beyond = voxelised(ball(5, (-10, 41, 112)), OBLIQUE, SIZE)
    inside = original.regions["left_ventricle"].cropped(beyond.start, np.add(beyond.start, beyond.mask.shape))
    beyond = Region.of_mask(beyond.mask & ~inside).shifted(beyond.start)
    origins = dict.fromkeys(original.regions, "trusted")
    write_heart(original, origins, VOCABULARY, path, {"left_ventricle": beyond})
    back = read_segmentation(path)
    found = back.whole_heart(VOCABULARY).regions["left_ventricle"]
    if ending == ".nii.gz":
        assert same(found, original.regions["left_ventricle"].joined(beyond))
        return
    assert same(found, original.regions["left_ventricle"])
    part = next(segment for segment in back.segments if segment.origin == "continued")
    assert part.name == "Left ventricle (continued)"
    assert same(back.region(part), beyond)


def test_overlapping_structures_do_not_fit_into_a_label_map(tmp_path: Path) -> None:
    original = heart(overlapping=True)
    with pytest.raises(CompletionError, match=r"overlap.*\.seg\.nrrd"):
        write_heart(original, dict.fromkeys(original.regions, "trusted"), VOCABULARY, tmp_path / "heart.nii.gz")
    assert not list(tmp_path.iterdir())


def test_labels_that_are_stored_as_whole_floats_are_read(tmp_path: Path) -> None:
    voxels = np.zeros((8, 8, 8), dtype=np.float32)
    voxels[2:6, 2:6, 2:6] = 500
    sitk.WriteImage(sitk.GetImageFromArray(voxels), str(tmp_path / "mmwhs.nii.gz"))
    assert read_segmentation(tmp_path / "mmwhs.nii.gz").identify(VOCABULARY)[0].key == "left_ventricle"


def write_image(array: np.ndarray, path: Path) -> None:
    sitk.WriteImage(sitk.GetImageFromArray(array), str(path))


def test_images_are_told_from_label_maps(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    write_image(generator.normal(size=(8, 8, 8)).astype(np.float32), tmp_path / "ct.nii.gz")
    write_image(generator.integers(-1000, 1000, (16, 16, 16), dtype=np.int16), tmp_path / "hu.nii.gz")
    for name, reason in (("ct.nii.gz", "holds fractions"), ("hu.nii.gz", "so it is an image")):
        with pytest.raises(CompletionError, match=reason):
            read_segmentation(tmp_path / name)


def test_a_time_series_is_refused(tmp_path: Path) -> None:
    series = sitk.GetImageFromArray(np.ones((2, 4, 4, 4), dtype=np.uint8), isVector=False)
    sitk.WriteImage(series, str(tmp_path / "series.nii.gz"))
    with pytest.raises(CompletionError, match="4 dimensions"):
        read_segmentation(tmp_path / "series.nii.gz")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
@pytest.mark.parametrize("ending", [".seg.nrrd", ".nii.gz", ".nii", ".nrrd", ".mha"])
def test_a_truncated_file_is_refused(tmp_path: Path, ending: str, share: float) -> None:
    path = tmp_path / f"heart{ending}"
    original = heart()
    write_heart(original, dict.fromkeys(original.regions, "trusted"), VOCABULARY, path)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(CompletionError, match="cannot be read"):
        read_segmentation(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CompletionError, match=r"no file .*gone\.nii\.gz"):
        read_segmentation(tmp_path / "gone.nii.gz")


def test_an_empty_label_map_is_refused(tmp_path: Path) -> None:
    write_image(np.zeros((4, 4, 4), dtype=np.uint8), tmp_path / "empty.nii.gz")
    with pytest.raises(CompletionError, match="is empty"):
        read_segmentation(tmp_path / "empty.nii.gz")


def test_output_folder_and_ending_are_checked(tmp_path: Path) -> None:
    original = heart()
    origins = dict.fromkeys(original.regions, "trusted")
    with pytest.raises(CompletionError, match="unknown ending"):
        write_heart(original, origins, VOCABULARY, tmp_path / "heart.stl")
    with pytest.raises(CompletionError, match="no folder"):
        write_heart(original, origins, VOCABULARY, tmp_path / "nowhere" / "heart.nii.gz")
