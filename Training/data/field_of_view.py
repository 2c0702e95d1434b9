"""Scans that end too soon: a vessel's surface points as far as a cut shows them."""

from __future__ import annotations

import numpy as np

CUT_SHARE = 0.5
_SHORTEST = 0.25


def cut_surface(points: np.ndarray, heart: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """The points on the heart's side of a random plane, RAS mm [N, 3] -> [M, 3]; no point lies on the cut itself.

    Args:
        points: surface points of one structure.
        heart: RAS mm [3], the middle of the heart: what lies nearer to it is what a narrow field of view still shows.
    """
    away = points - heart
    direction = generator.standard_normal(3) * 0.5 + away.mean(axis=0) / np.linalg.norm(away.mean(axis=0))
    along = away @ direction
    return points[along <= np.quantile(along, generator.uniform(_SHORTEST, 1.0))]
