"""Sub-voxel surface points of a structure, straight from its voxels.

The surface is met where lattice edges leave the structure. The mask is smoothed along each axis by a Gaussian whose
shrinkage is cancelled (Van Cittert 1931), less smoothly where the structure is thin; the half level is interpolated
along each edge, and the crossing may move at most ``_FREEDOM`` voxels from the edge's middle, so that a vessel one
voxel wide does not vanish. Normals come from a mask that is smoothed less, so that a rim stays sharp. By
Cauchy-Crofton, a crossing with unit normal n stands for an area 1 / sum(|n_a| / A_a), where A_a is the lattice face
across axis a: sampling by area is therefore uniform on the surface at any spacing and obliquity.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.ndimage import correlate1d

from CardiacCompletionLib.geometry.region import Region

# Standard deviation in voxels and number of terms: where solid structures end, where thin ones do, and for normals.
_SOLID, _THIN, _FACING = (1.2, 3), (1.0, 4), (0.9, 2)
# Thin is what has so few voxels for each face of its surface, a tube of two and a half voxels across among others.
_THINNESS = 0.5
_TAPS = 5
_FREEDOM = 0.4
_MARGIN = 3


@dataclass(frozen=True)
class Surface:
    """Points on a surface.

    Attributes:
        points: float64 [N, 3], RAS mm.
        normals: float64 [N, 3], unit, outward, RAS.
        areas: float64 [N], the surface each point stands for, mm2.
    """

    points: np.ndarray
    normals: np.ndarray
    areas: np.ndarray

    def resampled(self, count: int, generator: np.random.Generator | None = None) -> Surface:
        """Exactly ``count`` points, uniform by area (systematic sampling in lattice order, so they spread out).

        Args:
            generator: where the sampling starts within its stride; without one, in the middle, the same every time.
        """
        start = 0.5 if generator is None else generator.random()
        cumulative = np.cumsum(self.areas)
        chosen = np.searchsorted(cumulative, (np.arange(count) + start) * (cumulative[-1] / count))
        chosen = np.minimum(chosen, len(self.points) - 1)
        return Surface(self.points[chosen], self.normals[chosen], np.full(count, cumulative[-1] / count))


def _occupancy(mask: np.ndarray) -> np.ndarray:
    """Smoothed mask minus one half: float32, positive inside; same shape as the mask."""
    faces = sum(int(np.count_nonzero(np.diff(mask, axis=axis))) for axis in range(3))
    thin = np.count_nonzero(mask) < _THINNESS * faces
    return _smoothed(mask, *(_THIN if thin else _SOLID)) - np.float32(0.5)


def _smoothed(mask: np.ndarray, sigma: float, terms: int) -> np.ndarray:
    solid = mask.astype(np.float32)
    for axis in range(3):
        solid = correlate1d(solid, _kernel(sigma, terms), axis, mode="nearest")
    return solid


@lru_cache(maxsize=3)
def _kernel(sigma: float, terms: int) -> np.ndarray:
    """Taps [2 _TAPS + 1] of 1 - (1 - G)^terms for a Gaussian G: smooth, yet true to curvature."""
    reach = 8 * _TAPS
    gaussian = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    one = np.zeros(2 * reach + 1)
    one[reach] = 1.0
    left = one
    for _ in range(terms):
        left = np.convolve(left, one - gaussian / gaussian.sum(), "same")
    kernel = (one - left)[reach - _TAPS : reach + _TAPS + 1]
    return kernel / kernel.sum()


def extract_surface(region: Region, shape: tuple[int, int, int], ijk_to_ras: np.ndarray) -> Surface:
    """Surface points of a structure on a grid of this shape (k, j, i); none where it is cut by the grid's border."""
    mask, start = region.padded(_MARGIN, shape)
    occupancy = _occupancy(mask)
    gradient = np.stack(np.gradient(_smoothed(mask, *_FACING)), axis=-1)
    lattice = np.asarray(ijk_to_ras)[:3, :3][:, ::-1]  # columns: RAS step along k, j, i
    to_normal = np.linalg.inv(lattice)  # row-vector gradients: g_kji @ inverse = g_ras
    points, normals, areas = [], [], []
    face_areas = np.array([np.linalg.norm(np.cross(lattice[:, a - 2], lattice[:, a - 1])) for a in range(3)])
    unit_axes = lattice / np.linalg.norm(lattice, axis=0)
    for axis in range(3):
        low = np.moveaxis(mask, axis, 0)
        index = np.argwhere(np.moveaxis(low[1:] != low[:-1], 0, axis))
        here, there = tuple(index.T), tuple((index + np.eye(3, dtype=int)[axis]).T)
        a, b = occupancy[here], occupancy[there]
        step = np.divide(a, a - b, out=np.full_like(a, 0.5), where=a * b < 0)
        step = np.clip(step, 0.5 - _FREEDOM, 0.5 + _FREEDOM)[:, None]
        position = index.astype(np.float64)
        position[:, axis] += step[:, 0]
        normal = -((1 - step) * gradient[here] + step * gradient[there]) @ to_normal
        normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
        keep = _inside_grid(index + np.array(start), axis, shape)
        points.append(position[keep])
        normals.append(normal[keep])
    kji = np.concatenate(points) + np.array(start)
    normal = np.concatenate(normals)
    areas = 1.0 / np.maximum((np.abs(normal @ unit_axes) / face_areas).sum(axis=1), 1e-12)
    ras = kji @ lattice.T + np.asarray(ijk_to_ras)[:3, 3]
    return Surface(ras, normal, areas)


def _inside_grid(kji: np.ndarray, axis: int, shape: tuple[int, int, int]) -> np.ndarray:
    """Edges from voxel ``kji`` along ``axis`` that lie wholly on the grid."""
    limit = np.array(shape) - np.eye(3, dtype=int)[axis]
    return ((kji >= 0) & (kji < limit)).all(axis=1)
