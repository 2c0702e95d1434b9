"""The network's frame: where the heart lies and how large it is, from the trusted structures alone.

Every structure has a typical place and size in the frame (the reference, measured on the training cohort). Given some
structures of a patient, the frame's origin o and scale s minimise

    sum_k |(c_k - o)/s - c'_k|^2 / v_k  +  (z_k / s - z'_k)^2 / w_k

over the given structures k with centroid c_k and size z_k; primes mark the reference, v_k and w_k how much place and
spread vary in the cohort. The frame keeps patient axes: two structures rarely tell a heart's turn about the axis they
share, and a wrong turn costs more than none (Training/EXPERIMENTS.md). A structure that is to be inferred never enters.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from CardiacCompletionLib.geometry.region import Region


@dataclass(frozen=True)
class Moments:
    """A structure's centroid [3] in RAS mm, and the symmetric root [3, 3] of its voxels' covariance, in mm."""

    centroid: np.ndarray
    spread: np.ndarray

    @property
    def size(self) -> float:
        """Root mean square distance of the voxels from the centroid, in mm."""
        return float(np.linalg.norm(self.spread))

    def turned(self, turn: np.ndarray) -> Moments:
        """Of the structure turned by a rotation [3, 3] about the origin."""
        return Moments(turn @ self.centroid, turn @ self.spread @ turn.T)


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
    """Origin [3] in RAS mm and millimetres per frame unit; axes are the patient's."""

    origin: np.ndarray
    scale: float

    def from_ras(self, points: np.ndarray) -> np.ndarray:
        """Frame coordinates of RAS mm points [..., 3]."""
        return (points - self.origin) / self.scale

    def to_ras(self, points: np.ndarray) -> np.ndarray:
        """RAS mm of frame points [..., 3]."""
        return points * self.scale + self.origin


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


def placing(given: Iterable[str], reference: Reference) -> list[str]:
    """Which of the given structures decide where the frame is: anchors where there are any."""
    known = [key for key in given if key in reference.places]
    return [key for key in known if reference.places[key].anchor] or known


def fit_frame(given: Mapping[str, Moments], reference: Reference) -> HeartFrame:
    """The frame in which the given structures lie as nearly as possible where and as they usually do.

    Anchors alone decide where there are any: how much of a vessel a scan shows says little about the heart.

    Raises:
        ValueError: if none of the given structures is in the reference.
    """
    keys = placing(given, reference)
    if not keys:
        raise ValueError("None of the given structures has a place in the reference.")
    places = [reference.places[key] for key in keys]
    weight = np.array([1.0 / place.centroid_variance for place in places])
    usual = np.array([place.centroid for place in places])
    found = np.array([given[key].centroid for key in keys])
    usual_middle, found_middle = weight @ usual / weight.sum(), weight @ found / weight.sum()
    usual_offset, found_offset = usual - usual_middle, found - found_middle
    spread_weight = np.array([1.0 / place.spread_variance for place in places])
    usual_size = np.array([place.size for place in places])
    found_size = np.array([given[key].size for key in keys])
    shared = weight @ (usual_offset * found_offset).sum(axis=1) + spread_weight @ (usual_size * found_size)
    own = weight @ (usual_offset**2).sum(axis=1) + spread_weight @ usual_size**2
    # Of a mirrored heart nothing fits; the least scale keeps the frame a frame, for others to refuse.
    scale = max(float(shared / own), 1e-3)
    return HeartFrame(found_middle - scale * usual_middle, scale)
