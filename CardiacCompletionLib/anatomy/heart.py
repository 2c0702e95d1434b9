"""A heart, whole or partial: which structures it has and where, on one voxel grid."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from CardiacCompletionLib.anatomy.vocabulary import Vocabulary
from CardiacCompletionLib.geometry.label_map import LabelMap
from CardiacCompletionLib.geometry.region import Region


@dataclass(frozen=True)
class Heart:
    """Structures on a grid; they may overlap, as segments in a file may.

    Attributes:
        regions: key -> the voxels of that structure.
        shape: voxels of the grid along k, j, i.
        ijk_to_ras: float64 [4, 4]; voxel-centre index to RAS mm.
    """

    regions: Mapping[str, Region]
    shape: tuple[int, int, int]
    ijk_to_ras: np.ndarray

    @property
    def spacing(self) -> np.ndarray:
        """Voxel edge lengths in mm along i, j, k: float64 [3]."""
        return np.linalg.norm(self.ijk_to_ras[:3, :3], axis=0)

    @property
    def voxel_volume_ml(self) -> float:
        return float(abs(np.linalg.det(self.ijk_to_ras[:3, :3]))) / 1000.0

    def volume_ml(self, key: str) -> float:
        return int(self.regions[key].mask.sum()) * self.voxel_volume_ml

    def keep(self, keys: Iterable[str]) -> Heart:
        """The same grid with only these structures."""
        return Heart({key: self.regions[key] for key in keys}, self.shape, self.ijk_to_ras)

    def transformed(self, matrix: np.ndarray) -> Heart:
        """The same voxels in another place: ``matrix`` float64 [4, 4], RAS mm to RAS mm."""
        return Heart(self.regions, self.shape, matrix @ self.ijk_to_ras)

    @classmethod
    def from_label_map(cls, label_map: LabelMap, labels: Mapping[int, str]) -> Heart:
        """Structures of a label map, given label value -> key; values not named and empty structures are left out."""
        regions = {
            key: region
            for value, key in labels.items()
            if (region := Region.of_mask(label_map.voxels == value)) is not None
        }
        return cls(regions, label_map.voxels.shape, label_map.ijk_to_ras)

    def to_label_map(self, vocabulary: Vocabulary) -> LabelMap:
        """Labels uint8 [K, J, I] of the cardiac10 convention; where structures overlap, the later one stands."""
        voxels = np.zeros(self.shape, dtype=np.uint8)
        for key, region in self.regions.items():
            voxels[region.box][region.mask] = vocabulary[key].label
        return LabelMap(voxels, self.ijk_to_ras)
