"""Analytic shapes on voxel grids of any orientation and spacing."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.spatial.transform import Rotation

from CardiacCompletionLib.geometry.region import Region

Distance = Callable[[np.ndarray], np.ndarray]
Triple = tuple[float, float, float]
# Off the voxel centres, so that no symmetry flatters a result.
_OFFSET = np.array([0.3, -0.2, 0.1])


def grid(spacing: Triple, angles: Triple, size: int, center: Triple = (0, 0, 0)) -> np.ndarray:
    """IJK to RAS [4, 4] of a cube of voxels turned by Euler angles (degrees) whose middle lies at ``center``."""
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_euler("xyz", angles, degrees=True).as_matrix() * np.array(spacing)
    matrix[:3, 3] = np.array(center) - matrix[:3, :3] @ (np.full(3, size / 2) + _OFFSET)
    return matrix


def voxelised(distance: Distance, ijk_to_ras: np.ndarray, size: int) -> Region:
    """Voxels whose centre lies inside a shape given by its signed distance [N] at RAS points [N, 3]."""
    kji = np.indices((size, size, size)).reshape(3, -1).T
    ras = kji[:, ::-1] @ ijk_to_ras[:3, :3].T + ijk_to_ras[:3, 3]
    return Region.of_mask((distance(ras) < 0).reshape(size, size, size))


def ball(radius: float, center: Triple = (0, 0, 0)) -> Distance:
    return lambda ras: np.linalg.norm(ras - np.array(center), axis=1) - radius


def tube(radius: float, half_length: float) -> Distance:
    """A cylinder along the superior axis; exact away from its rims."""
    return lambda ras: np.maximum(np.hypot(ras[:, 0], ras[:, 1]) - radius, np.abs(ras[:, 2]) - half_length)
