"""Several plausible hearts for one input, and what follows from them: volumes, intervals, probabilities.

Knows no torch: Slicer reads samples that the engine's process has drawn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist

import numpy as np

from CardiacCompletionLib.anatomy.heart import Heart
from CardiacCompletionLib.geometry.lattice import Lattice
from CardiacCompletionLib.geometry.region import Region


@dataclass(frozen=True)
class Samples:
    """What several plausible hearts have in common, and where they differ.

    Attributes:
        lattice: the grid of the hearts, and of probabilities.
        hearts: of each heart key -> the nodes that the structure holds; a structure may be missing from a heart.
        confidence: key -> mean Dice of the hearts with the likeliest one: what overlap with the truth to expect.
    """

    lattice: Lattice
    hearts: tuple[Mapping[str, Region], ...]
    confidence: Mapping[str, float]

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
        """Key -> share of the hearts whose structure holds a node, float32 [k, j, i]."""
        shares = {}
        for key in self.confidence:
            total = np.zeros(self.lattice.shape, dtype=np.float32)
            for region in (heart[key] for heart in self.hearts if key in heart):
                total[region.box] += region.mask
            shares[key] = total / self.count
        return shares

    def interval_ml(self, key: str, share: float = 0.9) -> tuple[float, float]:
        """Volumes between which the structure's lies with this probability; volumes are taken as log-normal."""
        logs = np.log(np.maximum(self.volumes_ml[key], 1e-3))
        reach = NormalDist().inv_cdf(0.5 + share / 2) * logs.std(ddof=1)
        return float(np.exp(logs.mean() - reach)), float(np.exp(logs.mean() + reach))
