"""Mean signed distances of a cohort, every structure on a grid of its own: the shapes of a mean heart."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor

import numpy as np

from CardiacCompletionLib.anatomy.heart import Heart
from CardiacCompletionLib.geometry.expectation import Places
from CardiacCompletionLib.geometry.frame import HeartFrame
from CardiacCompletionLib.geometry.signed_distance import SignedDistance
from Training.data.hearts import PreparedHearts


def mean_fields(
    hearts: PreparedHearts,
    chosen: Sequence[int],
    frames: Sequence[HeartFrame],
    places: Sequence[Places],
    nodes: np.ndarray,
    workers: int,
) -> np.ndarray:
    """Mean shapes float32 [C, N] in units of each structure's spread, at nodes [N, 3] in spreads.

    Args:
        chosen: indices of the hearts to take the mean over.
        frames, places: of each of these hearts; structures that a heart lacks do not count there.
    """
    total = np.zeros((len(hearts.structures), len(nodes)))
    seen = np.zeros((len(hearts.structures), 1))
    with ProcessPoolExecutor(workers) as pool:
        jobs = [
            pool.submit(heart_fields, hearts.heart(index), hearts.structures, frame, place, nodes)
            for index, frame, place in zip(chosen, frames, places, strict=True)
        ]
        for job in jobs:
            fields = job.result()
            there = np.isfinite(fields).all(axis=1, keepdims=True)
            total += np.where(there, fields, 0.0)
            seen += there
    # What no heart has is nowhere.
    return np.where(seen, total / np.maximum(seen, 1), 1.0).astype(np.float32)


def heart_fields(
    heart: Heart, structures: Sequence[str], frame: HeartFrame, places: Places, nodes: np.ndarray
) -> np.ndarray:
    """Signed distances float32 [C, N] in units of each structure's spread; NaN where the heart lacks a structure."""
    fields = np.full((len(structures), len(nodes)), np.nan, dtype=np.float32)
    for index, key in enumerate(structures):
        if key in heart.regions:
            spread = places.spreads[index]
            ras = frame.to_ras(nodes @ spread.T + places.centroids[index])
            field = SignedDistance(heart.regions[key], heart.shape, heart.ijk_to_ras)
            fields[index] = field(ras) / (frame.scale * np.cbrt(np.linalg.det(spread)))
    return fields
