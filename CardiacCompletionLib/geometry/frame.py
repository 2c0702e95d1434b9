"""The network's frame: where the heart lies, how it is turned and how large it is, from the trusted structures alone.

Every structure has a typical place and spread in the frame (the reference, measured on the training cohort). Given some
structures of a patient, the frame's origin o, scale s and rotation R minimise

    sum_k |R'(c_k - o)/s - c'_k|^2 / v_k  +  |R' S_k R / s - S'_k|^2 / w_k  +  |angle(R)|^2 / a^2

over the given structures k with centroid c_k and spread S_k (the symmetric root of the covariance of their voxels);
primes on the right mark the reference, v_k and w_k how much place and spread vary in the cohort. The last term keeps
patient axes where the structures say nothing about a turn. A structure that is to be inferred never enters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from CardiacCompletionLib.geometry.region import Region

_USUAL_TURN = np.radians(25.0)
_ROUNDS = 8
GENERATORS = np.array(
    [[[0, 0, 0], [0, 0, -1], [0, 1, 0]], [[0, 0, 1], [0, 0, 0], [-1, 0, 0]], [[0, -1, 0], [1, 0, 0], [0, 0, 0]]],
    dtype=np.float64,
)


@dataclass(frozen=True)
class Moments:
    """A structure's centroid [3] in RAS mm, and the symmetric root [3, 3] of its voxels' covariance, in mm."""

    centroid: np.ndarray
    spread: np.ndarray

    @property
    def size(self) -> float:
        """Root mean square distance of the voxels from the centroid, in mm."""
        return float(np.linalg.norm(self.spread))


@dataclass(frozen=True)
class TypicalPlace:
    """A structure in the frame, in frame units: centroid [3], spread [3][3], and the variance of each in the cohort."""

    centroid: tuple[float, ...]
    spread: tuple[tuple[float, ...], ...]
    centroid_variance: float
    spread_variance: float
    anchor: bool

    @property
    def size(self) -> float:
        """Root mean square distance of the voxels from the centroid, in frame units."""
        return float(np.linalg.norm(self.spread))


@dataclass(frozen=True)
class Reference:
    """What is typical in the training cohort: each structure's place, and how many millimetres a frame unit is."""

    places: Mapping[str, TypicalPlace]
    scale: float

    def to_json(self) -> dict[str, Any]:
        return {"scale": self.scale, "places": {key: asdict(place) for key, place in self.places.items()}}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Reference:
        """Raises KeyError or TypeError if the content is of another form."""
        places = {}
        for key, place in content["places"].items():
            exact = {"centroid": tuple(place["centroid"]), "spread": tuple(tuple(row) for row in place["spread"])}
            places[key] = TypicalPlace(**{**place, **exact})
        return cls(places, float(content["scale"]))


@dataclass(frozen=True)
class HeartFrame:
    """Origin [3] in RAS mm, millimetres per frame unit, and rotation [3, 3] (columns: the frame's axes in RAS)."""

    origin: np.ndarray
    scale: float
    rotation: np.ndarray

    def from_ras(self, points: np.ndarray) -> np.ndarray:
        """Frame coordinates of RAS mm points [..., 3]."""
        return (points - self.origin) @ self.rotation / self.scale

    def to_ras(self, points: np.ndarray) -> np.ndarray:
        """RAS mm of frame points [..., 3]."""
        return points @ self.rotation.T * self.scale + self.origin


def moments_of(region: Region, ijk_to_ras: np.ndarray) -> Moments:
    """First and second moments of a structure's voxels."""
    lattice = np.asarray(ijk_to_ras)[:3, :3][:, ::-1]
    kji = np.argwhere(region.mask)
    mean = kji.mean(axis=0)
    offset = (kji - mean) @ lattice.T
    centroid = (mean + np.array(region.start)) @ lattice.T + np.asarray(ijk_to_ras)[:3, 3]
    voxel = lattice @ lattice.T / 12.0  # a voxel is a box, not a point
    values, vectors = np.linalg.eigh(offset.T @ offset / len(offset) + voxel)
    return Moments(centroid, (vectors * np.sqrt(values)) @ vectors.T)


