"""Regular points in the patient: where a field is evaluated, and how its values reach the voxels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Lattice:
    """Points on a regular, possibly oblique grid.

    Attributes:
        origin: float64 [3], RAS mm of node (0, 0, 0).
        steps: float64 [3, 3]; its columns are the RAS steps along k, j, i in mm.
        shape: nodes along k, j, i.
    """

    origin: np.ndarray
    steps: np.ndarray
    shape: tuple[int, int, int]

    def points(self, kji: np.ndarray) -> np.ndarray:
        """RAS mm [N, 3] of nodes [N, 3]."""
        return kji @ self.steps.T + self.origin

    def all_points(self) -> np.ndarray:
        """RAS mm [k * j * i, 3] of every node, i fastest."""
        return self.points(np.indices(self.shape).reshape(3, -1).T)

    def cropped(self, start: np.ndarray, shape: tuple[int, int, int]) -> Lattice:
        """The part of the lattice that begins at node ``start``."""
        return Lattice(self.origin + self.steps @ start, self.steps, shape)

    def refined(self) -> Lattice:
        """Twice as fine over the same extent."""
        return Lattice(self.origin, self.steps / 2, tuple(2 * n - 1 for n in self.shape))

    @classmethod
    def around(cls, center: np.ndarray, half_extent: float, spacing: float, directions: np.ndarray) -> Lattice:
        """A lattice that holds a ball (mm); columns of ``directions`` [3, 3] are its axes k, j, i."""
        count = 2 * int(np.ceil(half_extent / spacing)) + 1
        steps = directions / np.linalg.norm(directions, axis=0) * spacing
        return cls(center - steps @ np.full(3, (count - 1) / 2), steps, (count,) * 3)


def upsampled(values: np.ndarray) -> np.ndarray:
    """Linear interpolation to twice the resolution, n -> 2 n - 1 nodes an axis; known nodes keep their values."""
    for axis in range(3):
        values = np.moveaxis(values, axis, 0)
        finer = np.empty((2 * len(values) - 1, *values.shape[1:]), dtype=values.dtype)
        finer[::2] = values
        finer[1::2] = (values[1:] + values[:-1]) / 2
        values = np.moveaxis(finer, 0, axis)
    return values


def resampled(values: np.ndarray, positions: tuple[np.ndarray, np.ndarray, np.ndarray]) -> np.ndarray:
    """Trilinear interpolation at the product of three lists of fractional node indices, one list an axis."""
    for axis, position in enumerate(positions):
        low = np.clip(np.floor(position).astype(int), 0, max(values.shape[axis] - 2, 0))
        weight = (position - low).astype(values.dtype)
        high = np.minimum(low + 1, values.shape[axis] - 1)
        weight = weight.reshape([-1 if a == axis else 1 for a in range(3)])
        values = np.take(values, low, axis) * (1 - weight) + np.take(values, high, axis) * weight
    return values
