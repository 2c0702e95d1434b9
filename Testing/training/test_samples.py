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
