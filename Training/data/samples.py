"""What the network learns from one heart: surface points, and signed distances near and far, in RAS mm.

On disk a case is one safetensors file, read by memory map.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

from CardiacCompletionLib.anatomy.heart import Heart
from CardiacCompletionLib.errors import CompletionError
from CardiacCompletionLib.files.replaced import replaced
from CardiacCompletionLib.geometry.cut import CutFace, border_cuts, off_faces
from CardiacCompletionLib.geometry.frame import Moments, moments_of
from CardiacCompletionLib.geometry.shape_grid import NODES, node_positions, own_unit, to_ras
from CardiacCompletionLib.geometry.signed_distance import SignedDistance
from Training.data.ends import Ends, outward_ends

# Of the files' contents; samples of another version are made anew, in a new folder.
VERSION = 2
SURFACE_POINTS = 1024
NEAR_POINTS = 1024
VOLUME_POINTS = 4096
# Standard deviations in mm of the normal jitter that moves surface points off the surface, a third of the points each.
JITTER = (0.7, 2.5, 8.0)
_MARGIN = 20.0


@dataclass(frozen=True)
class CaseSamples:
    """Samples of one heart, C structures.

    Attributes:
        surface: float32 [C, SURFACE_POINTS, 3], RAS mm, none on a flat end; zero where a structure is not there.
        queries: float32 [Q, 3], RAS mm: NEAR_POINTS around each structure in turn, then VOLUME_POINTS in the box.
        own_queries: int64 [C], the first of the queries around each structure; 0 where it is not there.
        distances: float16 [C, Q], signed distance in mm (inside < 0); zero where a structure is not known.
        centroids: float64 [C, 3] and spreads float64 [C, 3, 3], RAS mm: see :class:`Moments`.
        shapes: float16 [C, NODES, NODES, NODES], signed distance on the grid in each structure's own coordinates, in
            its own unit (geometry/shape_grid); zero where a structure is not there.
        present: bool [C], structures with voxels.
        known: bool [C], structures this data set labels; absent but known ones are truly absent.
        whole: bool [C], structures that are there from end to end; of others, moments and shape say nothing.
        cut, cut_points, cut_normals: flat ends of those that are not whole (data/ends).
    """

    surface: np.ndarray
    queries: np.ndarray
    own_queries: np.ndarray
    distances: np.ndarray
    centroids: np.ndarray
    spreads: np.ndarray
    shapes: np.ndarray
    present: np.ndarray
    known: np.ndarray
    whole: np.ndarray
    cut: np.ndarray
    cut_points: np.ndarray
    cut_normals: np.ndarray

    def moments(self, keys: tuple[str, ...], which: np.ndarray) -> Mapping[str, Moments]:
        """Moments of the structures picked by a bool mask [C]."""
        return {keys[c]: Moments(self.centroids[c], self.spreads[c]) for c in np.flatnonzero(which)}

    def settled(self, asked: np.ndarray) -> np.ndarray:
        """Whether the distances of all structures at queries of these indices [C, Q] are known: bool [C, Q]."""
        ends = Ends(self.cut, self.cut_points, self.cut_normals)
        known = np.repeat((self.known & self.whole)[:, None], asked.shape[1], axis=1)
        for structure in np.flatnonzero(self.known & self.present & ~self.whole):
            at = asked[structure]
            known[structure] = ends.settle(structure, self.queries[at], self.distances[structure, at])
        return known

    def save(self, path: Path) -> None:
        with replaced(path) as partial:
            save_file(self.__dict__, partial)

    def columns(self, chosen: list[int]) -> CaseSamples:
        """The same samples with only these structures, in this order."""
        per_structure = ("surface", "own_queries", "distances", "centroids", "spreads", "shapes")
        per_structure += ("present", "known", "whole")
        kept = np.isin(self.cut, chosen)
        ends = {name: getattr(self, name)[kept] for name in ("cut_points", "cut_normals")}
        cut = np.array([chosen.index(structure) for structure in self.cut[kept]], dtype=np.int64)
        return replace(self, **{name: getattr(self, name)[chosen] for name in per_structure}, **ends, cut=cut)

    @classmethod
    def load(cls, path: Path) -> CaseSamples:
        """Raises CompletionError if the file is not of this version."""
        content = load_file(path)
        if content.keys() != {field.name for field in fields(cls)}:
            raise CompletionError(f"{path} was prepared by another version: prepare it again, in a new folder.")
        return cls(**content)


def sample_case(
    heart: Heart,
    keys: tuple[str, ...],
    labelled: tuple[str, ...],
    truncated: tuple[str, ...],
    generator: np.random.Generator,
) -> CaseSamples:
    """Sample one heart.

    Args:
        keys: the structures of the class axis.
        labelled: those that the heart's data set labels.
        truncated: those of them that it shows only in part.

    Raises:
        CompletionError: if a structure has no surface in the image.
    """
    present = np.array([key in heart.regions and key in labelled for key in keys])
    known = np.array([key in labelled for key in keys])
    distance_to = [
        SignedDistance(heart.regions[key], heart.shape, heart.ijk_to_ras) if there else None
        for key, there in zip(keys, present, strict=True)
    ]
    faces = _faces(heart, keys, truncated, distance_to)
    surface = np.zeros((len(keys), SURFACE_POINTS, 3), dtype=np.float32)
    near = []
    for index, field in enumerate(distance_to):
        if field is None:
            continue
        shown = off_faces(field.surface, faces[index], heart.ijk_to_ras)
        surface[index] = shown.resampled(SURFACE_POINTS, generator).points
        around = field.surface.resampled(NEAR_POINTS, generator).points
        jitter = np.resize(JITTER, NEAR_POINTS)[:, None]
        near.append(around + jitter * generator.standard_normal((NEAR_POINTS, 3)))
    everything = surface[present].reshape(-1, 3)
    low, high = everything.min(axis=0) - _MARGIN, everything.max(axis=0) + _MARGIN
    queries = np.concatenate([*near, generator.uniform(low, high, (VOLUME_POINTS, 3))])
    distances = np.zeros((len(keys), len(queries)), dtype=np.float16)
    centroids, spreads = np.zeros((len(keys), 3)), np.zeros((len(keys), 3, 3))
    shapes = np.zeros((len(keys), NODES, NODES, NODES), dtype=np.float16)
    for index, field in enumerate(distance_to):
        if field is None:
            continue
        distances[index] = field(queries)
        moments = moments_of(heart.regions[keys[index]], heart.ijk_to_ras)
        centroids[index], spreads[index] = moments.centroid, moments.spread
        shapes[index] = (field(to_ras(node_positions(), moments)) / own_unit(moments)).reshape(shapes[index].shape)
    ends = Ends.of(faces)
    whole = np.array([key not in truncated for key in keys]) & present
    whole[ends.structures] = False
    own_queries = np.where(present, NEAR_POINTS * (np.cumsum(present) - 1), 0)
    queries = queries.astype(np.float32)
    of_structures = (surface, queries, own_queries, distances, centroids, spreads, shapes, present, known, whole)
    return CaseSamples(*of_structures, ends.structures, ends.points, ends.normals)


def _faces(
    heart: Heart, keys: tuple[str, ...], truncated: tuple[str, ...], fields: Sequence[SignedDistance | None]
) -> dict[int, list[CutFace]]:
    """Where each structure leaves the image, and where one ends that is shown in part, by its place on the class axis.

    Raises:
        CompletionError: if a structure has no surface in the image.
    """
    faces = {}
    for index, (key, field) in enumerate(zip(keys, fields, strict=True)):
        if field is None:
            continue
        if not len(field.surface.points):
            raise CompletionError(f"{key} fills the image from border to border, so it has no surface.")
        faces[index] = border_cuts(heart.regions[key], heart.shape, heart.ijk_to_ras)
        faces[index] += outward_ends(heart, key, field.surface) if key in truncated else []
    return faces
