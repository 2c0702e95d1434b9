"""A heart on another lattice than its own."""

from __future__ import annotations

import numpy as np

from CardiacCompletionLib.anatomy.heart import Heart
from CardiacCompletionLib.geometry.lattice import Lattice
from CardiacCompletionLib.geometry.region import Region


def on_lattice(heart: Heart, lattice: Lattice) -> Heart:
    """Each node belongs to what the voxel it lies in belongs to; structures that meet no node are not in the answer."""
    grid = np.eye(4)
    grid[:3, :3], grid[:3, 3] = lattice.steps[:, ::-1], lattice.origin
    voxels = heart.ijk_to_ras[:3, :3][:, ::-1]
    to_voxels, to_nodes = np.linalg.solve(voxels, lattice.steps), np.linalg.solve(lattice.steps, voxels)
    start = np.linalg.solve(voxels, lattice.origin - heart.ijk_to_ras[:3, 3])
    regions = {}
    for key, region in heart.regions.items():
        middle = np.array(region.start) + (np.array(region.mask.shape) - 1) / 2
        reach = np.abs(to_nodes) @ (np.array(region.mask.shape) / 2)
        low = np.clip(np.floor(to_nodes @ (middle - start) - reach).astype(int), 0, lattice.shape)
        high = np.clip(np.ceil(to_nodes @ (middle - start) + reach).astype(int) + 1, low, lattice.shape)
        kji = np.indices(high - low).reshape(3, -1).T + low
        held = region.holds(np.round(kji @ to_voxels.T + start).astype(int)).reshape(high - low)
        found = Region.of_mask(held)
        if found is not None:
            regions[key] = found.shifted(tuple(int(n) for n in low))
    return Heart(regions, lattice.shape, grid)
