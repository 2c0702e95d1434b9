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
from CardiacCompletionLib.completion.topology import Topology, touch
from CardiacCompletionLib.completion.vessel_tree import draw_vessels, vessel_courses
from CardiacCompletionLib.completion.workspace import Workspace
from CardiacCompletionLib.geometry.lattice import Lattice
from CardiacCompletionLib.geometry.region import Region
from CardiacCompletionLib.geometry.surface import Surface, extract_surface

# In steps of the lattice: how deep a node beside a wall lies at least, and from where on depths are the same.
_SKIN, _DEEP = 0.25, 3.0
# Millimetres around a vessel within which it is led around walls, as if it were so much nearer.
_AROUND, _NEARER = 12.0, 0.5
# Nodes around a structure in which its depth is kept.
_MARGIN = 2


class MovableHeart:
    """Hidden structures, composed once on a lattice beside the trusted ones, and what becomes of them under motions.

    Attributes:
        likeliest: key -> nodes of the hidden structures, unmoved.
        on_top: keys of those that lie on others, which move by themselves.
        kept: key -> nodes of the trusted structures.

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
        self.kept = self._kept.regions
        composed = compose(self._kept, fields, vocabulary, check=check)
        whole, self._courses = composed.heart.regions, composed.courses
        self.likeliest: dict[str, Region] = {key: whole[key] for key in fields if key in whole}
        self.on_top = tuple(key for key in self.likeliest if vocabulary[key].on_top)
        covered = [self.likeliest[key] for key in self.on_top]
        self._depths = {
            key: self._depth(fields[key], region, covered)
            for key, region in self.likeliest.items()
            if key not in self.on_top
        }
        self._anybody = torch.full(lattice.shape, _DEEP)
        self._free = torch.ones(lattice.shape, dtype=torch.bool)
        for region in self._kept.regions.values():
            self._anybody[region.box][torch.from_numpy(region.mask)] = -_SKIN
            self._free[region.box][torch.from_numpy(region.mask)] = False
        for low, depth in self._depths.values():
            box = tuple(slice(int(a), int(a) + n) for a, n in zip(low, depth.shape, strict=True))
            self._anybody[box] = torch.minimum(self._anybody[box], depth)

    def moved(self, back: torch.Tensor, onward: Mapping[str, torch.Tensor]) -> dict[str, Region]:
        """The hidden structures after a motion; each node belongs to the one it then lies deepest in.

        Args:
            back: where every n-th node comes from: float32 [3, k, j, i], in nodes, (k, j, i) on the first axis.
            onward: of each structure that lies on others, where every n-th node goes; it is drawn along its courses
                where these have gone to.
        """
        hidden = tuple(self.likeliest)
        work = Workspace.around(self._kept, np.zeros(3, dtype=int), np.array(self._lattice.shape), hidden)
        owners = self._owners(back).numpy()
        for number, key in enumerate(self._depths, start=1):
            found = Region.of_mask(owners == number)
            if found is not None:
                work.paint(key, np.array(found.start), np.where(found.mask, -1.0, 1.0), on_top=False)
        for key, goes in onward.items():
            self._check()
            self._draw(work, key, goes)
        for key in filter(work.holds, hidden):
            pieces = self._vocabulary[key].pieces
            work.filter(key, lambda mask, _, pieces=pieces: without_specks(mask, pieces))
        return self._joined(work)

    def is_as_sound(self, moved: Mapping[str, Region]) -> bool:
        """Whether a moved heart is in no more pieces than anatomy has and touches what it should, if the unmoved is."""
        return self._is_sound(moved) or not self._is_sound(self.likeliest)

    def _is_sound(self, hidden: Mapping[str, Region]) -> bool:
        return Topology.of({**self.kept, **hidden}, self._vocabulary).is_sound(self.likeliest, self._vocabulary)

    def _owners(self, back: torch.Tensor) -> torch.Tensor:
        """To which structure, counted from 1 as their depths are, each node belongs after a motion: uint8 [k, j, i]."""
        places = functional.interpolate(back[None], size=self._lattice.shape, mode="trilinear", align_corners=True)[0]
        # Half-way between two structures that touch, a node may lie outside both of them, and yet inside the heart.
        held = (interpolated(self._anybody[None], places)[0] < 0) & self._free
        self._check()
        places = places[:, held]
        deepest, owner = torch.ones(places.shape[1]), torch.zeros(places.shape[1], dtype=torch.uint8)
        for number, key in enumerate(self._depths, start=1):
            near, found = self._depths_at(key, places)
            wins = found < deepest[near]
            deepest[near[wins]], owner[near[wins]] = found[wins], number
        owners = torch.zeros(self._lattice.shape, dtype=torch.uint8)
        owners[held] = owner
        self._check()
        return owners

    def _draw(self, work: Workspace, key: str, goes: torch.Tensor) -> None:
        """Lay a vessel along its courses where these have gone to; what leads through a trusted wall is led around."""
        draw_vessels(work, key, [self._gone(course, goes) for course in self._courses[key]])
        if work.holds(key):
            box = work.box_of(key, _AROUND)
            away = distance_transform_edt(~work.own(key, box), sampling=_NEARER * work.spacing)
            draw_vessels(work, key, vessel_courses(work, self._vocabulary[key], away, box))

    def _gone(self, course: np.ndarray, goes: torch.Tensor) -> np.ndarray:
        """Where a course [M, 3] goes, in nodes."""
        share = (np.array(goes.shape[1:]) - 1) / (np.array(self._lattice.shape) - 1)
        return interpolated(goes, torch.from_numpy((course * share).T.astype(np.float32))).numpy().T.astype(float)

    def _depths_at(self, key: str, places: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Which of the places [3, N] a structure is near, and its signed distance there, in steps."""
        low, depth = self._depths[key]
        own = places - torch.from_numpy(low.astype(np.float32))[:, None]
        last = torch.tensor(depth.shape)[:, None] - 1
        near = ((own >= 0) & (own <= last)).all(dim=0).nonzero()[:, 0]
        return near, interpolated(depth[None], own[:, near])[0]

    def _joined(self, work: Workspace) -> dict[str, Region]:
        """Nodes are coarse: where two structures have come apart by little, they are led together."""
        moved = work.regions()
        everything = {**self._kept.regions, **moved}
        for structure in self._vocabulary:
            for other in structure.touches:
                pair = {structure.key, other}
                if pair <= everything.keys() and pair & moved.keys() and not touch(*(everything[key] for key in pair)):
                    if structure.springs_from == other:
                        bridge(work, structure.key, other)
                    close_gap(work, structure.key, other)
        return work.regions()

    def surface(self, key: str) -> Surface:
        """Of a hidden structure, unmoved."""
        return extract_surface(self.likeliest[key], self._lattice.shape, self._kept.ijk_to_ras)

    def _depth(self, field: SampledField, region: Region, covered: Sequence[Region]) -> tuple[np.ndarray, torch.Tensor]:
        """First node, and signed distance float32 [k, j, i] in steps: the field's, its sign as was composed.

        Under what lies on top it is the field's throughout: where that moves away, this comes to light.
        """
        low = np.maximum(np.array(region.start) - _MARGIN, 0)
        high = np.minimum(np.add(region.start, region.mask.shape) + _MARGIN, self._lattice.shape)
        values = on_grid(field, self._kept.ijk_to_ras, low, high) / np.linalg.norm(self._lattice.steps[:, 0])
        inside = region.cropped(low, high)
        depth = np.where(inside, np.clip(values, -_DEEP, -_SKIN), np.clip(values, _SKIN, _DEEP))
        for other in covered:
            under = other.cropped(low, high)
            depth[under] = np.clip(values[under], -_DEEP, _DEEP)
        return low, torch.from_numpy(depth.astype(np.float32))
