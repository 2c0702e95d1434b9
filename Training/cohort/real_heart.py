"""A real label map, read as surfaces: what a fit has to meet."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from CardiacCompletionLib.anatomy.vocabulary import load_vocabulary
from CardiacCompletionLib.errors import CompletionError
from CardiacCompletionLib.geometry.label_map import LabelMap
from Training.cohort.compose import GAPS

CHAMBERS = ("left_ventricle", "right_ventricle", "left_atrium", "right_atrium")
BAND = 8.0  # mm: how far from its surface a structure is compared


class RealHeart:
    """A real label map, read as surfaces.

    Attributes:
        keys: the structures it holds that the procedural generator fits (coronary arteries and thin walls are not).
        points: key -> sampled positions [N, 3] RAS mm near the surface.
        distances: key -> signed distance [N] (mm, negative inside) there.
    """

    def __init__(self, label_map: LabelMap, samples: int = 900) -> None:
        self.label_map = label_map
        present = set(np.unique(label_map.voxels).tolist())
        labels = {s.key: s.label for s in load_vocabulary() if s.key in GAPS and s.label in present}
        if not set(CHAMBERS) <= set(labels):
            raise CompletionError("A heart can be fitted only when all four chambers are labelled.")
        self.keys = [key for key in GAPS if key in labels]
        self.masks = {key: label_map.voxels == labels[key] for key in self.keys}
        self.fields = {key: signed_distance(mask, label_map.spacing) for key, mask in self.masks.items()}
        rng = np.random.default_rng(0)
        self.points, self.distances = {}, {}
        for key, field in self.fields.items():
            near = np.argwhere(np.abs(field) < BAND)
            near = near[rng.choice(len(near), min(samples, len(near)), replace=False)]
            self.points[key] = label_map.ras_from_ijk(near[:, ::-1])
            self.distances[key] = field[tuple(near.T)]

    def centroid(self, key: str) -> np.ndarray:
        """Centre of mass [3] RAS mm."""
        return self.label_map.ras_from_ijk(np.argwhere(self.masks[key])[:, ::-1]).mean(axis=0)

    def depth(self, key: str, ras: np.ndarray) -> np.ndarray:
        """Signed distance (mm) to a structure's surface at positions [N, 3]; positions off the image count as far."""
        index = self.label_map.ijk_from_ras(ras)[:, ::-1].T
        return ndimage.map_coordinates(self.fields[key], index, order=1, mode="constant", cval=100.0)


def signed_distance(mask: np.ndarray, spacing: np.ndarray) -> np.ndarray:
    """Signed distance (mm, negative inside) float32 [K, J, I] to the surface of a mask; spacing along i, j, k."""
    sampling = tuple(float(s) for s in spacing[::-1])
    outside = ndimage.distance_transform_edt(~mask, sampling=sampling)
    inside = ndimage.distance_transform_edt(mask, sampling=sampling)
    half = 0.5 * float(np.min(spacing))
    return np.where(mask, half - inside, outside - half).astype(np.float32)
