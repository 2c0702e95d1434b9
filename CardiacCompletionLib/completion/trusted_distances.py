"""How far any point of the patient is from the trusted surfaces: interpolated in the lattices around them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch.nn import functional

from CardiacCompletionLib.completion.distance_lattice import DistanceLattice


class TrustedDistances:
    """Signed distances to some structures, in mm, inside < 0.

    Args:
        told: the lattice of each told structure, by its place on the class axis; beyond it, distances are those at its
            face and from there to the point.
        count: length C of the class axis.
    """

    def __init__(self, told: Mapping[int, DistanceLattice], count: int, device: str) -> None:
        self._count = count
        self._told = list(told)
        self._values = [torch.from_numpy(near.values)[None, None].to(device) for near in told.values()]
        halves = [(np.array(near.lattice.shape[::-1]) - 1) / 2 * near.step for near in told.values()]
        centers = [near.lattice.origin + half for near, half in zip(told.values(), halves, strict=True)]
        self._halves = [torch.from_numpy(half.astype(np.float32)).to(device) for half in halves]
        self._centers = [torch.from_numpy(center.astype(np.float32)).to(device) for center in centers]

    def __call__(self, ras: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
        """What the network is told (model/heart), in mm: float32 [1, W or 1, N, C] at RAS mm points [N, 3].

        Infinite where nothing is told: of structures without a field, and of a wanted one itself.
        """
        said = ras.new_full((1, 1, len(ras), self._count), torch.inf)
        for index, values, center, half in zip(self._told, self._values, self._centers, self._halves, strict=True):
            place = (ras - center) / half
            within = place.clamp(-1.0, 1.0)
            found = functional.grid_sample(values, within[None, None, None], align_corners=True)
            said[0, 0, :, index] = found.flatten() + ((place - within) * half).norm(dim=-1)
        if set(wanted.tolist()) & set(self._told):
            said = said.repeat(1, len(wanted), 1, 1)
            said[0, torch.arange(len(wanted)), :, wanted] = torch.inf
        return said
