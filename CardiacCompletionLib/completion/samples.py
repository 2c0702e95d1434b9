"""Several plausible hearts for one input, and what follows from them: volumes, intervals, probabilities.

Knows no torch: Slicer reads samples that the engine's process has drawn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from statistics import NormalDist

import numpy as np

from CardiacCompletionLib.anatomy.heart import Heart
from CardiacCompletionLib.completion.likelihood import likelihood
from CardiacCompletionLib.geometry.lattice import Lattice
from CardiacCompletionLib.geometry.region import Region

_NORMAL = NormalDist().inv_cdf(0.95)


@dataclass(frozen=True)
class Samples:
    """What several plausible hearts have in common, and where they differ.

    Attributes:
        lattice: the grid of the hearts, and of probabilities.
        hearts: of each heart key -> the nodes that the structure holds; a structure may be missing from a heart.
        confidence: key -> mean Dice of the hearts with the likeliest one: what overlap with the truth to expect.
        reach: key -> between which two numbers the true volume lies nine times out of ten, its logarithm counted from
            the mean of the drawn ones in their standard deviations, as held-out hearts say (Training/calibrate.py); as
            of a normal distribution for structures that are not named.
        kept: key -> the nodes that a trusted structure holds, which no heart touches.
    """

    lattice: Lattice
    hearts: tuple[Mapping[str, Region], ...]
    confidence: Mapping[str, float]
    reach: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    kept: Mapping[str, Region] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """How many hearts were drawn."""
        return len(self.hearts)

    @property
    def ijk_to_ras(self) -> np.ndarray:
        """Node index (i, j, k, 1) of the lattice to RAS mm: float64 [4, 4]."""
        matrix = np.eye(4)
        matrix[:3, :3], matrix[:3, 3] = self.lattice.steps[:, ::-1], self.lattice.origin
        return matrix

    def heart(self, number: int) -> Heart:
        """One of the hearts, counted from 0: its inferred structures alone, a voxel a node."""
        return Heart(self.hearts[number], self.lattice.shape, self.ijk_to_ras)

    @cached_property
    def volumes_ml(self) -> dict[str, np.ndarray]:
        """Key -> volume of the structure in each of the hearts, [count]."""
        node_ml = abs(np.linalg.det(self.lattice.steps)) / 1000.0
        return {
            key: np.array([heart[key].mask.sum() * node_ml if key in heart else 0.0 for heart in self.hearts])
            for key in self.confidence
        }

    @cached_property
    def probability(self) -> dict[str, np.ndarray]:
        """Key -> how likely the structure holds a node, float32 [k, j, i]."""
        free = np.ones(self.lattice.shape, dtype=bool)
        for region in self.kept.values():
            free[region.box] &= ~region.mask
        spacing = np.linalg.norm(self.lattice.steps, axis=0)
        return {key: likelihood(self.share(key), free, spacing) for key in self.confidence}

    def share(self, key: str) -> np.ndarray:
        """Of the hearts, how many have the structure at a node, 0 to 1: float32 [k, j, i]."""
        total = np.zeros(self.lattice.shape, dtype=np.float32)
        for region in (heart[key] for heart in self.hearts if key in heart):
            total[region.box] += region.mask
        return total / self.count

    def log_volume(self, key: str) -> tuple[float, float]:
        """Mean and standard deviation of the logarithm of the structure's volume in ml."""
        logs = np.log(np.maximum(self.volumes_ml[key], 1e-3))
        return float(logs.mean()), max(float(logs.std(ddof=1)), 1e-3)

    def interval_ml(self, key: str) -> tuple[float, float]:
        """Volumes between which the true one lies nine times out of ten.

        Where inferred structures of this kind come out too large or too small, it holds less, or more, than the
        likeliest heart has, or even neither that nor any drawn one.
        """
        mean, deviation = self.log_volume(key)
        low, high = self.reach.get(key, (-_NORMAL, _NORMAL))
        return float(np.exp(mean + low * deviation)), float(np.exp(mean + high * deviation))
