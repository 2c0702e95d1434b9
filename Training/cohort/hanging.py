"""Atlas hearts made whole: chambers from an atlas, everything else from the procedural generator, hung onto them.

Each heart of the atlas is fitted once. A random heart is a mixture of the atlas's hearts, so the same mixture of their
factors describes it; factors that the atlas does not show are drawn from what the population makes of these.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.ndimage import map_coordinates
from tqdm import tqdm

from CardiacCompletionLib.anatomy.vocabulary import load_vocabulary
from CardiacCompletionLib.errors import CompletionError
from CardiacCompletionLib.files.replaced import replaced
from CardiacCompletionLib.geometry.label_map import LabelMap
from Training.cohort.anatomy import Anatomy
from Training.cohort.atlas import Atlas, read_atlas
from Training.cohort.curves import Tube
from Training.cohort.factors import LIMIT, Factors, Population, population, stream
from Training.cohort.fields import Solid, smooth_union
from Training.cohort.fitting import fit
from Training.cohort.heart import VirtualHeart, realised
from Training.cohort.pose import Pose
from Training.cohort.real_heart import RealHeart, signed_distance

FITS_NAME = "atlas-fits.npz"
_SEEN_THEMES = ("attitude", "left_ventricle", "right_ventricle", "left_atrium", "right_atrium")
_SEEN_BESIDES = ("sinus_radius", "junction_radius", "ascending_lean_x", "ascending_lean_y")
_ROUNDS = 5  # of each heart's fit: the factors only place what hangs on the chambers
_SEAM = 4.0  # mm over which an outflow tract is blended into an atlas chamber


@dataclass(frozen=True)
class RasterSolid:
    """A chamber given by voxels, and the outflow tract that leads from it to its procedural artery.

    Attributes:
        distance: signed distance (mm) float32 [K, J, I].
        label_map: whose placement holds for it, in patient coordinates.
        pose: from heart to patient coordinates.
        outlet: the outflow tract in heart coordinates, if any.
    """

    distance: np.ndarray
    label_map: LabelMap
    pose: Pose
    outlet: Tube | None = None

    def field(self, points: np.ndarray) -> np.ndarray:
        ras = self.pose.to_patient(points.reshape(3, -1).T)
        index = self.label_map.ijk_from_ras(ras)[:, ::-1].T
        values = map_coordinates(self.distance, index, order=1, mode="nearest").astype(np.float32)
        values = values.reshape(points.shape[1:])
        return values if self.outlet is None else smooth_union(values, self.outlet.field(points), _SEAM)

    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        inside = self.label_map.ras_from_ijk(np.argwhere(self.distance < 0)[:, ::-1])
        points = self.pose.to_heart(inside).astype(np.float64)
        low, high = points.min(axis=1) - 1.0, points.max(axis=1) + 1.0
        if self.outlet is None:
            return low, high
        least, most = self.outlet.bounds()
        return np.minimum(low, least), np.maximum(high, most)


@dataclass(frozen=True)
class HungAnatomy(Anatomy):
    """An anatomy some of whose structures are given; the others find their places by the factors.

    Attributes:
        given: key -> the structure.
    """

    given: Mapping[str, Solid]

    def solid(self, key: str) -> Solid:
        return self.given.get(key) or super().solid(key)


@dataclass(frozen=True)
class AtlasSource:
    """A source of virtual hearts with an atlas's chambers.

    Attributes:
        atlas: the surfaces.
        poses: [S, 7], where each of its hearts lies (a Pose's values, without scale).
        scores: [S, measures], standard scores of each heart's factors.
    """

    atlas: Atlas
    poses: np.ndarray
    scores: np.ndarray

    @classmethod
    def prepared(cls, path: Path, folder: Path) -> AtlasSource:
        """The source of an atlas file; its fits are made once and kept in a folder.

        Raises:
            CompletionError: when the folder holds fits of another atlas or another version of the population.
        """
        atlas, kept = read_atlas(path), folder / FITS_NAME
        if not kept.exists():
            cls._fitted(atlas, kept)
        with np.load(kept, allow_pickle=False) as file:
            poses, scores, names, mean = file["poses"], file["scores"], file["names"], file["mean"]
        if names.tolist() != population().names or mean.shape != atlas.mean.shape or not np.allclose(mean, atlas.mean):
            raise CompletionError(f"{kept} belongs to another atlas or version: choose an empty folder.")
        return cls(atlas, poses, scores)

    @staticmethod
    def _fitted(atlas: Atlas, kept: Path) -> None:
        table, poses, scores = population(), [], []
        for points in tqdm(atlas.points, desc="Atlas hearts fitted", unit="heart"):
            found = fit(RealHeart(atlas.label_map(points)), table.mean().variants, _ROUNDS)
            rows = table.rows
            lengths = {
                name: value * found.pose.scale if rows[name]["unit"] == "mm" else value
                for name, value in found.factors.measures.items()
            }
            poses.append(np.append(found.pose.values[:6], 0.0))
            scores.append(table.scores(lengths))
        with replaced(kept) as partial, partial.open("wb") as file:
            np.savez(file, poses=poses, scores=scores, names=np.array(table.names), mean=atlas.mean)

    def heart(self, seed: int, spacing: float) -> VirtualHeart:
        """The heart of a seed: a random mixture of the atlas's hearts, completed."""
        weights = self.atlas.mixture(stream(seed, "atlas"))
        label_map = self.atlas.label_map(self.atlas.surface(weights))
        pose = Pose(self._mixed(self.poses, weights))
        factors = self.factors(seed, self._mixed(self.scores, weights))
        return realised(seed, HungAnatomy(factors, self._chambers(label_map, pose, Anatomy(factors))), spacing)

    @staticmethod
    def _mixed(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """What the mixture has of something that each atlas heart has [S, ...]."""
        mean = values.mean(axis=0)
        return mean + np.tensordot(weights, values - mean, axes=1)

    @staticmethod
    def factors(seed: int, scores: np.ndarray) -> Factors:
        """Factors whose visible part is given by scores [measures] and whose rest is drawn to go with it."""
        table = population()
        variants = {**table.mean().variants, **table.draw_variants(seed), "phase": "diastole"}
        seen = _seen(table)
        hidden = np.setdiff1d(np.arange(len(scores)), seen)
        among, across = table.correlation[np.ix_(seen, seen)], table.correlation[np.ix_(hidden, seen)]
        pull = np.linalg.solve(among, across.T).T
        left = table.correlation[np.ix_(hidden, hidden)] - pull @ across.T
        scores = np.clip(scores, -1.5 * LIMIT, 1.5 * LIMIT)
        root = np.linalg.cholesky(0.5 * (left + left.T) + 1e-9 * np.eye(len(hidden)))
        drawn = pull @ np.clip(scores[seen], -LIMIT, LIMIT)
        drawn = drawn + root @ stream(seed, "hung on the atlas").standard_normal(len(hidden))
        scores[hidden] = np.clip(drawn, -LIMIT, LIMIT)
        return Factors(table.scaled(table.values(scores), variants), variants, surface_seed=seed)

    @staticmethod
    def _chambers(label_map: LabelMap, pose: Pose, procedural: Anatomy) -> dict[str, Solid]:
        """The four chambers and the muscle of a label map, as solids in heart coordinates."""
        labels = {structure.key: structure.label for structure in load_vocabulary()}
        outlets = {
            "left_ventricle": procedural.left_ventricle.outlet,
            "right_ventricle": procedural.right_ventricle.infundibulum,
        }
        solids = {}
        for key in ("left_ventricle", "right_ventricle", "left_atrium", "right_atrium", "myocardium"):
            held = [labels[key], labels["left_ventricle"]] if key == "myocardium" else [labels[key]]
            distance = signed_distance(np.isin(label_map.voxels, held), label_map.spacing)
            solids[key] = RasterSolid(distance, label_map, pose, outlets.get(key))
        return solids


def _seen(table: Population) -> np.ndarray:
    """Positions of the measures that an atlas heart shows."""
    besides = [table.names.index(name) for name in _SEEN_BESIDES]
    return np.array(sorted({*table.indices(_SEEN_THEMES), *besides}))
