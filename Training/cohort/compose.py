"""From solids to one label map: who gives way to whom, and what keeps its distance.

A structure is painted where its field is negative and nothing painted before it lies, so no two can overlap. Before
that, its field keeps clear of neighbours from which a wall or fat parts it; where blood flows, nothing parts them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy import ndimage

from CardiacCompletionLib.anatomy.vocabulary import Structure, load_vocabulary
from Training.cohort.anatomy import BUILT_FROM, Anatomy
from Training.cohort.curves import Branches, Tube, Vessel
from Training.cohort.fields import FAR, Solid, apart
from Training.cohort.grid import Box, Grid

_EVERYWHERE = np.ones((3, 3, 3))  # voxels touch at faces, edges and corners
_ARTERIES = {"aorta": 2.0, "pulmonary_artery": 2.0}

# In the order of painting: from what, and by how many mm, a structure keeps away; 0 where the two touch.
GAPS: dict[str, dict[str, float]] = {
    "left_ventricle": {},
    "aorta": {"left_ventricle": 0.0},
    "myocardium": {"left_ventricle": 0.0, "aorta": 0.0},
    "pulmonary_artery": {"aorta": 2.0, "myocardium": 1.0, "superior_vena_cava": 1.0},
    "right_ventricle": {"aorta": 2.5, "left_ventricle": 3.0, "myocardium": 0.0, "pulmonary_artery": 0.0},
    "left_atrium": {**_ARTERIES, "left_ventricle": 0.0, "myocardium": 0.0},
    "right_atrium": {**_ARTERIES, "left_atrium": 2.5, "myocardium": 2.0, "right_ventricle": 0.0},
    "superior_vena_cava": {"aorta": 1.5, "right_atrium": 0.0},
    "inferior_vena_cava": {"left_atrium": 1.5, "myocardium": 1.5, "right_atrium": 0.0},
    "pulmonary_veins": {**_ARTERIES, "left_atrium": 0.0, "right_atrium": 2.0, "superior_vena_cava": 1.5},
    "left_atrial_appendage": {
        **_ARTERIES,
        "left_atrium": 0.0,
        "myocardium": 1.0,
        "pulmonary_veins": 1.0,
        "right_ventricle": 2.0,
    },
    "coronary_sinus": {},
}


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

    def measure(self, key: str, solid: Solid) -> tuple[Box, np.ndarray]:
        """A structure's box and field, remembered but not painted."""
        box = self.grid.box_of(solid, margin=4.0)
        field = self.grid.field(solid, box, reach=4.0)
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
        thickness = max(thickness, 1.2 * self.grid.spacing)  # a thinner shell would have holes between voxels
        self.paint(key, box, np.maximum(distance - np.float32(thickness), -distance), {})

    def thickened(self, vessel: Vessel) -> Branches:
        """Thin vessels, nowhere thinner than what the voxels can carry."""
        thinnest = 0.9 * self.grid.spacing  # above half a voxel's diagonal: a centreline fills the voxels it crosses
        return Branches([Tube(tube.curve, np.maximum(tube.radii, thinnest)) for tube in vessel.tubes])

    def overlay(self, key: str, but: Sequence[str]) -> None:
        """Paint a structure measured before over everything but some others."""
        box, field = self._fields[key]
        part = self.labels[box]
        part[(field < 0) & ~np.isin(part, [self._label_of[other] for other in but])] = self._label_of[key]

    def keep_pieces(self, structure: Structure) -> None:
        """Keep a structure's largest connected pieces; crumbs that a neighbour has cut off go back to background.

        A piece that still hangs on what the structure comes from, the first it touches in a body, goes before others.
        """
        part = self.labels[self._fields[structure.key][0]]
        found, count = ndimage.label(part == structure.label, structure=_EVERYWHERE)
        if count <= structure.pieces:
            return
        origin = ndimage.binary_dilation(part == self._label_of[structure.touches[0]], structure=_EVERYWHERE)
        sizes = np.bincount(found.ravel())[1:]
        hangs = np.isin(np.arange(1, count + 1), found[origin])
        crumbs = np.lexsort((sizes, hangs))[: -structure.pieces] + 1
        part[np.isin(found, crumbs)] = 0


def compose(anatomy: Anatomy, grid: Grid) -> np.ndarray:
    """Label map uint8 [K, J, I] (cardiac10) of a heart on a grid."""
    heart, f = Composition(grid), anatomy.factors
    caval = heart.measure(
        "superior_vena_cava", anatomy.superior_vena_cava
    )  # the right pulmonary artery keeps behind it
    heart.measure("coronary_arteries", heart.thickened(anatomy.coronary_arteries))  # the appendage lies over them
    for key, gaps in GAPS.items():
        box, field = caval if key == "superior_vena_cava" else heart.measure(key, anatomy.solid(key))
        over = {"coronary_arteries": 0.5} if key == "left_atrial_appendage" else {}
        heart.paint(key, box, field, {**gaps, **over})
    heart.wall("right_ventricle_wall", "right_ventricle", f["rv_wall"])
    heart.wall("left_atrium_wall", "left_atrium", f["la_wall"])
    heart.overlay("coronary_arteries", but=["aorta"])
    for structure in load_vocabulary():
        heart.keep_pieces(structure)
    return heart.labels


def shaped_by(theme: str, key: str) -> bool:
    """Whether a theme's factors can move a structure's surface, directly or through a neighbour that pushes it."""
    return any(theme in BUILT_FROM[other] for other in (key, *GAPS[key]))


def composed_field(anatomy: Anatomy, key: str, points: np.ndarray, solids: Mapping[str, Solid]) -> np.ndarray:
    """Field float32 [...] (mm) of a structure at points [3, ...], once it has given way to its neighbours.

    Args:
        solids: structures that replace the anatomy's own, e.g. a vessel cut short.
    """
    field = solids.get(key, anatomy.solid(key)).field(points)
    for other, gap in GAPS[key].items():
        field = apart(field, solids.get(other, anatomy.solid(other)).field(points), gap)
    return field
