"""A field read off once on a coarse lattice: for curves that are fitted to a surface step by step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import map_coordinates

from Training.cohort.fields import blockwise

_STEP = 3.5  # mm between lattice points


@dataclass(frozen=True)
class SampledField:
    """A field and its gradient on a lattice, between whose points both are interpolated.

    Attributes:
        origin: [3] mm of the first lattice point.
        values: field (mm) and its gradient, float32 [4, R, A, S].
    """

    origin: np.ndarray
    values: np.ndarray

    @classmethod
    def of(cls, field: Callable[[np.ndarray], np.ndarray], low: np.ndarray, high: np.ndarray) -> SampledField:
        """Sample a field between two corners [3] (mm)."""
        axes = [np.arange(first, last + _STEP, _STEP, dtype=np.float32) for first, last in zip(low, high, strict=True)]
        points = np.stack(np.meshgrid(*axes, indexing="ij"))
        values = blockwise(field, points)
        return cls(np.asarray(low), np.stack([values, *np.gradient(values, _STEP)]))

    def at(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Field (mm) [N] and unit gradient [N, 3] at points [N, 3] (mm)."""
        index = ((points - self.origin) / _STEP).T
        value, *slope = (map_coordinates(layer, index, order=1, mode="nearest") for layer in self.values)
        slope = np.stack(slope, axis=1)
        return value, slope / (np.linalg.norm(slope, axis=1, keepdims=True) + 1e-6)
