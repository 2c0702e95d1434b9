"""Signed distance in mm from any point to a structure's surface: negative inside, positive outside."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import map_coordinates
from scipy.spatial import cKDTree

from CardiacCompletionLib.geometry.region import Region
from CardiacCompletionLib.geometry.surface import Surface, extract_surface

_FEW = 1500
# Of the root mean square distance of the surface from its middle; about 15 mm beside a chamber.
_FAR = 0.4


class SignedDistance:
    """The signed distance field of one structure, built once, asked many times.

    Near the surface the distance is that to the tangent planes of the nearest surface points, which is exact to second
    order in the point spacing; farther away it is that to the nearest point; far away that to the nearest of few, well
    spread points, which adds a third of a millimetre on average beside a chamber and saves most of the time.
    """

    def __init__(
        self, region: Region, shape: tuple[int, int, int], ijk_to_ras: np.ndarray, surface: Surface | None = None
    ) -> None:
        """
        Args:
            surface: of the region, if it is known already.
        """
        self.surface: Surface = surface or extract_surface(region, shape, ijk_to_ras)
        self._tree = cKDTree(self.surface.points, leafsize=32, balanced_tree=False)
        few = self.surface.resampled(_FEW) if len(self.surface.points) > 2 * _FEW else self.surface
        self._sparse_tree = cKDTree(few.points, leafsize=32, balanced_tree=False)
        self._far = _FAR * float(np.sqrt(few.points.var(axis=0).sum())) if len(few.points) else 0.0
        self._reach = float(np.linalg.norm(np.asarray(ijk_to_ras)[:3, :3], axis=0).max())
        mask, start = region.padded(1, shape)
        self._occupancy = mask.astype(np.float32)
        self._to_kji = np.linalg.inv(ijk_to_ras)[[2, 1, 0]]
        self._start = np.array(start)

    def __call__(self, ras: np.ndarray) -> np.ndarray:
        """float32 [N], mm, at RAS mm points [N, 3]."""
        distance, _ = self._sparse_tree.query(ras)
        inside = self.inside(ras)
        close = distance < self._far
        result = np.where(inside, -distance, distance)
        result[close] = self._close(ras[close], inside[close])
        return result.astype(np.float32)

    def _close(self, ras: np.ndarray, inside: np.ndarray) -> np.ndarray:
        distance, nearest = self._tree.query(ras, k=4)
        offset = ras[:, None] - self.surface.points[nearest]
        height = np.einsum("nkd,nkd->nk", offset, self.surface.normals[nearest])
        weight = 1.0 / (distance + 0.1 * self._reach) ** 2
        plane = (height * weight).sum(axis=1) / weight.sum(axis=1)
        near = distance[:, 0] < 1.5 * self._reach
        return np.where(near, plane, np.where(inside, -distance[:, 0], distance[:, 0]))

    def inside(self, ras: np.ndarray) -> np.ndarray:
        """Whether RAS mm points [N, 3] lie in the structure: bool [N]."""
        kji = ras @ self._to_kji[:, :3].T + self._to_kji[:, 3] - self._start
        return map_coordinates(self._occupancy, kji.T, order=1, mode="nearest") > 0.5
