"""How far any point of the patient is from the trusted surfaces: measured once on a lattice, then interpolated."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from scipy.ndimage import distance_transform_edt
from scipy.spatial import cKDTree
from torch.nn import functional

from CardiacCompletionLib.geometry.lattice import Lattice
from CardiacCompletionLib.geometry.signed_distance import SignedDistance

# Nodes from the middle to a face: some 4 mm apart, where interpolation errs by a tenth of a mm beside a chamber.
_NODES = 32
# Within so many steps of the surface a node's distance is that to the tangent plane or point next to it; beyond, to the
# next node with a surface, which is nearer than the surface itself by about the same everywhere.
_EXACT = 2.5
# So many points lie half a step apart on a chamber; planes serve within a step.
_POINTS = 3000


class TrustedDistances:
    """Signed distances to some structures (mm, inside < 0), within a cube.

    Args:
        fields: signed distance of each told structure, by its place on the class axis.
        count: length C of the class axis.
        center: RAS mm [3] of the cube's middle.
        half_extent: mm from there to its faces; beyond them, distances are those at the face.
        check: asked now and then; raises if the work is to stop.
    """

    def __init__(
        self,
        fields: Mapping[int, SignedDistance],
        count: int,
        center: np.ndarray,
        half_extent: float,
        device: str,
        check: Callable[[], None],
    ) -> None:
        self._told = list(fields)
        self._count = count
        lattice = Lattice.around(center, half_extent, half_extent / _NODES, np.eye(3)[:, ::-1])
        values = np.zeros((len(fields), *lattice.shape), dtype=np.float32)
        for number, field in enumerate(fields.values()):
            check()
            values[number] = _on_lattice(field, lattice)
        self._values = torch.from_numpy(values)[None].to(device)
        self._center = torch.from_numpy(np.asarray(center, dtype=np.float32)).to(device)
        self._half = half_extent / _NODES * (lattice.shape[0] - 1) / 2

    def __call__(self, ras: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
        """What the network is told (model/heart), in mm: float32 [1, W or 1, N, C] at RAS mm points [N, 3].

        Infinite where nothing is told: of structures without a field, and of a wanted one itself.
        """
        said = ras.new_full((1, 1, len(ras), self._count), torch.inf)
        if self._told:
            grid = ((ras - self._center) / self._half)[None, None, None]
            found = functional.grid_sample(self._values, grid, padding_mode="border", align_corners=True)
            said[0, 0, :, self._told] = found[0, :, 0, 0].T
        if set(wanted.tolist()) & set(self._told):
            said = said.repeat(1, len(wanted), 1, 1)
            said[0, torch.arange(len(wanted)), :, wanted] = torch.inf
        return said


def _on_lattice(field: SignedDistance, lattice: Lattice) -> np.ndarray:
    """Signed distance float32 [k, j, i] at the nodes."""
    surface, step = field.surface, float(np.linalg.norm(lattice.steps[:, 0]))
    index = np.round((surface.points - lattice.origin) @ np.linalg.inv(lattice.steps).T).astype(int)
    index = index[((index >= 0) & (index < lattice.shape)).all(axis=1)]
    if not len(index):
        # Of a surface wholly beyond the lattice, all that is said is that it is far.
        return np.full(lattice.shape, 100.0 * step, dtype=np.float32)
    free = np.ones(lattice.shape, dtype=bool)
    free[tuple(index.T)] = False
    values = distance_transform_edt(free, sampling=step).astype(np.float32)
    near = values <= _EXACT * step
    nodes = lattice.points(np.argwhere(near))
    few = surface.resampled(_POINTS) if len(surface.points) > _POINTS else surface
    distance, nearest = cKDTree(few.points).query(nodes)
    height = np.abs(((nodes - few.points[nearest]) * few.normals[nearest]).sum(axis=1))
    outer = values[near] > step
    values[~near] += float((distance - values[near])[outer].mean()) if outer.any() else 0.0
    values[near] = np.where(distance < step, height, distance)
    low = index.min(axis=0)
    box = tuple(slice(int(a), int(b) + 1) for a, b in zip(low, index.max(axis=0), strict=True))
    inside = field.inside(lattice.points(np.indices(values[box].shape).reshape(3, -1).T + low))
    values[box] *= np.where(inside, -1, 1).reshape(values[box].shape)
    return values
