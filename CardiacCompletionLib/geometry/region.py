"""The voxels of one structure, cropped to their bounding box."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Region:
    """Voxels of one structure on a larger grid.

    Attributes:
        mask: bool [k, j, i], tight around the structure.
        start: index k, j, i of the mask's first voxel on the grid.
    """

    mask: np.ndarray
    start: tuple[int, int, int]

    @classmethod
    def of_mask(cls, mask: np.ndarray) -> Region | None:
        """Crop a mask [K, J, I]; None if it is empty."""
        mask = np.asarray(mask, dtype=bool)
        box = []
        for axis in range(3):
            occupied = np.flatnonzero(mask.any(axis=tuple(a for a in range(3) if a != axis)))
            if occupied.size == 0:
                return None
            box.append(slice(int(occupied[0]), int(occupied[-1]) + 1))
        return cls(mask[tuple(box)].copy(), tuple(s.start for s in box))

    @property
    def box(self) -> tuple[slice, slice, slice]:
        """Where the mask lies on the grid: ``array[region.box][region.mask]``."""
        return tuple(slice(a, a + n) for a, n in zip(self.start, self.mask.shape, strict=True))

    def holds(self, kji: np.ndarray) -> np.ndarray:
        """Which voxels [N, 3] (k, j, i) of the grid, or beyond it, belong to the structure: bool [N]."""
        own = kji - np.array(self.start)
        within = ((own >= 0) & (own < self.mask.shape)).all(axis=1)
        held = np.zeros(len(kji), dtype=bool)
        held[within] = self.mask[tuple(own[within].T)]
        return held

    def shifted(self, offset: tuple[int, int, int]) -> Region:
        """The same voxels on a grid that begins ``offset`` (k, j, i) voxels earlier."""
        return Region(self.mask, tuple(a + o for a, o in zip(self.start, offset, strict=True)))

    def cropped(self, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """The mask on the box from voxel ``low`` to ``high`` (k, j, i; one past the last), which may be anywhere."""
        mask = np.zeros(tuple(int(n) for n in np.subtract(high, low)), dtype=bool)
        first = np.maximum(low, self.start)
        last = np.minimum(high, np.array(self.start) + self.mask.shape)
        if (first < last).all():
            here = tuple(slice(a, b) for a, b in zip(first - low, last - low, strict=True))
            there = tuple(slice(a, b) for a, b in zip(first - self.start, last - self.start, strict=True))
            mask[here] = self.mask[there]
        return mask

    def joined(self, other: Region) -> Region:
        """The voxels of both."""
        low = np.minimum(self.start, other.start)
        high = np.maximum(np.add(self.start, self.mask.shape), np.add(other.start, other.mask.shape))
        return Region(self.cropped(low, high) | other.cropped(low, high), tuple(int(v) for v in low))

    def padded(self, margin: int, shape: tuple[int, int, int]) -> tuple[np.ndarray, tuple[int, int, int]]:
        """The mask with a margin of voxels around it, and the index of its first voxel.

        Within the grid the margin is empty. Beyond the grid nothing is known, so the outermost voxels are continued:
        a structure that leaves the field of view has no surface there.
        """
        before = [min(margin, a) for a in self.start]
        after = [min(margin, n - a - m) for a, m, n in zip(self.start, self.mask.shape, shape, strict=True)]
        known = np.pad(self.mask, list(zip(before, after, strict=True)))
        beyond = [(margin - b, margin - a) for b, a in zip(before, after, strict=True)]
        return np.pad(known, beyond, mode="edge"), tuple(a - margin for a in self.start)
