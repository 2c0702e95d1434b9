"""How likely a place lies inside a structure, by a few plausible hearts.

Sixteen hearts have little to say of one node; but where one of them has its wall, another might have it beside.
So every heart stands for all that are shifted from it by a normal distribution (kernel density estimation, Parzen 1962,
Annals of Mathematical Statistics 33:1065), as far as no trusted structure is in the way.
"""

from __future__ import annotations

import numpy as np

# Standard deviation of the shifts in mm, and how many of these the farthest goes. Of the widths tried, held-out hearts
# are said about best by this one, each structure for itself (Training/EXPERIMENTS.md, "Likelihood between samples").
_WIDTH, _FARTHEST = 2.5, 3.0


def likelihood(share: np.ndarray, free: np.ndarray, spacing: np.ndarray) -> np.ndarray:
    """Probability of each node, float32 [k, j, i]; nought where trusted structures are.

    Several structures that share no node have probabilities that add up to one at most.

    Args:
        share: of the hearts, how many hold the node, 0 to 1 [k, j, i].
        free: nodes that no trusted structure holds, bool [k, j, i].
        spacing: mm between nodes along k, j, i.
    """
    from scipy.ndimage import gaussian_filter  # slow to import, and the panel opens without it

    likely = np.zeros(share.shape, dtype=np.float32)
    held = np.nonzero(share)
    if not len(held[0]):
        return likely
    around = zip(held, margin(spacing), strict=True)
    box = tuple(slice(max(int(n.min()) - m, 0), int(n.max()) + m + 1) for n, m in around)
    width = _WIDTH / np.asarray(spacing)
    said, heard = (
        gaussian_filter(values, width, mode="nearest", truncate=_FARTHEST)
        for values in (np.where(free[box], share[box], 0.0).astype(np.float32), free[box].astype(np.float32))
    )
    # A free node hears itself.
    np.divide(said, heard, out=likely[box], where=free[box])
    return np.clip(likely, 0.0, 1.0, out=likely)


def margin(spacing: np.ndarray) -> np.ndarray:
    """How many nodes from the farthest that any heart holds others are likely too, along k, j, i: int [3]."""
    return np.ceil(_FARTHEST * _WIDTH / np.asarray(spacing)).astype(int)
