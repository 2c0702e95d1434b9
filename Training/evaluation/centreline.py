"""How much of a vessel tree was found: by its centreline."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree
from skimage.morphology import skeletonize

from CardiacCompletionLib.geometry.region import Region


def centreline_recall(found: Region | None, true: Region, ijk_to_ras: np.ndarray, within: float) -> float:
    """Share of the true structure's centreline that has a voxel of the found one within so many mm.

    The centreline is the skeleton of the voxels (Lee 1994, CVGIP 56:462).
    """
    if found is None:
        return 0.0
    lattice = ijk_to_ras[:3, :3][:, ::-1]
    line = np.argwhere(skeletonize(np.pad(true.mask, 1))) - 1 + np.array(true.start)
    voxels = np.argwhere(found.mask) + np.array(found.start)
    distance, _ = cKDTree(voxels @ lattice.T).query(line @ lattice.T)
    return float((distance <= within).mean())
