"""How well an inferred structure matches the true one."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from CardiacCompletionLib.anatomy.heart import Heart
from CardiacCompletionLib.geometry.region import Region
from CardiacCompletionLib.geometry.surface import Surface, extract_surface


def on_grid_of(heart: Heart, target: Heart) -> Heart:
    """The same voxels counted on another heart's grid, which must be the same lattice, shifted by whole voxels.

    Raises:
        ValueError: if the lattices differ.
    """
    offset = np.linalg.solve(target.ijk_to_ras, heart.ijk_to_ras)
    whole = np.round(offset[:3, 3])
    expected = np.eye(4)
    expected[:3, 3] = whole
    if not np.allclose(offset, expected, atol=1e-3):
        raise ValueError("The two hearts do not share a voxel lattice.")
    shift = tuple(int(v) for v in whole[::-1])
    regions = {key: region.shifted(shift) for key, region in heart.regions.items()}
    return Heart(regions, target.shape, target.ijk_to_ras)


def dice(a: Region | None, b: Region | None) -> float:
    """Dice coefficient of two structures on one lattice; 0 if one of them is not there."""
    if a is None or b is None:
        return 0.0
    start = np.maximum(a.start, b.start)
    stop = np.minimum(np.add(a.start, a.mask.shape), np.add(b.start, b.mask.shape))
    common = 0
    if (stop > start).all():
        in_a = tuple(slice(p - s, q - s) for p, q, s in zip(start, stop, a.start, strict=True))
        in_b = tuple(slice(p - s, q - s) for p, q, s in zip(start, stop, b.start, strict=True))
        common = int((a.mask[in_a] & b.mask[in_b]).sum())
    return 2.0 * common / (int(a.mask.sum()) + int(b.mask.sum()))


def surface_distances(a: Surface, b: Surface) -> tuple[float, float]:
    """Average symmetric surface distance and 95th percentile Hausdorff distance in mm (Heimann 2009, TMI 28:1251)."""
    to_b, _ = cKDTree(b.points).query(a.points)
    to_a, _ = cKDTree(a.points).query(b.points)
    both = np.concatenate([to_a, to_b])
    return float(both.mean()), float(np.percentile(both, 95))


def heart_surface(heart: Heart, key: str) -> Surface:
    """Surface points of one structure of a heart."""
    return extract_surface(heart.regions[key], heart.shape, heart.ijk_to_ras)
