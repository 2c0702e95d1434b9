"""Structures that are cut off: found, left out where they mislead, and continued beyond the cut only."""

from __future__ import annotations

import numpy as np
import pytest

from CardiacCompletionLib import HeartCompleter
from CardiacCompletionLib.anatomy.heart import Heart
from CardiacCompletionLib.anatomy.vocabulary import load_vocabulary
from CardiacCompletionLib.completion.clock import Clock
from CardiacCompletionLib.completion.evidence import Evidence, measure, weigh
from CardiacCompletionLib.completion.result import CompletionResult
from CardiacCompletionLib.errors import CompletionError
from CardiacCompletionLib.geometry.region import Region
from Training.evaluation.metrics import dice, on_grid_of

VOCABULARY = load_vocabulary()
CHAMBERS = ("myocardium", "left_ventricle", "right_ventricle", "left_atrium")
UP = np.array([0.0, 0.0, 1.0])


def cut_by_plane(heart: Heart, key: str, point: np.ndarray, normal: np.ndarray) -> Heart:
    """The heart without the voxels of one structure that lie beyond a plane."""
    region = heart.regions[key]
    kji = np.argwhere(region.mask) + region.start
    ras = kji[:, ::-1] @ heart.ijk_to_ras[:3, :3].T + heart.ijk_to_ras[:3, 3]
    mask = np.zeros(heart.shape, dtype=bool)
    mask[tuple(kji[(ras - point) @ normal < 0].T)] = True
    return Heart({**heart.regions, key: Region.of_mask(mask)}, heart.shape, heart.ijk_to_ras)


def without_slices_above(heart: Heart, k: int) -> Heart:
    """What a scan that ends with slice ``k`` shows."""
    regions = {}
    for key, region in heart.regions.items():
        mask = np.zeros(heart.shape, dtype=bool)
        mask[region.box] = region.mask
        kept = Region.of_mask(mask[:k])
        if kept is not None:
            regions[key] = kept
    return Heart(regions, (k, *heart.shape[1:]), heart.ijk_to_ras)


def evidence_of(completer: HeartCompleter, heart: Heart, trusted: tuple[str, ...], **said: bool) -> Evidence:
    model = completer._model
    measured = measure(heart.keep(trusted), model.reference, Clock())
    expectation = model.network.prior.expectation(completer.structures)
    return weigh(measured, said, model.reference, expectation, VOCABULARY, Clock())


@pytest.fixture(scope="module")
def arch_is_missing(sample: Heart) -> Heart:
    """The sample heart, its aorta cut 15 mm above the middle of what it has."""
    return cut_by_plane(sample, "aorta", np.array([0, 0, 75.0]), UP)


@pytest.fixture(scope="module")
def continued(completer: HeartCompleter, arch_is_missing: Heart) -> CompletionResult:
    return completer.complete(arch_is_missing, (*CHAMBERS, "aorta"), spacing=1.5)


@pytest.mark.parametrize("normal", [(0, 0, 1), (0.3, 0.2, 0.93), (0, 0.2, 1)])
def test_the_plane_that_cuts_the_aorta_is_found(completer: HeartCompleter, sample: Heart, normal: tuple) -> None:
    normal = np.array(normal) / np.linalg.norm(normal)
    cut = cut_by_plane(sample, "aorta", np.array([0, 0, 75.0]), normal)
    faces = evidence_of(completer, cut, (*CHAMBERS, "aorta")).cuts["aorta"]
    assert len(faces) == 2, "ascending and descending aorta"
    for face in faces:
        assert face.normal @ normal > 0.99
        assert abs((face.point - [0, 0, 75.0]) @ normal) < 1.0


def test_nothing_is_cut_in_a_whole_heart(completer: HeartCompleter, sample: Heart) -> None:
    for trusted in (("left_ventricle",), ("myocardium", "left_ventricle"), (*CHAMBERS, "right_atrium")):
        assert evidence_of(completer, sample, trusted).cuts == {}


def test_the_border_of_the_image_cuts(completer: HeartCompleter, sample: Heart) -> None:
    ventricle, wall = sample.regions["left_ventricle"], sample.regions["myocardium"]
    top = max(region.start[0] + region.mask.shape[0] for region in (ventricle, wall))
    evidence = evidence_of(completer, without_slices_above(sample, top + 3), CHAMBERS)
    assert "left_atrium" in evidence.cuts
    assert "left_ventricle" not in evidence.cuts
    assert all(face.border for face in evidence.cuts["left_atrium"])
    assert "left_atrium" not in evidence.telling
    assert "left_ventricle" in evidence.telling


