"""The aligned mean heart: mean signed distances of a cohort, each heart in the frame its anchors give it."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor

import numpy as np

from CardiacCompletionLib.anatomy.heart import Heart
from CardiacCompletionLib.geometry.frame import HeartFrame
from CardiacCompletionLib.geometry.signed_distance import SignedDistance
from Training.data.hearts import PreparedHearts


def mean_fields(
    hearts: PreparedHearts, frames: Sequence[HeartFrame], nodes: np.ndarray, count: int, workers: int
) -> np.ndarray:
    """Mean signed distance float32 [C, N] in frame units at frame points [N, 3]; ``count`` hearts a data set."""
    total = np.zeros((len(hearts.structures), len(nodes)))
    seen = np.zeros((len(hearts.structures), 1))
    with ProcessPoolExecutor(workers) as pool:
        jobs = [
            pool.submit(heart_fields, hearts.heart(i), hearts.structures, frames[i], nodes)
            for i in hearts.spread_evenly(count)
        ]
        for job in jobs:
            fields = job.result()
            there = np.isfinite(fields).all(axis=1, keepdims=True)
            total += np.where(there, fields, 0.0)
            seen += there
    return (total / np.maximum(seen, 1)).astype(np.float32)


def heart_fields(heart: Heart, structures: Sequence[str], frame: HeartFrame, nodes: np.ndarray) -> np.ndarray:
    """Signed distance float32 [C, N] in frame units at frame points [N, 3]; NaN where the heart lacks a structure."""
    fields = np.full((len(structures), len(nodes)), np.nan, dtype=np.float32)
    ras = frame.to_ras(nodes)
    for index, key in enumerate(structures):
        if key in heart.regions:
            field = SignedDistance(heart.regions[key], heart.shape, heart.ijk_to_ras)
            fields[index] = field(ras) / frame.scale
    return fields
