"""What composition knows of anatomy, shown on balls, shells and tubes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy import ndimage

from CardiacCompletionLib.anatomy.heart import Heart
from CardiacCompletionLib.anatomy.vocabulary import load_vocabulary
from CardiacCompletionLib.completion.composition import compose
from CardiacCompletionLib.completion.field import SampledField, coarse_lattice, sample_field
from CardiacCompletionLib.completion.joining import close_gap
from CardiacCompletionLib.completion.topology import Topology, widened
from CardiacCompletionLib.completion.workspace import Workspace
from CardiacCompletionLib.geometry.region import Region
from Testing.geometry.phantoms import ball, voxelised

VOCABULARY = load_vocabulary()
SIZE = 64
GRID = np.array([[1.2, 0, 0, -38.0], [0, 1.2, 0, -38.0], [0, 0, 1.2, -38.0], [0, 0, 0, 1.0]])
OPEN_END = 9.0


def field(distance: Callable) -> SampledField:
    lattice, halvings = coarse_lattice(np.zeros(3), 60.0, 1.0, GRID[:3, :3][:, ::-1])
    return sample_field(lambda ras: distance(ras).astype(np.float32), lattice, halvings)


def heart(**shapes: Callable) -> Heart:
    return Heart({key: voxelised(shape, GRID, SIZE) for key, shape in shapes.items()}, (SIZE,) * 3, GRID)


def points(whole: Heart, key: str) -> np.ndarray:
    """RAS mm [N, 3] of a structure's voxels."""
    region = whole.regions[key]
    kji = np.argwhere(region.mask) + region.start
    return kji[:, ::-1] @ whole.ijk_to_ras[:3, :3].T + whole.ijk_to_ras[:3, 3]


def cup(inner: float, outer: float) -> Callable:
    """A muscle: a shell that is open at its upper end."""

    def distance(ras: np.ndarray) -> np.ndarray:
        radius = np.linalg.norm(ras, axis=1)
        return np.maximum(np.maximum(inner - radius, radius - outer), ras[:, 2] - OPEN_END)

    return distance


def test_inferred_blood_does_not_leak_through_its_muscle() -> None:
    whole = compose(heart(myocardium=cup(14, 20)), {"left_ventricle": field(ball(23))}, VOCABULARY).heart
    blood = points(whole, "left_ventricle")
    below = blood[blood[:, 2] < OPEN_END - 3]
    assert np.linalg.norm(below, axis=1).max() < 15.0
    assert len(below) > 4000
    assert (blood[:, 2] > OPEN_END + 3).any(), "it may leave by the open end"


def thin_cup_with_a_hole(ras: np.ndarray) -> np.ndarray:
    hole = 7.0 - np.linalg.norm(ras - [0.0, 0.0, -16.0], axis=1)
    return np.maximum(cup(13, 19)(ras), hole)


@pytest.mark.parametrize("blood_is_trusted", [True, False])
def test_inferred_muscle_covers_its_blood_but_for_the_open_end(blood_is_trusted: bool) -> None:
    trusted = heart(left_ventricle=ball(14)) if blood_is_trusted else heart(aorta=ball(4, (0, 0, 28)))
    fields = {"myocardium": field(thin_cup_with_a_hole)}
    if not blood_is_trusted:
        fields["left_ventricle"] = field(ball(14))
    whole = compose(trusted, fields, VOCABULARY).heart
    blood, muscle = (whole.regions[key] for key in ("left_ventricle", "myocardium"))
    low, high = np.subtract(blood.start, 2), np.add(blood.start, blood.mask.shape) + 2
    inside, wall = blood.cropped(low, high), muscle.cropped(low, high)
    bare = ndimage.binary_dilation(inside) & ~inside & ~wall
    heights = (np.argwhere(bare) + low)[:, 0] * 1.2 - 38.0
    if not blood_is_trusted:
        heights += (whole.ijk_to_ras - GRID)[2, 3]
    assert heights.min() > 0.0, "closed all around the apex"
    assert (heights > 10.0).any(), "open above"