@pytest.mark.parametrize("share", [0.4, 0.6, 0.8])
def test_a_ventricle_whose_upper_slices_were_erased_goes_on_from_the_last_one(
    completer: HeartCompleter, sample: Heart, share: float
) -> None:
    """Its valve is a flat end too, but lies in no slice, and what follows the cut lies towards the pulmonary artery."""
    whole = sample.regions["right_ventricle"]
    height = int(share * whole.mask.shape[0])
    top = sample.ijk_to_ras[:3] @ [0.0, 0.0, whole.start[0] + height - 0.5, 1.0]
    cut = cut_by_plane(sample, "right_ventricle", top, UP)
    result = completer.complete(cut, CHAMBERS, spacing=3.0, cut={"right_ventricle": True})
    erased = Region.of_mask(whole.mask[height:]).shifted((whole.start[0] + height, *whole.start[1:]))
    found = on_grid_of(Heart(result.continued, result.heart.shape, result.heart.ijk_to_ras), sample)
    assert dice(found.regions.get("right_ventricle"), erased) > 0.55


def test_a_cut_structure_does_not_place_the_heart(completer: HeartCompleter, sample: Heart) -> None:
    region = sample.regions["right_ventricle"]
    cut = without_slices_above(sample, region.start[0] + region.mask.shape[0] // 2)
    trusted = ("left_ventricle", "right_ventricle")
    evidence = evidence_of(completer, cut, trusted, left_ventricle=False)
    alone = evidence_of(completer, cut, ("left_ventricle",), left_ventricle=False)
    assert evidence.telling == ("left_ventricle",)
    assert evidence.frame.origin == pytest.approx(alone.frame.origin)
    assert evidence.frame.scale == pytest.approx(alone.frame.scale)


def test_points_on_the_cut_are_not_shown_to_the_network(completer: HeartCompleter, arch_is_missing: Heart) -> None:
    evidence = evidence_of(completer, arch_is_missing, (*CHAMBERS, "aorta"))
    surface = evidence.surfaces["aorta"]
    level = np.abs(surface.points[:, 2] - 75.0) < 1.0
    assert not (level & (surface.normals[:, 2] > 0.8)).any()


def test_the_aorta_is_continued_and_comes_closer_to_the_truth(
    continued: CompletionResult, sample: Heart, arch_is_missing: Heart
) -> None:
    assert continued.cut == ("aorta",)
    truth = on_grid_of(sample, continued.heart).regions["aorta"]
    before = dice(continued.heart.regions["aorta"], truth)
    after = dice(continued.whole.regions["aorta"], truth)
    assert before < 0.75
    assert after > before + 0.05
    assert continued.topology.pieces["aorta"] == 1
    assert continued.volumes_ml["aorta"] == pytest.approx(
        arch_is_missing.volume_ml("aorta") + continued.continued_ml("aorta")
    )


def test_a_continuation_lies_beyond_the_cut_and_changes_nothing_that_is_trusted(
    continued: CompletionResult, arch_is_missing: Heart
) -> None:
    kept = on_grid_of(arch_is_missing, continued.heart)
    for key in continued.trusted:
        assert continued.heart.regions[key].start == kept.regions[key].start
        assert np.array_equal(continued.heart.regions[key].mask, kept.regions[key].mask)
    region = continued.continued["aorta"]
    kji = np.argwhere(region.mask) + region.start
    heights = (kji[:, ::-1] @ continued.heart.ijk_to_ras[:3, :3].T + continued.heart.ijk_to_ras[:3, 3])[:, 2]
    assert heights.min() >= 74.0
    count = np.zeros(continued.heart.shape, dtype=np.uint8)
    for part in (*continued.heart.regions.values(), region):
        count[part.box] += part.mask
    assert count.max() == 1


def test_what_the_user_says_goes_before_what_is_found(
    completer: HeartCompleter, arch_is_missing: Heart, sample: Heart
) -> None:
    trusted = (*CHAMBERS, "aorta")
    whole = completer.complete(arch_is_missing, trusted, spacing=4.0, cut={"aorta": False})
    assert whole.cut == ()
    assert whole.continued == {}
    cut = completer.complete(sample, CHAMBERS, spacing=4.0, cut={"left_atrium": True})
    assert cut.cut == ("left_atrium",)
    with pytest.raises(CompletionError, match="Aorta is said to be cut or whole: trust it too"):
        completer.complete(sample, CHAMBERS, cut={"aorta": True})


def test_a_structure_without_any_flat_face_is_said_not_to_be_continued(
    completer: HeartCompleter, sample: Heart
) -> None:
    result = completer.complete(sample, (*CHAMBERS, "left_atrial_appendage"), 4.0, cut={"left_atrial_appendage": True})
    assert "left_atrial_appendage" not in result.continued
    assert any("no cut face was found" in warning for warning in result.warnings)


def test_a_label_map_holds_the_continuation_under_the_structure_s_label(continued: CompletionResult) -> None:
    counted = np.count_nonzero(continued.labels.voxels == VOCABULARY["aorta"].label)
    assert counted * continued.heart.voxel_volume_ml == pytest.approx(continued.volumes_ml["aorta"])
