"""Structures that a data set shows only in part: what a completion adds beyond their end is no error."""

from __future__ import annotations

import numpy as np

from CardiacCompletionLib.anatomy.heart import Heart
from CardiacCompletionLib.geometry.cut import planar_caps
from CardiacCompletionLib.geometry.frame import moments_of
from CardiacCompletionLib.geometry.region import Region
from CardiacCompletionLib.geometry.surface import extract_surface


def up_to_the_end(found: Region, true: Heart, key: str) -> Region | None:
    """The voxels of an inferred structure that do not lie beyond a flat end at which the true one leaves the heart.

    Args:
        found: on the true heart's grid.
    """
    surface = extract_surface(true.regions[key], true.shape, true.ijk_to_ras)
    others = [moments_of(region, true.ijk_to_ras).centroid for name, region in true.regions.items() if name != key]
    middle = np.mean(others, axis=0)
    kji = np.argwhere(found.mask)
    ras = (kji + np.array(found.start))[:, ::-1] @ true.ijk_to_ras[:3, :3].T + true.ijk_to_ras[:3, 3]
    beyond = np.zeros(len(kji), dtype=bool)
    for cap in planar_caps(surface, true.ijk_to_ras):
        if (cap.point - middle) @ cap.normal > 0:
            beyond |= cap.height(ras) > 0
    mask = found.mask.copy()
    mask[tuple(kji[beyond].T)] = False
    kept = Region.of_mask(mask)
    return None if kept is None else kept.shifted(found.start)
