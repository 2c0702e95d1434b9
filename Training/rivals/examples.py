"""Examples of rivals that are told other things, or asked other ones, than the network that ships."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from CardiacCompletionLib.geometry.frame import HeartFrame
from Training.data.examples import CompletionExamples
from Training.data.samples import NEAR_POINTS, CaseSamples
from Training.schemes import draw_at_random

# Of the distances around a surface point that say where it faces.
_NEIGHBOURS = 12


class HiddenAtRandom(CompletionExamples):
    """What is trusted is drawn at random alone, not by the schemes of the clinic."""

    def _trusted(self, present: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        return draw_at_random(present, generator)


class WithNormals(CompletionExamples):
    """Surface points come with their outward normals: points are [C, N, 6]."""

    _POINT_NUMBERS = 6

    def _told_of(self, ras: np.ndarray, structure: int, case: CaseSamples, frame: HeartFrame) -> np.ndarray:
        first = case.own_queries[structure]
        around = slice(first, first + NEAR_POINTS)
        facing = normals_from(ras, case.queries[around], case.distances[structure, around].astype(np.float64))
        return np.concatenate([super()._told_of(ras, structure, case, frame), facing], axis=1)


def normals_from(points: np.ndarray, around: np.ndarray, distances: np.ndarray) -> np.ndarray:
    """Unit normals [N, 3] at surface points [N, 3]: the slope of signed distances [Q] known at points around [Q, 3].

    By least squares over the nearest of them, held to nought where these are too few to tell.
    """
    _, near = cKDTree(around).query(points, k=_NEIGHBOURS)
    step = around[near] - around[near].mean(axis=1, keepdims=True)
    square = np.einsum("nki,nkj->nij", step, step) + 1e-3 * np.eye(3)
    slope = np.linalg.solve(square, np.einsum("nki,nk->ni", step, distances[near])[..., None])[..., 0]
    return slope / np.maximum(np.linalg.norm(slope, axis=1, keepdims=True), 1e-9)
