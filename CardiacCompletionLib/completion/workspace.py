"""The voxels in which a heart is put together: who holds which, and what each structure's field says there."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from CardiacCompletionLib.anatomy.heart import Heart
from CardiacCompletionLib.geometry.region import Region

Box = tuple[slice, slice, slice]
# Trusted voxels have codes from here on: no step ever writes to them.
_TRUSTED = 128


class Workspace:
    """A box of voxels around the inferred structures: a scan can be much larger than a heart.

    Attributes:
        first: index k, j, i of the box's first voxel on the heart's grid.
        spacing: mm along k, j, i.
        holder: uint8 [k, j, i]; 0 for nobody, else the code of a trusted or inferred structure.
        inferred: keys of the structures that are painted.
    """

    def __init__(self, first: np.ndarray, shape: tuple[int, ...], spacing: np.ndarray, inferred: tuple[str, ...]):
        self.first = first
        self.spacing = spacing
        self.holder = np.zeros(shape, dtype=np.uint8)
        self.inferred = inferred
        self._codes: dict[str, list[int]] = {key: [number] for number, key in enumerate(inferred, start=1)}
        self._boxes: dict[str, Box] = {}
        self._depth: np.ndarray | None = np.zeros(shape, dtype=np.float32)

    @classmethod
    def around(cls, heart: Heart, first: np.ndarray, last: np.ndarray, inferred: tuple[str, ...]) -> Workspace:
        """The box from voxel ``first`` to ``last`` of a heart's grid, with the trusted structures in it."""
        work = cls(first, tuple(int(n) for n in last - first), heart.spacing[::-1], inferred)
        for number, (key, region) in enumerate(heart.regions.items()):
            work._hold(key, _TRUSTED + number, region)
        return work

    def _hold(self, key: str, code: int, region: Region) -> None:
        self._codes.setdefault(key, []).append(code)
        low = np.maximum(region.start, self.first)
        high = np.minimum(np.array(region.start) + region.mask.shape, self.first + self.holder.shape)
        if (low >= high).any():
            return
        box = tuple(slice(int(a), int(b)) for a, b in zip(low - self.first, high - self.first, strict=True))
        self.holder[box][region.cropped(low, high)] = code
        self._boxes[key] = box

    def paint(self, key: str, low: np.ndarray, values: np.ndarray, on_top: bool) -> None:
        """Give the voxels that lie inside a field (from ``low`` on), and in no other deeper, to a structure."""
        box = tuple(slice(int(a), int(a) + n) for a, n in zip(low, values.shape, strict=True))
        free = self.holder[box] < _TRUSTED
        wins = free & ((values < 0) if on_top else (values < self._depth[box]))
        self._depth[box][wins] = values[wins]
        self.holder[box][wins] = self._codes[key][0]
        own = self._boxes.get(key)
        self._boxes[key] = box if own is None else _around_both(own, box)

    def forget_depths(self) -> None:
        """Painting is over: free its memory."""
        self._depth = None

    def holds(self, key: str) -> bool:
        """Whether a structure has any place here."""
        return key in self._boxes

    def is_inferred(self, key: str) -> bool:
        """Whether all of a structure is inferred, so that it may gain voxels anywhere."""
        return key in self.inferred and len(self._codes[key]) == 1

    def box_of(self, key: str, margin: float = 0.0) -> Box:
        """A structure's box, wider by a margin in mm."""
        wider = np.ceil(margin / self.spacing).astype(int)
        return tuple(
            slice(int(max(s.start - w, 0)), int(min(s.stop + w, n)))
            for s, w, n in zip(self._boxes[key], wider, self.holder.shape, strict=True)
        )

    def mask(self, key: str, box: Box) -> np.ndarray:
        """Where a structure is, trusted or inferred."""
        part = self.holder[box]
        return np.logical_or.reduce([part == code for code in self._codes[key]])

    def own(self, key: str, box: Box) -> np.ndarray:
        """Where a structure is inferred."""
        return self.holder[box] == self._codes[key][0]

    def free(self, box: Box) -> np.ndarray:
        """Where nothing is trusted."""
        return self.holder[box] < _TRUSTED

    def give(self, key: str | None, box: Box, where: np.ndarray) -> None:
        """Give voxels that are not trusted to an inferred structure, or to nobody."""
        part = self.holder[box]
        part[where & (part < _TRUSTED)] = self._codes[key][0] if key is not None else 0
        if key is not None:
            own = self._boxes.get(key)
            self._boxes[key] = box if own is None else _around_both(own, box)

    def filter(self, key: str, keep: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> None:
        """Keep of an inferred structure what a function of its mask and first voxel (on the grid) keeps."""
        box = self.box_of(key)
        own = self.own(key, box)
        kept = keep(own, self.first + [s.start for s in box])
        self.holder[box][own & ~kept] = 0

    def region_of(self, key: str) -> Region | None:
        """The inferred voxels of a structure on the heart's grid; None if it has none."""
        box = self.box_of(key)
        region = Region.of_mask(self.own(key, box))
        if region is None:
            return None
        return region.shifted(tuple(int(f) + int(s.start) for f, s in zip(self.first, box, strict=True)))

    def regions(self) -> dict[str, Region]:
        """The inferred voxels of every structure that has some, on the heart's grid."""
        found = {key: self.region_of(key) for key in filter(self.holds, self.inferred)}
        return {key: region for key, region in found.items() if region is not None}


def shared(a: Box, b: Box) -> Box | None:
    """What two boxes have in common."""
    both = tuple(slice(max(s.start, t.start), min(s.stop, t.stop)) for s, t in zip(a, b, strict=True))
    return both if all(s.start < s.stop for s in both) else None


def _around_both(a: Box, b: Box) -> Box:
    return tuple(slice(int(min(s.start, t.start)), int(max(s.stop, t.stop))) for s, t in zip(a, b, strict=True))
