"""Where what a scan shows of a structure ends, and up to where its distances hold.

Beyond such an end nothing is known: neither that the structure goes on nor that it does not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from CardiacCompletionLib.anatomy.heart import Heart
from CardiacCompletionLib.geometry.cut import CutFace, planar_caps
from CardiacCompletionLib.geometry.frame import moments_of
from CardiacCompletionLib.geometry.surface import Surface

# Of a flat end, by how many mm its place may be wrong.
_UNSURE = 1.5


@dataclass(frozen=True)
class Ends:
    """Flat ends of one heart's structures, E of them.

    Attributes:
        structures: int64 [E], whose end each is, as its place on the class axis.
        points: float32 [E, 3], RAS mm, in its middle.
        normals: float32 [E, 3], unit, RAS, away from what is shown.
    """

    structures: np.ndarray
    points: np.ndarray
    normals: np.ndarray

    @classmethod
    def of(cls, faces: dict[int, list[CutFace]]) -> Ends:
        """The faces by place on the class axis."""
        every = [(structure, face) for structure, own in faces.items() for face in own]
        return cls(
            np.array([structure for structure, _ in every], dtype=np.int64),
            np.array([face.point for _, face in every], dtype=np.float32).reshape(-1, 3),
            np.array([face.normal for _, face in every], dtype=np.float32).reshape(-1, 3),
        )

    def settle(self, structure: int, queries: np.ndarray, distances: np.ndarray) -> np.ndarray:
        """Where the distances of a structure that is shown in part are those of all of it: bool [Q].

        That is before all of its ends, and clearly nearer to it than to the plane of any of them. A structure that ends
        nobody knows where is settled nowhere.

        Args:
            queries: RAS mm [Q, 3].
            distances: to what is shown of it, mm [Q].
        """
        own = self.structures == structure
        if not own.any():
            return np.zeros(len(queries), dtype=bool)
        heights = queries @ self.normals[own].T - (self.points[own] * self.normals[own]).sum(axis=1)
        return -heights.max(axis=1) > np.abs(distances) + _UNSURE


def outward_ends(heart: Heart, key: str, surface: Surface) -> list[CutFace]:
    """Flat ends inside the image at which a structure leaves the heart; the others are where it begins."""
    middle = middle_of_others(heart, key)
    return [cap for cap in planar_caps(surface, heart.ijk_to_ras) if (cap.point - middle) @ cap.normal > 0]


def middle_of_others(heart: Heart, key: str) -> np.ndarray:
    """RAS mm [3], the mean centroid of all other structures; of a heart that has none, of this one."""
    others = [region for name, region in heart.regions.items() if name != key] or [heart.regions[key]]
    return np.mean([moments_of(region, heart.ijk_to_ras).centroid for region in others], axis=0)