def fit_frame(given: Mapping[str, Moments], reference: Reference) -> HeartFrame:
    """The frame in which the given structures lie as nearly as possible where and as they usually do.

    Anchors alone decide where there are any: how much of a vessel a scan shows says little about the heart.

    Raises:
        ValueError: if none of the given structures is in the reference.
    """
    known = [key for key in given if key in reference.places]
    keys = [key for key in known if reference.places[key].anchor] or known
    if not keys:
        raise ValueError("None of the given structures has a place in the reference.")
    target = _Target.of([reference.places[key] for key in keys])
    centroids = np.array([given[key].centroid for key in keys])
    spreads = np.array([given[key].spread for key in keys])
    rotation = np.eye(3)
    for _ in range(_ROUNDS):
        origin, scale = target.placed(centroids @ rotation, spreads)
        turned = rotation.T @ spreads @ rotation / scale
        rotation = rotation @ target.turn((centroids @ rotation - origin) / scale, turned, rotation)
    origin, scale = target.placed(centroids @ rotation, spreads)
    return HeartFrame(rotation @ origin, scale, rotation)


@dataclass(frozen=True)
class _Target:
    """The reference of the structures at hand as arrays: [K, 3], [K, 3, 3], [K], [K]."""

    centroid: np.ndarray
    spread: np.ndarray
    centroid_weight: np.ndarray
    spread_weight: np.ndarray

    @classmethod
    def of(cls, places: Sequence[TypicalPlace]) -> _Target:
        return cls(
            np.array([place.centroid for place in places]),
            np.array([place.spread for place in places]),
            np.array([1.0 / place.centroid_variance for place in places]),
            np.array([1.0 / place.spread_variance for place in places]),
        )

    def placed(self, centroids: np.ndarray, spreads: np.ndarray) -> tuple[np.ndarray, float]:
        """Origin [3] and scale by weighted least squares, in axes that are already the frame's."""
        weight = self.centroid_weight / self.centroid_weight.sum()
        there, here = weight @ self.centroid, weight @ centroids
        offset_there, offset_here = self.centroid - there, centroids - here
        size_there = np.linalg.norm(self.spread, axis=(1, 2))
        size_here = np.linalg.norm(spreads, axis=(1, 2))
        shared = self.centroid_weight @ (offset_there * offset_here).sum(axis=1)
        shared += self.spread_weight @ (size_there * size_here)
        own = self.centroid_weight @ (offset_there**2).sum(axis=1) + self.spread_weight @ size_there**2
        # Of a mirrored heart nothing fits; the least scale keeps the frame a frame, for others to refuse.
        scale = max(float(shared / own), 1e-3)
        return here - scale * there, scale

    def turn(self, centroids: np.ndarray, spreads: np.ndarray, rotation: np.ndarray) -> np.ndarray:
        """The next small rotation [3, 3], a Gauss-Newton step on structures already in frame units."""
        # Turning the frame by a small vector d moves a centroid p by p x d and a spread D by D[d] - [d]D.
        slope_c = np.einsum("gab,kb->kag", -GENERATORS, centroids)
        slope_s = np.einsum("kab,gbc->kacg", spreads, GENERATORS) - np.einsum("gab,kbc->kacg", GENERATORS, spreads)
        rows = np.concatenate(
            [
                (slope_c * np.sqrt(self.centroid_weight)[:, None, None]).reshape(-1, 3),
                (slope_s * np.sqrt(self.spread_weight)[:, None, None, None]).reshape(-1, 3),
                np.eye(3) / _USUAL_TURN,
            ]
        )
        misfit = np.concatenate(
            [
                ((self.centroid - centroids) * np.sqrt(self.centroid_weight)[:, None]).ravel(),
                ((self.spread - spreads) * np.sqrt(self.spread_weight)[:, None, None]).ravel(),
                -Rotation.from_matrix(rotation).as_rotvec() / _USUAL_TURN,
            ]
        )
        step = np.linalg.lstsq(rows, misfit, rcond=None)[0]
        return Rotation.from_rotvec(step).as_matrix()
