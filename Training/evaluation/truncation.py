"""Structures that a data set shows only in part: what a completion adds beyond their end is no error."""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from skimage.graph import MCP_Geometric

from CardiacCompletionLib.anatomy.heart import Heart
from CardiacCompletionLib.geometry.region import Region
from CardiacCompletionLib.geometry.surface import extract_surface
from Training.data.ends import middle_of_others, outward_ends

_EVERYWHERE = np.ones((3, 3, 3))


def up_to_the_end(found: Region, true: Heart, key: str) -> Region | None:
    """The voxels of an inferred structure that do not lie beyond a flat end at which the true one leaves the heart.

    A part that is reached only through such an end, or from outside the image, or on a way longer than to the end of
    the true one, lies beyond it, too, though it may come back, as the descending aorta does.

    Args:
        found: on the true heart's grid, and as far beyond it as it goes.
    """
    surface = extract_surface(true.regions[key], true.shape, true.ijk_to_ras)
    middle = middle_of_others(true, key)
    kji = np.argwhere(found.mask)
    ras = (kji + np.array(found.start))[:, ::-1] @ true.ijk_to_ras[:3, :3].T + true.ijk_to_ras[:3, 3]
    on_grid = kji + np.array(found.start)
    beyond = ((on_grid < 0) | (on_grid >= true.shape)).any(axis=1)
    for end in outward_ends(true, key, surface):
        beyond |= end.height(ras) > 0
    beyond |= _farther_on(found, true.regions[key], middle, true.ijk_to_ras)
    cut_off = np.zeros_like(found.mask)
    cut_off[tuple(kji[beyond].T)] = True
    mask = found.mask & ~cut_off
    pieces, count = ndimage.label(mask, structure=_EVERYWHERE)
    behind = set(np.unique(pieces[ndimage.binary_dilation(cut_off, structure=_EVERYWHERE)]))
    held = true.regions[key].holds(on_grid)
    seen = set(np.unique(pieces[tuple(kji[held].T)]))
    mask &= ~np.isin(pieces, list((behind - seen) & set(range(1, count + 1))))
    kept = Region.of_mask(mask)
    return None if kept is None else kept.shifted(found.start)


def _farther_on(found: Region, true: Region, middle: np.ndarray, ijk_to_ras: np.ndarray) -> np.ndarray:
    """Which voxels of ``found`` (in C order, bool [N]) lie farther along the vessel than all of the true one.

    Ways lead through either, from where the true one is nearest to the heart's middle (RAS mm [3]). What no way leads
    to does not lie farther on.
    """
    both, voxel = found.joined(true), tuple(np.linalg.norm(ijk_to_ras[:3, :3], axis=0)[::-1])
    lattice = np.argwhere(true.mask) + np.array(true.start)
    ras = lattice[:, ::-1] @ ijk_to_ras[:3, :3].T + ijk_to_ras[:3, 3]
    first = lattice[np.argmin(np.linalg.norm(ras - middle, axis=1))] - both.start
    ways, _ = MCP_Geometric(np.where(both.mask, 1.0, np.inf), sampling=voxel).find_costs([first])
    length = ways[tuple((lattice - both.start).T)]
    own = ways[tuple((np.argwhere(found.mask) + np.array(found.start) - both.start).T)]
    return np.isfinite(own) & (own > length[np.isfinite(length)].max())
