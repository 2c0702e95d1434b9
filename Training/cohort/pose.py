"""Where a heart lies in a patient."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True)
class Pose:
    """Where a heart lies: heart coordinates are turned, scaled and shifted into patient coordinates.

    Attributes:
        values: shift (mm) [3], rotation vector (degrees) [3], logarithm of the scale.
    """

    values: np.ndarray

    @cached_property
    def scale(self) -> float:
        return float(np.exp(self.values[6]))

    @cached_property
    def rotation(self) -> np.ndarray:
        """[3, 3], by Rodrigues' formula."""
        vector = np.radians(self.values[3:6])
        angle = np.linalg.norm(vector)
        x, y, z = vector / angle if angle > 0 else np.zeros(3)
        cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
        return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross

    def to_heart(self, ras: np.ndarray) -> np.ndarray:
        """Heart coordinates float32 [3, N] of patient coordinates [N, 3] (mm)."""
        return ((ras - self.values[:3]) @ self.rotation / self.scale).T.astype(np.float32)

    def to_patient(self, points: np.ndarray) -> np.ndarray:
        """Patient coordinates [N, 3] of heart coordinates [N, 3] (mm)."""
        return self.scale * points @ self.rotation.T + self.values[:3]
