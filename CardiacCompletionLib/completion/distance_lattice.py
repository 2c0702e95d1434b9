"""Signed distances to one structure, measured once at the nodes of a lattice around it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import distance_transform_edt
from scipy.spatial import cKDTree

from CardiacCompletionLib.geometry.lattice import Lattice
from CardiacCompletionLib.geometry.signed_distance import SignedDistance

# Millimetres between nodes in a heart of usual size, where interpolation errs by a tenth of a mm beside a chamber.
_STEP = 4.0
_USUAL_SCALE = 100.0
# Steps from a surface to its lattice's faces: there the network hardly tells far from farther.
_MARGIN = 12
# Nodes from the middle to a face at most: an aorta with its margin; memory stays bounded whatever is called a heart.
_MOST = 40
# Within so many steps of the surface a node's distance is that to the tangent plane or point next to it; beyond, to the
# next node with a surface, which is nearer than the surface itself by about the same everywhere.
_EXACT = 2.5
# So many points lie half a step apart on a chamber; planes serve within a step.
_POINTS = 3000


def step_for(scale: float) -> float:
    """Millimetres between nodes for a heart of ``scale`` mm per frame unit.

    On rungs a factor of the root of two apart: another choice of trust, which changes the scale a little, hardly ever
    changes the step.
    """
    return _STEP * float(2.0 ** (np.round(2.0 * np.log2(scale / _USUAL_SCALE)) / 2.0))


@dataclass(frozen=True)
class DistanceLattice:
    """Signed distances float32 [k, j, i] (mm, inside < 0) to one structure, at nodes ``step`` mm apart around it."""

    values: np.ndarray
    lattice: Lattice
    step: float

    @classmethod
    def around(cls, field: SignedDistance, step: float) -> DistanceLattice:
        """It depends on the structure and on the step alone."""
        surface = field.surface
        low, high = surface.points.min(axis=0), surface.points.max(axis=0)
        half = np.minimum(np.ceil((high - low) / 2 / step).astype(int) + _MARGIN, _MOST)
        origin, steps = (low + high) / 2 - half * step, np.eye(3)[:, ::-1] * step
        lattice = Lattice(origin, steps, tuple(int(n) for n in 2 * half[::-1] + 1))
        return cls(_measured(field, lattice, step), lattice, step)


def _measured(field: SignedDistance, lattice: Lattice, step: float) -> np.ndarray:
    """Signed distance float32 [k, j, i] at the nodes."""
    surface = field.surface
    index = np.round((surface.points - lattice.origin)[:, ::-1] / step).astype(int)
    index = index[((index >= 0) & (index < lattice.shape)).all(axis=1)]
    if not len(index):
        # Of a surface that goes around the lattice without meeting it, all that is said is that it is far.
        return np.full(lattice.shape, 100.0 * step, dtype=np.float32)
    free = np.ones(lattice.shape, dtype=bool)
    free[tuple(index.T)] = False
    values = distance_transform_edt(free, sampling=step).astype(np.float32)
    low, high = index.min(axis=0), index.max(axis=0) + 1
    reach = int(np.ceil(_EXACT))
    first = np.maximum(low - reach, 0)
    part = values[tuple(slice(int(a), int(b) + reach) for a, b in zip(first, high, strict=True))]
    near = part <= _EXACT * step
    rough, nodes = part[near], lattice.points(np.argwhere(near) + first)
    few = surface.resampled(_POINTS) if len(surface.points) > _POINTS else surface
    distance, nearest = cKDTree(few.points).query(nodes)
    height = np.abs(((nodes - few.points[nearest]) * few.normals[nearest]).sum(axis=1))
    outer = rough > step
    values += float((distance - rough)[outer].mean()) if outer.any() else 0.0
    part[near] = np.where(distance < step, height, distance)
    box = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    inside = field.inside(lattice.points(np.indices(values[box].shape).reshape(3, -1).T + low))
    values[box] *= np.where(inside, -1, 1).reshape(values[box].shape)
    return values
