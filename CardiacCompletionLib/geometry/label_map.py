"""A label map with its place in the patient: the form in which every heart enters and leaves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class LabelMap:
    """Voxels and where they are.

    Attributes:
        voxels: integer labels [K, J, I] (slices first, as Slicer and SimpleITK hand arrays out); 0 is background.
        ijk_to_ras: float64 [4, 4]; maps the homogeneous voxel-centre index (i, j, k, 1) to RAS millimetres.
    """

    voxels: np.ndarray
    ijk_to_ras: np.ndarray

    def __post_init__(self) -> None:
        if self.voxels.ndim != 3:
            raise ValueError(f"A label map has three axes, not {self.voxels.ndim}.")
        object.__setattr__(self, "ijk_to_ras", np.asarray(self.ijk_to_ras, dtype=np.float64).reshape(4, 4))

    @property
    def spacing(self) -> np.ndarray:
        """Voxel edge lengths in mm, along i, j, k: float64 [3]."""
        return np.linalg.norm(self.ijk_to_ras[:3, :3], axis=0)

    @property
    def voxel_volume_ml(self) -> float:
        """Volume of one voxel in millilitres."""
        return float(abs(np.linalg.det(self.ijk_to_ras[:3, :3]))) / 1000.0

    def ras_from_ijk(self, ijk: np.ndarray) -> np.ndarray:
        """RAS mm [N, 3] of (possibly fractional) indices in i, j, k order [N, 3]."""
        return np.asarray(ijk, dtype=np.float64) @ self.ijk_to_ras[:3, :3].T + self.ijk_to_ras[:3, 3]

    def ijk_from_ras(self, ras: np.ndarray) -> np.ndarray:
        """Fractional indices in i, j, k order [N, 3] of RAS mm points [N, 3]."""
        inverse = np.linalg.inv(self.ijk_to_ras)
        return np.asarray(ras, dtype=np.float64) @ inverse[:3, :3].T + inverse[:3, 3]
