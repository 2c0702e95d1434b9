"""The network's frame: where the heart lies and how large it is, judged from the trusted structures alone.

Every structure has a typical place and size in the frame (the reference, measured on the training cohort). Given some
structures of a patient, the frame's origin and scale are the weighted least-squares solution of

    centroid_k = origin + scale * place_k,    size_k = scale * size'_k        (patient axes; no rotation)

over the given structures k, each weighted by the inverse of how much its place varies in the cohort. A structure that
is to be inferred never enters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from CardiacCompletionLib.geometry.region import Region


@dataclass(frozen=True)
class Moments:
    """Centroid [3] in RAS mm and size (root mean square distance of its voxels from the centroid) in mm."""

    centroid: np.ndarray
    size: float


@dataclass(frozen=True)
class TypicalPlace:
    """A structure's place in the frame: centroid [3], size, and variance of both, in frame units."""

    centroid: tuple[float, float, float]
    size: float
    variance: float
    anchor: bool


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
        places = {
            key: TypicalPlace(**{**place, "centroid": tuple(place["centroid"])})
            for key, place in content["places"].items()
        }
        return cls(places, float(content["scale"]))


@dataclass(frozen=True)
class HeartFrame:
    """Origin [3] in RAS mm and millimetres per frame unit."""

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
    spread = (kji - mean) @ lattice.T
    centroid = (mean + np.array(region.start)) @ lattice.T + np.asarray(ijk_to_ras)[:3, 3]
    cell = (np.linalg.norm(lattice, axis=0) ** 2).sum() / 12.0  # a voxel is a box, not a point
    return Moments(centroid, float(np.sqrt((spread**2).sum(axis=1).mean() + cell)))


def fit_frame(given: Mapping[str, Moments], reference: Reference) -> HeartFrame:
    """The frame in which the given structures lie as nearly as possible where they usually do.

    Anchors alone decide where there are any: how much of a vessel a scan shows says little about the heart.

    Raises:
        ValueError: if none of the given structures is in the reference.
    """
    places = reference.places
    known = [key for key in given if key in places]
    keys = [key for key in known if places[key].anchor] or known
    if not keys:
        raise ValueError("None of the given structures has a place in the reference.")
    weight = np.array([1.0 / places[key].variance for key in keys])
    place = np.array([places[key].centroid for key in keys])
    size = np.array([places[key].size for key in keys])
    centroid = np.array([given[key].centroid for key in keys])
    extent = np.array([given[key].size for key in keys])
    mean_place = weight @ place / weight.sum()
    mean_centroid = weight @ centroid / weight.sum()
    place_spread, centroid_spread = place - mean_place, centroid - mean_centroid
    numerator = weight @ ((place_spread * centroid_spread).sum(axis=1) + size * extent)
    scale = float(numerator / (weight @ ((place_spread**2).sum(axis=1) + size**2)))
    return HeartFrame(mean_centroid - scale * mean_place, scale)


def measure_reference(
    hearts: Sequence[Mapping[str, Moments]], anchors: frozenset[str], unit: float = 0.45, rounds: int = 5
) -> Reference:
    """The reference of a cohort, by generalised Procrustes analysis (Gower 1975) over translation and scale.

    Args:
        hearts: per heart, the moments of the structures it has; every heart has all the anchors.
        unit: root mean square extent of the anchors in frame units; it fixes how large a heart is in the frame.
    """
    frames = [_anchor_frame(heart, anchors, unit) for heart in hearts]
    for _ in range(rounds):
        reference = _mean_places(hearts, frames, anchors)
        frames = [fit_frame({key: heart[key] for key in anchors}, reference) for heart in hearts]
    return _mean_places(hearts, frames, anchors)


def _anchor_frame(heart: Mapping[str, Moments], anchors: frozenset[str], unit: float) -> HeartFrame:
    centroids = np.array([heart[key].centroid for key in sorted(anchors)])
    sizes = np.array([heart[key].size for key in sorted(anchors)])
    origin = centroids.mean(axis=0)
    extent = np.sqrt((((centroids - origin) ** 2).sum(axis=1) + sizes**2).mean())
    return HeartFrame(origin, float(extent / unit))


def _mean_places(
    hearts: Sequence[Mapping[str, Moments]], frames: Sequence[HeartFrame], anchors: frozenset[str]
) -> Reference:
    places = {}
    for key in sorted({key for heart in hearts for key in heart}):
        having = [(heart[key], frame) for heart, frame in zip(hearts, frames, strict=True) if key in heart]
        centroids = np.array([frame.from_ras(moments.centroid) for moments, frame in having])
        sizes = np.array([moments.size / frame.scale for moments, frame in having])
        variance = float(centroids.var(axis=0).sum() + sizes.var()) + 1e-6
        places[key] = TypicalPlace(
            tuple(centroids.mean(axis=0).tolist()), float(sizes.mean()), variance, key in anchors
        )
    return Reference(places, float(np.mean([frame.scale for frame in frames])))
