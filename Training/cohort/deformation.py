"""The low, smooth, random deformation that gives every heart surfaces of its own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import BSpline
from scipy.sparse import csr_array

_REACH = 210.0  # mm: the lattice spans this far from the mitral centre along each axis
_KNOT = 30.0  # mm between lattice points
_COUNT = int(2 * _REACH / _KNOT) + 3
LIMIT = 2.5  # a control point moves by at most so many standard deviations


@dataclass(frozen=True)
class Deformation:
    """A cubic B-spline displacement of space (Rueckert 1999), given in heart coordinates, independent of any grid.

    Attributes:
        lattice: displacement (mm) [3, n, n, n] of the control points, along axes R, A, S.
    """

    lattice: np.ndarray

    @classmethod
    def random(cls, rng: np.random.Generator, amplitude: float) -> Deformation:
        """Control points displaced independently by a normal error of `amplitude` mm, at most `LIMIT` times that."""
        shift = np.clip(rng.standard_normal((3, _COUNT, _COUNT, _COUNT)), -LIMIT, LIMIT)
        return cls((amplitude * shift).astype(np.float32))

    def carry(self, right: np.ndarray, front: np.ndarray, up: np.ndarray) -> np.ndarray:
        """Undeformed positions float32 [3, K, J, I] of a grid's voxels.

        Args:
            right, front, up: heart coordinates (mm) of the voxel centres along I, J and K.
        """
        across, along, high = (_basis(axis) for axis in (right, front, up))
        points = np.empty((3, len(up), len(front), len(right)), dtype=np.float32)
        for component, lattice in zip(points, self.lattice, strict=True):
            rows = np.einsum("ka,jb,cba->kjc", high, along, lattice, optimize=True)
            np.matmul(rows, across.T, out=component)
        points[0] += right.astype(np.float32)
        points[1] += front.astype(np.float32)[:, None]
        points[2] += up.astype(np.float32)[:, None, None]
        return points

    def displacement(self, points: np.ndarray) -> np.ndarray:
        """Undeformed minus deformed position (mm) [3, N] at heart coordinates [3, N]."""
        return (influence(points) @ self.lattice.reshape(3, -1).T).T


def influence(points: np.ndarray) -> csr_array:
    """Weight [N, n³] of every control point, lattice axes R, A, S flattened, at heart coordinates (mm) [3, N]."""
    right, front, up = (_sparse_basis(axis) for axis in points)
    weights = right.data.reshape(-1, 4, 1, 1) * front.data.reshape(-1, 1, 4, 1) * up.data.reshape(-1, 1, 1, 4)
    columns = (
        right.indices.reshape(-1, 4, 1, 1) * _COUNT + front.indices.reshape(-1, 1, 4, 1)
    ) * _COUNT + up.indices.reshape(-1, 1, 1, 4)
    rows = np.arange(0, weights.size + 1, 64)
    return csr_array((weights.ravel(), columns.ravel(), rows), shape=(len(weights), _COUNT**3))


def _sparse_basis(positions: np.ndarray) -> csr_array:
    """Weights [N, n], four a row, of the control points at positions (mm) along one axis."""
    knots = _KNOT * np.arange(-3, _COUNT + 1) - _REACH
    return BSpline.design_matrix(np.clip(positions, -_REACH, _REACH - 1e-6), knots, 3)


def _basis(positions: np.ndarray) -> np.ndarray:
    """Weights float32 [N, n] of the control points at positions (mm) along one axis."""
    return _sparse_basis(positions).toarray().astype(np.float32)
