"""What a structure's own voxels say, found out once: a preview asks about the same voxels again and again."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from CardiacCompletionLib.anatomy.heart import Heart
from CardiacCompletionLib.completion.distance_lattice import DistanceLattice
from CardiacCompletionLib.geometry.cut import CutFace, planar_caps
from CardiacCompletionLib.geometry.frame import Moments, moments_of
from CardiacCompletionLib.geometry.region import Region
from CardiacCompletionLib.geometry.shape_grid import node_positions, own_unit, to_ras
from CardiacCompletionLib.geometry.signed_distance import SignedDistance
from CardiacCompletionLib.geometry.surface import Surface, extract_surface


class SeenStructure:
    """One structure on its grid; all is worked out when it is first asked for."""

    def __init__(self, region: Region, shape: tuple[int, int, int], ijk_to_ras: np.ndarray) -> None:
        # The caller's voxels may be edited afterwards.
        self._region = Region(region.mask.copy(), region.start)
        self._shape, self._ijk_to_ras = shape, np.array(ijk_to_ras)
        self._around: DistanceLattice | None = None

    def is_of(self, region: Region, shape: tuple[int, int, int], ijk_to_ras: np.ndarray) -> bool:
        """Whether these are the voxels that were seen, on the same grid."""
        own = self._region
        return (
            (own.start, own.mask.shape, self._shape) == (region.start, region.mask.shape, shape)
            and np.array_equal(self._ijk_to_ras, ijk_to_ras)
            and np.array_equal(own.mask, region.mask)
        )

    @cached_property
    def moments(self) -> Moments:
        """Where it lies and how large it is."""
        return moments_of(self._region, self._ijk_to_ras)

    @cached_property
    def surface(self) -> Surface:
        """All of it, cut faces inside the image included."""
        return extract_surface(self._region, self._shape, self._ijk_to_ras)

    @cached_property
    def caps(self) -> list[CutFace]:
        """Flat faces with a sharp rim, the largest first."""
        return planar_caps(self.surface, self._ijk_to_ras)

    @cached_property
    def distance(self) -> SignedDistance:
        """To its surface."""
        return SignedDistance(self._region, self._shape, self._ijk_to_ras, self.surface)

    @cached_property
    def own_distances(self) -> np.ndarray:
        """Signed distance float32 [N'], in own units, at the sparse nodes of its own grid (geometry/shape_grid)."""
        return self.own_distances_turned(np.eye(3))

    def own_distances_turned(self, turn: np.ndarray) -> np.ndarray:
        """The same, were the structure turned by a rotation [3, 3]."""
        return self.distance(to_ras(node_positions(sparse=True) @ turn, self.moments)) / own_unit(self.moments)

    def distances_around(self, step: float) -> DistanceLattice:
        """Distances to its surface on a lattice around it, nodes ``step`` mm apart; the last step is remembered."""
        if self._around is None or self._around.step != step:
            self._around = DistanceLattice.around(self.distance, step)
        return self._around


class LastSeen:
    """Of every key the structure that was looked at last, and no other, so that memory stays small."""

    def __init__(self) -> None:
        self._structures: dict[str, SeenStructure] = {}

    def look_at(self, heart: Heart) -> dict[str, SeenStructure]:
        """All structures of a heart."""
        for key, region in heart.regions.items():
            before = self._structures.get(key)
            if before is None or not before.is_of(region, heart.shape, heart.ijk_to_ras):
                self._structures[key] = SeenStructure(region, heart.shape, heart.ijk_to_ras)
        return {key: self._structures[key] for key in heart.regions}