def atrium_at(gap: float) -> Callable:
    """A ball above a ball of radius 12, with so much between them."""
    return ball(12, (0, 0, 24.0 + gap))


def test_the_septum_stays_with_the_muscle_though_the_right_ventricle_has_a_wall_of_its_own() -> None:
    trusted = heart(right_ventricle=ball(14))

    def septum(ras: np.ndarray) -> np.ndarray:
        return np.maximum(cup(14, 20)(ras), ras[:, 0] + 6.0)

    def free_wall(ras: np.ndarray) -> np.ndarray:
        return np.maximum(cup(14, 18)(ras), -6.0 - ras[:, 0])

    alone = compose(trusted, {"myocardium": field(septum)}, VOCABULARY).heart
    both = compose(trusted, {"myocardium": field(septum), "right_ventricle_wall": field(free_wall)}, VOCABULARY).heart
    assert len(points(both, "myocardium")) > 0.98 * len(points(alone, "myocardium"))
    assert (points(both, "right_ventricle_wall")[:, 0] > 10.0).any()


@pytest.mark.parametrize(("gap", "touch"), [(1.5, True), (2.4, True), (7.0, False)])
def test_a_thin_gap_between_structures_that_share_a_wall_is_closed(gap: float, touch: bool) -> None:
    trusted = heart(left_ventricle=ball(12))
    whole = compose(trusted, {"left_atrium": field(atrium_at(gap))}, VOCABULARY).heart
    contacts = Topology.of(whole.regions, VOCABULARY).contacts
    assert contacts[("left_atrium", "left_ventricle")] == touch
    assert whole.volume_ml("left_ventricle") == trusted.volume_ml("left_ventricle")
    excess = whole.volume_ml("left_atrium") - 4 / 3 * np.pi * 12**3 / 1000
    assert excess < 0.6


@pytest.mark.parametrize(("apart", "faces"), [(19.0, True), (12.0, False)])
def test_a_gap_is_closed_between_surfaces_that_face_each_other_and_not_in_the_crook_beside_it(
    apart: float, faces: bool
) -> None:
    """Between two balls that nearly touch, and around two that overlap."""
    spacing, shape = np.array([0.9, 1.3, 1.7]), (40, 36, 30)
    places = np.indices(shape).reshape(3, -1).T * spacing
    towards = [middle - places for middle in ([18.0, 13.0, 25.0], [18.0, 13.0 + apart, 25.0])]
    atrium, ventricle = (np.linalg.norm(way, axis=1).reshape(shape) - 9.0 for way in towards)
    work = Workspace(np.zeros(3, dtype=int), shape, spacing, ("left_atrium", "left_ventricle"))
    work.paint("left_atrium", np.zeros(3), atrium, on_top=False)
    work.paint("left_ventricle", np.zeros(3), ventricle, on_top=False)
    before = work.holder.copy()
    away = [ndimage.distance_transform_edt(before != code, sampling=spacing) for code in (1, 2)]
    gap = (before == 0) & (away[0] + away[1] - spacing.min() <= 3.0)
    cosine = np.multiply(*towards).sum(axis=1) / np.multiply(*(np.linalg.norm(way, axis=1) for way in towards))
    facing, crook = (gap & which.reshape(shape) for which in (cosine < -0.8, cosine > -0.2))
    assert (facing.sum() > 10) == faces
    assert (crook.sum() > 10) != faces
    close_gap(work, "left_atrium", "left_ventricle")
    changed = work.holder != before
    assert not (changed & ~gap).any()
    assert changed[facing].all()
    assert changed[crook].sum() < 0.5 * max(crook.sum(), 1)
    assert np.array_equal(work.holder[changed] == 1, (away[0] <= away[1])[changed])


