"""Prepared samples against shapes whose distances are known."""

from __future__ import annotations

import numpy as np
import pytest

from CardiacCompletionLib.anatomy.heart import Heart
from Testing.geometry.phantoms import Distance, Triple, ball, grid, tube, voxelised
from Training.data.samples import sample_case

SIZE = 44
_RIMS = 14.0  # mm from the middle of the tube, within which its ends are far


OBLIQUE = (20, 30, -15)


@pytest.mark.parametrize(
    ("shape", "angles", "limit"),
    [
        (ball(15.0), (0, 0, 0), 0.15),
        (ball(15.0), OBLIQUE, 0.15),
        (tube(6.0, 28.0), OBLIQUE, 0.15),
        # Along the lattice all slices are the same, and none makes up for what another lacks.
        (tube(6.0, 28.0), (0, 0, 0), 0.2),
    ],
    ids=["sphere", "sphere, oblique", "tube, oblique", "tube"],
)
def test_distances_are_right_to_a_tenth_of_a_voxel(shape: Distance, angles: Triple, limit: float) -> None:
    """Voxels of 1.5 mm: mean error in mm within a centimetre of the surface, and of the surface points."""
    ijk_to_ras = grid((1.5, 1.5, 1.5), angles, SIZE)
    heart = Heart({"aorta": voxelised(shape, ijk_to_ras, SIZE)}, (SIZE,) * 3, ijk_to_ras)
    case = sample_case(heart, ("aorta",), ("aorta",), (), np.random.default_rng(0))
    true, said = shape(case.queries), case.distances[0].astype(float)
    near = (abs(true) < 10.0) & (abs(case.queries[:, 2]) < _RIMS)
    assert near.sum() > 500
    assert abs(said - true)[near].mean() < limit
    on_it = case.surface[0][abs(case.surface[0][:, 2]) < _RIMS]
    assert abs(shape(on_it)).mean() < limit


def test_distances_of_a_stub_are_known_before_its_end_alone() -> None:
    """A tube on a ball, cut flat 20 mm above it: it tells of the whole tube what is nearer to it than to the cut."""
    ijk_to_ras = grid((1.0, 1.0, 1.0), (0, 0, 0), SIZE, center=(0, 0, 6))
    whole = lambda ras: np.maximum(np.hypot(ras[:, 0], ras[:, 1]) - 6.0, -ras[:, 2])  # noqa: E731
    stub = lambda ras: np.maximum(whole(ras), ras[:, 2] - 20.0)  # noqa: E731
    regions = {"left_ventricle": voxelised(ball(8.0, (0, 0, -6)), ijk_to_ras, SIZE)}
    regions["aorta"] = voxelised(stub, ijk_to_ras, SIZE)
    heart = Heart(regions, (SIZE,) * 3, ijk_to_ras)
    keys = ("left_ventricle", "aorta")
    case = sample_case(heart, keys, keys, ("aorta",), np.random.default_rng(0))
    assert case.whole.tolist() == [True, False]
    assert len(case.cut) == 1
    assert case.cut_points[0] == pytest.approx([0, 0, 20], abs=1.0)
    assert case.cut_normals[0] == pytest.approx([0, 0, 1], abs=0.05)
    assert (case.surface[1][:, 2] < 19.7).mean() > 0.98
    known = case.settled(np.tile(np.arange(len(case.queries)), (2, 1)))
    assert known[0].all()
    assert 0.1 < known[1].mean() < 0.9
    off = abs(case.distances[1] - whole(case.queries))
    assert off[known[1] & (case.queries[:, 2] > 0)].max() < 1.2
    assert not known[1][case.queries[:, 2] > 21].any()


def test_a_structure_that_leaves_the_image_is_not_whole() -> None:
    ijk_to_ras = grid((1.0, 1.0, 1.0), (0, 0, 0), SIZE)
    regions = {"left_ventricle": voxelised(ball(9.0), ijk_to_ras, SIZE)}
    regions["left_atrium"] = voxelised(ball(9.0, (0, 0, 18)), ijk_to_ras, SIZE)
    keys = ("left_ventricle", "left_atrium")
    heart = Heart(regions, (SIZE,) * 3, ijk_to_ras)
    case = sample_case(heart, keys, keys, (), np.random.default_rng(0))
    assert case.whole.tolist() == [True, False]
    assert case.cut.tolist() == [1]
    swapped = case.columns([1, 0])
    assert swapped.cut.tolist() == [0]
    asked = np.tile(np.arange(len(case.queries)), (2, 1))
    assert np.array_equal(swapped.settled(asked), case.settled(asked)[::-1])
    assert case.columns([0]).cut.tolist() == []
