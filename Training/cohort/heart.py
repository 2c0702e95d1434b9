"""One virtual heart: a label map in the patient and the record of everything that shaped it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from CardiacCompletionLib.anatomy.vocabulary import load_vocabulary
from CardiacCompletionLib.geometry.label_map import LabelMap
from Training.cohort.anatomy import Anatomy
from Training.cohort.compose import GAPS, compose
from Training.cohort.deformation import Deformation
from Training.cohort.factors import Factors, population, stream
from Training.cohort.grid import Grid

_MARGIN = 10.0  # mm of background around the heart


@dataclass(frozen=True)
class VirtualHeart:
    """A heart and its origin.

    Attributes:
        label_map: uint8 voxels with labels 1 to 15 of the cardiac10 convention.
        factors: what the heart was built from; the same factors and spacing give the same voxels.
        seed: the heart's seed.
    """

    label_map: LabelMap
    factors: Factors
    seed: int

    @cached_property
    def volumes_ml(self) -> dict[str, float]:
        """Volume of each structure, ml."""
        counts = np.bincount(self.label_map.voxels.ravel(), minlength=16)
        return {s.key: float(counts[s.label]) * self.label_map.voxel_volume_ml for s in load_vocabulary()}


def heart(
    seed: int, factors: Factors | None = None, spacing: float = 1.5, deformation: Deformation | None = None
) -> VirtualHeart:
    """The virtual heart of a seed.

    Args:
        seed: what everything not given is drawn from.
        factors: given instead of drawn from the population.
        spacing: voxel edge, mm (0.5 or more).
        deformation: given instead of the factors' own.
    """
    return realised(seed, Anatomy(population().draw(seed) if factors is None else factors), spacing, deformation)


def realised(seed: int, anatomy: Anatomy, spacing: float, deformation: Deformation | None = None) -> VirtualHeart:
    """An anatomy, deformed, in voxels of `spacing` mm."""
    factors = anatomy.factors
    grid = grid_for(anatomy, spacing, deformation or own_deformation(factors))
    ijk_to_ras = np.diag([spacing, spacing, spacing, 1.0])
    ijk_to_ras[:3, 3] = grid.origin + factors.triple("chest_position")
    return VirtualHeart(LabelMap(compose(anatomy, grid), ijk_to_ras), factors, seed)


def own_deformation(factors: Factors) -> Deformation:
    """The random deformation that a heart's factors name."""
    return Deformation.random(stream(factors.surface_seed, "deformation"), factors["deformation_amplitude"])


def grid_for(anatomy: Anatomy, spacing: float, deformation: Deformation) -> Grid:
    """The voxels around a heart, each carried back to where it lay before the random deformation."""
    low, high = extent(anatomy)
    low, high = low - _MARGIN, high + _MARGIN
    low = np.floor(low / spacing) * spacing
    axes = [np.arange(first, last, spacing) for first, last in zip(low, high, strict=True)]
    points = deformation.carry(*axes)
    right, front, up = (axis.astype(np.float32) for axis in axes)
    slack = max(
        float(np.abs(points[0] - right).max()),
        float(np.abs(points[1] - front[:, None]).max()),
        float(np.abs(points[2] - up[:, None, None]).max()),
    )
    return Grid(low, spacing, points, slack)


def extent(anatomy: Anatomy) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper corner [3] (heart coordinates, mm) of a box that holds every structure."""
    corners = [anatomy.solid(key).bounds() for key in GAPS]
    return np.min([low for low, _ in corners], axis=0), np.max([high for _, high in corners], axis=0)