def test_what_closes_a_gap_hangs_together_with_its_structure() -> None:
    """Between an atrium and a ventricle, voxels that only a trusted third one parts from the atrium stay nobody's."""
    work = Workspace(np.zeros(3, dtype=int), (7, 1, 1), np.array([0.5, 0.5, 0.5]), ("left_atrium",))
    work._hold("left_ventricle", 128, Region(np.ones((2, 1, 1), dtype=bool), (5, 0, 0)))
    work._hold("aorta", 129, Region(np.ones((1, 1, 1), dtype=bool), (2, 0, 0)))
    work.paint("left_atrium", np.zeros(3), np.array([-1, -1, 1, 1, 1, 1, 1.0]).reshape(7, 1, 1), on_top=False)
    close_gap(work, "left_atrium", "left_ventricle")
    assert work.holder.ravel().tolist() == [1, 1, 129, 0, 0, 128, 128]


def test_a_mask_is_widened_to_its_neighbours() -> None:
    mask = np.random.default_rng(0).random((9, 12, 7)) < 0.02
    assert np.array_equal(widened(mask), ndimage.binary_dilation(mask, np.ones((3, 3, 3))))
    assert np.array_equal(widened(mask, (0, 2, 1)), ndimage.binary_dilation(mask, np.ones((1, 5, 3))))


def test_a_gap_between_structures_that_do_not_share_a_wall_stays_open() -> None:
    trusted = heart(right_ventricle=ball(12))
    whole = compose(trusted, {"left_atrium": field(atrium_at(2.4))}, VOCABULARY).heart
    assert whole.volume_ml("left_atrium") == pytest.approx(4 / 3 * np.pi * 12**3 / 1000, rel=0.02)


def test_a_vein_that_ends_close_to_its_atrium_is_led_there_and_a_far_one_is_not() -> None:
    def veins(ras: np.ndarray) -> np.ndarray:
        near = np.maximum(np.hypot(ras[:, 1], ras[:, 2]) - 4, np.abs(ras[:, 0] - 26) - 8)
        far = np.linalg.norm(ras - [0.0, 32.0, 0.0], axis=1) - 6
        return np.minimum(near, far)

    whole = compose(heart(left_atrium=ball(12)), {"pulmonary_veins": field(veins)}, VOCABULARY).heart
    topology = Topology.of(whole.regions, VOCABULARY)
    assert topology.contacts[("left_atrium", "pulmonary_veins")]
    assert topology.pieces["pulmonary_veins"] == 2
    between = points(whole, "pulmonary_veins")
    assert (between[:, 0] < 17).any()
    assert not ((between[:, 1] > 13) & (between[:, 1] < 25)).any()


def test_a_coronary_artery_that_lies_on_a_ventricle_is_not_broken_by_it() -> None:
    def artery(ras: np.ndarray) -> np.ndarray:
        return np.maximum(np.hypot(ras[:, 1], ras[:, 2] - 12.0) - 1.5, np.abs(ras[:, 0]) - 20)

    fields = {"coronary_arteries": field(artery), "right_ventricle": field(ball(16))}
    whole = compose(heart(aorta=ball(5, (-26, 0, 12))), fields, VOCABULARY).heart
    assert Topology.of(whole.regions, VOCABULARY).pieces["coronary_arteries"] == 1
    assert points(whole, "coronary_arteries")[:, 0].max() > 18.0


def test_topology_counts_pieces_and_names_contacts_that_are_missing() -> None:
    two = np.zeros((1, 1, 5), dtype=bool)
    two[..., [0, 4]] = True
    regions = {"pulmonary_veins": Region(two, (0, 0, 0)), "left_atrium": Region(np.ones((1, 1, 2), bool), (1, 0, 5))}
    topology = Topology.of(regions, VOCABULARY)
    assert topology.pieces == {"pulmonary_veins": 2, "left_atrium": 1}
    assert topology.contacts == {("left_atrium", "pulmonary_veins"): True}
    apart = {**regions, "left_atrium": Region(np.ones((1, 1, 1), bool), (2, 0, 4))}
    assert Topology.of(apart, VOCABULARY).contacts == {("left_atrium", "pulmonary_veins"): False}
