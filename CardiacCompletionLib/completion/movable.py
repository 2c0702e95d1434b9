"""The likeliest heart on a lattice, ready to be seen as it is after a motion."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from scipy.ndimage import distance_transform_edt
from torch.nn import functional

from CardiacCompletionLib.anatomy.heart import Heart
from CardiacCompletionLib.anatomy.vocabulary import Vocabulary
from CardiacCompletionLib.completion.composition import compose, on_grid, without_specks
from CardiacCompletionLib.completion.field import SampledField
from CardiacCompletionLib.completion.joining import bridge, close_gap
from CardiacCompletionLib.completion.motion import interpolated
from CardiacCompletionLib.completion.regridding import on_lattice
from CardiacCompletionLib.completion.topology import touch
from CardiacCompletionLib.completion.workspace import Workspace
from CardiacCompletionLib.geometry.lattice import Lattice
from CardiacCompletionLib.geometry.region import Region
from CardiacCompletionLib.geometry.surface import Surface, extract_surface

# In steps of the lattice: how deep a node beside a wall lies at least, and from where on depths are the same.
_SKIN, _DEEP = 0.25, 3.0
# By which distances to thin vessels are read too large between nodes.
_THIN = 0.1
# Nodes around a structure in which its depth is kept.
_MARGIN = 2


class MovableHeart:
    """Hidden structures, composed once on a lattice beside the trusted ones, and what becomes of them under motions.

    Attributes:
        likeliest: key -> nodes of the hidden structures, unmoved.
        on_top: keys of those that lie on others, which move by themselves.

    Args:
        kept: the trusted structures, which no motion touches.
        fields: of the hidden structures.
        lattice: shares its axes with the fields, and holds all of them.
        check: called often; what it raises ends the work.
    """

    def __init__(
        self,
        kept: Heart,
        fields: Mapping[str, SampledField],
        lattice: Lattice,
        vocabulary: Vocabulary,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        self._lattice, self._vocabulary, self._check = lattice, vocabulary, check
        self._kept = on_lattice(kept, lattice)
        whole = compose(self._kept, fields, vocabulary, check=check).heart.regions
        self.likeliest: dict[str, Region] = {key: whole[key] for key in fields if key in whole}
        self.on_top = tuple(key for key in self.likeliest if vocabulary[key].on_top)
        covered = [self.likeliest[key] for key in self.on_top]
        self._depths = {
            key: self._depth(fields[key], region, covered, key in self.on_top) for key, region in self.likeliest.items()
        }
        self._anybody = torch.full(lattice.shape, _DEEP)
        self._free = torch.ones(lattice.shape, dtype=torch.bool)
        for region in self._kept.regions.values():
            self._anybody[region.box][torch.from_numpy(region.mask)] = -_SKIN
            self._free[region.box][torch.from_numpy(region.mask)] = False
        for low, depth in (self._depths[key] for key in self._depths if key not in self.on_top):
            box = tuple(slice(int(a), int(a) + n) for a, n in zip(low, depth.shape, strict=True))
            self._anybody[box] = torch.minimum(self._anybody[box], depth)

    def moved(self, back: torch.Tensor, on_top: Mapping[str, torch.Tensor]) -> dict[str, Region]:
        """The hidden structures after a motion; each node belongs to the one it then lies deepest in.

        Args:
            back: where every n-th node comes from: float32 [3, k, j, i], in nodes, (k, j, i) on the first axis.
            on_top: the same for each structure that lies on others; what it then holds is no one else's.
        """
        places = self._everywhere(back)
        # Half-way between two structures that touch, a node may lie outside both of them, and yet inside the heart.
        held = (interpolated(self._anybody[None], places)[0] < 0) & self._free
        self._check()
        places = places[:, held]
        deepest, owner = torch.ones(places.shape[1]), torch.zeros(places.shape[1], dtype=torch.uint8)
        numbers = {key: number for number, key in enumerate(self._depths, start=1)}
        for key in (key for key in self._depths if key not in on_top):
            near, found = self._depths_at(key, places)
            wins = found < deepest[near]
            deepest[near[wins]], owner[near[wins]] = found[wins], numbers[key]
        owners = torch.zeros(self._lattice.shape, dtype=torch.uint8)
        owners[held] = owner
        for key, own_back in on_top.items():
            self._check()
            near, found = self._depths_at(key, self._everywhere(own_back).flatten(1))
            inside = near[found < _THIN]
            owners.view(-1)[inside[self._free.view(-1)[inside]]] = numbers[key]
        self._check()
        regions = {}
        for key, number in numbers.items():
            found = Region.of_mask((owners == number).numpy())
            if found is not None:
                whole = Region.of_mask(without_specks(found.mask, self._vocabulary[key].pieces))
                regions[key] = whole.shifted(found.start)
        return self._joined(regions)

    def _everywhere(self, back: torch.Tensor) -> torch.Tensor:
        """Where every node comes from: float32 [3, k, j, i]."""
        return functional.interpolate(back[None], size=self._lattice.shape, mode="trilinear", align_corners=True)[0]

    def _depths_at(self, key: str, places: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Which of the places [3, N] a structure is near, and its signed distance there, in steps."""
        low, depth = self._depths[key]
        own = places - torch.from_numpy(low.astype(np.float32))[:, None]
        last = torch.tensor(depth.shape)[:, None] - 1
        near = ((own >= 0) & (own <= last)).all(dim=0).nonzero()[:, 0]
        return near, interpolated(depth[None], own[:, near])[0]

    def _joined(self, regions: dict[str, Region]) -> dict[str, Region]:
        """Nodes are coarse and vessels thin: where two structures have come apart by little, they are led together."""
        everything = {**self._kept.regions, **regions}
        apart = [
            (structure, other)
            for structure in self._vocabulary
            for other in structure.touches
            if {structure.key, other} <= everything.keys()
            and {structure.key, other} & regions.keys()
            and not touch(everything[structure.key], everything[other])
        ]
        if not apart:
            return regions
        work = Workspace.around(self._kept, np.zeros(3, dtype=int), np.array(self._lattice.shape), tuple(regions))
        for key, region in regions.items():
            work.paint(key, np.array(region.start), np.where(region.mask, -1.0, 1.0), on_top=False)
        for structure, other in apart:
            if structure.springs_from == other:
                bridge(work, structure.key, other)
            close_gap(work, structure.key, other)
        return {key: work.region_of(key) for key in regions}

    def surface(self, key: str) -> Surface:
        """Of a hidden structure, unmoved."""
        return extract_surface(self.likeliest[key], self._lattice.shape, self._kept.ijk_to_ras)

    def _depth(
        self, field: SampledField, region: Region, covered: Sequence[Region], drawn: bool
    ) -> tuple[np.ndarray, torch.Tensor]:
        """First node, and signed distance float32 [k, j, i] in steps: the field's, its sign as was composed.

        Under what lies on top it is the field's throughout: where that moves away, this comes to light. What lies on
        top was drawn anew where it was composed, so that of it the voxels alone count.
        """
        low = np.maximum(np.array(region.start) - _MARGIN, 0)
        high = np.minimum(np.add(region.start, region.mask.shape) + _MARGIN, self._lattice.shape)
        inside = region.cropped(low, high)
        if drawn:
            away = distance_transform_edt(~inside) - distance_transform_edt(inside)
            return low, torch.from_numpy(np.clip(away - 0.5 * np.sign(away), -_DEEP, _DEEP).astype(np.float32))
        values = on_grid(field, self._kept.ijk_to_ras, low, high) / np.linalg.norm(self._lattice.steps[:, 0])
        depth = np.where(inside, np.clip(values, -_DEEP, -_SKIN), np.clip(values, _SKIN, _DEEP))
        for other in covered:
            under = other.cropped(low, high)
            depth[under] = np.clip(values[under], -_DEEP, _DEEP)
        return low, torch.from_numpy(depth.astype(np.float32))
