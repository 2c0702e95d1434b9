"""From solids to one label map: who gives way to whom, and what keeps its distance.

A structure is painted where its field is negative and nothing painted before it lies, so no two can overlap. Before
that, its field keeps clear of neighbours from which a wall or fat parts it; where blood flows, nothing parts them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from CardiacCompletionLib.anatomy.vocabulary import load_vocabulary
from Training.cohort.anatomy import Anatomy
from Training.cohort.curves import Tube
from Training.cohort.fields import FAR, Solid, apart, smooth_union
from Training.cohort.grid import Box, Grid

_SEPARATE = {"aorta": 2.0, "pulmonary_artery": 2.0}  # mm of wall around the great arteries


class Composition:
    """The label map while structures are added to it.

    Attributes:
        labels: uint8 [K, J, I].
    """

    def __init__(self, grid: Grid) -> None:
        self.grid = grid
        self.labels = np.zeros(grid.shape, dtype=np.uint8)
        self._label_of = {structure.key: structure.label for structure in load_vocabulary()}
        self._fields: dict[str, tuple[Box, np.ndarray]] = {}

    def solid(self, key: str, solid: Solid, gaps: dict[str, float]) -> None:
        """Add a chamber."""
        box = self.grid.box_of(solid, margin=4.0)
        self.paint(key, box, solid.field(self.grid.points[(slice(None), *box)]), gaps)

    def tubes(self, key: str, tubes: Sequence[Tube], gaps: dict[str, float], round_over: float = 0.0) -> None:
        """Add a vessel."""
        self.paint(key, *self.swept(key, tubes, round_over), gaps)

    def swept(self, key: str, tubes: Sequence[Tube], round_over: float = 0.0) -> tuple[Box, np.ndarray]:
        """A vessel's box and field, remembered but not painted; branches join smoothly over `round_over` mm."""
        box = self.grid.box_of(*tubes, margin=4.0)
        field = np.full(self.labels[box].shape, FAR, dtype=np.float32)
        for tube in tubes:
            branch = self.grid.tube_field(tube, box, reach=4.0)
            field = smooth_union(field, branch, round_over) if round_over else np.minimum(field, branch)
        self._fields[key] = (box, field)
        return box, field

    def paint(self, key: str, box: Box, field: np.ndarray, gaps: dict[str, float]) -> None:
        """Let a field keep its distance (mm) from others, remember it, and paint it on what is still background."""
        for other, gap in gaps.items():
            field = apart(field, self.seen(other, box), gap)
        self._fields[key] = (box, field)
        part = self.labels[box]
        part[(field < 0) & (part == 0)] = self._label_of[key]

    def seen(self, key: str, box: Box) -> np.ndarray:
        """The field of a structure added before, on another box; far away where it was not evaluated."""
        own, values = self._fields[key]
        seen = np.full(tuple(s.stop - s.start for s in box), FAR, dtype=np.float32)
        shared = [(max(a.start, b.start), min(a.stop, b.stop)) for a, b in zip(own, box, strict=True)]
        if all(low < high for low, high in shared):
            there = tuple(slice(low - b.start, high - b.start) for (low, high), b in zip(shared, box, strict=True))
            here = tuple(slice(low - o.start, high - o.start) for (low, high), o in zip(shared, own, strict=True))
            seen[there] = values[here]
        return seen

    def wall(self, key: str, chamber: str, thickness: float) -> None:
        """Line a chamber with a wall wherever nothing else lies."""
        box, field = self._fields[chamber]
        steepness = np.sqrt(sum(slope * slope for slope in np.gradient(field, np.float32(self.grid.spacing))))
        distance = field / np.maximum(steepness, 0.3)
        self.paint(key, box, np.maximum(distance - np.float32(thickness), -distance), {})

    def overlay(self, key: str, tubes: Sequence[Tube], but: Sequence[str]) -> None:
        """Lay thin vessels over everything but some structures, never thinner than what the voxels can carry."""
        thinnest = 0.9 * self.grid.spacing  # above half a voxel's diagonal: a centreline fills the voxels it crosses
        thick = [Tube(tube.curve, np.maximum(tube.radii, thinnest)) for tube in tubes]
        box = self.grid.box_of(*thick)
        part = self.labels[box]
        inside = np.zeros(part.shape, dtype=bool)
        for tube in thick:
            inside |= self.grid.tube_field(tube, box, reach=0.0) < 0
        part[inside & ~np.isin(part, [self._label_of[other] for other in but])] = self._label_of[key]

    def keep_pieces(self, key: str, pieces: int) -> None:
        """Keep a structure's largest connected pieces; crumbs that a neighbour has cut off go back to background."""
        label = self._label_of[key]
        part = self.labels[self._fields[key][0]] if key in self._fields else self.labels
        found, count = ndimage.label(part == label, structure=np.ones((3, 3, 3)))
        if count <= pieces:
            return
        sizes = np.bincount(found.ravel())[1:]
        crumbs = np.argsort(sizes, kind="stable")[:-pieces] + 1
        part[np.isin(found, crumbs)] = 0


def compose(anatomy: Anatomy, grid: Grid) -> np.ndarray:
    """Label map uint8 [K, J, I] (cardiac10) of a heart on a grid."""
    heart, f = Composition(grid), anatomy.factors
    heart.solid("left_ventricle", anatomy.left_ventricle, {})
    heart.tubes("aorta", anatomy.aorta.tubes, {}, round_over=3.0)
    heart.solid("myocardium", anatomy.myocardium, {"aorta": 0.0})
    caval = heart.swept(
        "superior_vena_cava", anatomy.superior_vena_cava.tubes
    )  # the right pulmonary artery goes behind
    around_trunk = {"aorta": 2.0, "myocardium": 1.0, "superior_vena_cava": 1.0}
    heart.tubes("pulmonary_artery", anatomy.pulmonary_artery.tubes, around_trunk, round_over=4.0)
    heart.solid("right_ventricle", anatomy.right_ventricle, {"aorta": 2.5, "left_ventricle": 3.0})
    heart.solid("left_atrium", anatomy.left_atrium, _SEPARATE)
    heart.solid("right_atrium", anatomy.right_atrium, {**_SEPARATE, "left_atrium": 2.5, "myocardium": 2.0})
    heart.paint("superior_vena_cava", *caval, {"aorta": 1.5})
    heart.tubes("inferior_vena_cava", anatomy.inferior_vena_cava.tubes, {"left_atrium": 1.5, "myocardium": 1.5})
    apart_from_caval = {**_SEPARATE, "right_atrium": 2.0, "superior_vena_cava": 1.5}
    heart.tubes("pulmonary_veins", anatomy.pulmonary_veins.tubes, apart_from_caval, round_over=3.0)
    near_appendage = {**_SEPARATE, "myocardium": 1.0, "pulmonary_veins": 1.0, "right_ventricle": 2.0}
    heart.tubes("left_atrial_appendage", anatomy.left_atrial_appendage.tubes, near_appendage, round_over=4.0)
    heart.tubes("coronary_sinus", anatomy.coronary_sinus.tubes, {})
    heart.wall("right_ventricle_wall", "right_ventricle", f["rv_wall"])
    heart.wall("left_atrium_wall", "left_atrium", f["la_wall"])
    heart.overlay("coronary_arteries", anatomy.coronary_arteries.tubes, but=["aorta"])
    for structure in load_vocabulary():
        heart.keep_pieces(structure.key, structure.pieces)
    return heart.labels
