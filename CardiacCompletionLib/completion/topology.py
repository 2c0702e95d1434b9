"""In how many pieces the structures of a heart are, and whether those that should touch do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from CardiacCompletionLib.anatomy.vocabulary import Vocabulary
from CardiacCompletionLib.geometry.region import Region

_AROUND = np.ones((3, 3, 3), dtype=bool)


@dataclass(frozen=True)
class Topology:
    """Pieces and contacts.

    Attributes:
        pieces: key -> number of connected pieces; voxels touch at faces, edges and corners.
        contacts: pairs of keys that touch in every heart -> whether they do in this one.
    """

    pieces: Mapping[str, int]
    contacts: Mapping[tuple[str, str], bool]

    @classmethod
    def of(cls, regions: Mapping[str, Region], vocabulary: Vocabulary) -> Topology:
        """Of structures on one grid."""
        pieces = {key: int(ndimage.label(region.mask, structure=_AROUND)[1]) for key, region in regions.items()}
        pairs = {tuple(sorted((s.key, other))) for s in vocabulary for other in s.touches}
        contacts = {(a, b): touch(regions[a], regions[b]) for a, b in sorted(pairs) if a in regions and b in regions}
        return cls(pieces, contacts)

    def is_sound(self, keys: Iterable[str], vocabulary: Vocabulary) -> bool:
        """Whether these structures are there, in no more pieces than anatomy has, and touch what they should."""
        looked_at = set(keys)
        return all(0 < self.pieces.get(key, 0) <= vocabulary[key].pieces for key in looked_at) and all(
            touch for pair, touch in self.contacts.items() if looked_at & set(pair)
        )


def touch(a: Region, b: Region) -> bool:
    """Whether a voxel of one is a neighbour of a voxel of the other."""
    low = np.maximum(a.start, b.start) - 1
    high = np.minimum(np.array(a.start) + a.mask.shape, np.array(b.start) + b.mask.shape) + 1
    if (low >= high).any():
        return False
    return bool((widened(a.cropped(low, high)) & b.cropped(low, high)).any())


def widened(mask: np.ndarray, steps: Sequence[int] = (1, 1, 1)) -> np.ndarray:
    """A mask [k, j, i] and all that is so many voxels from it along each axis; scipy takes forty times as long."""
    for axis, count in enumerate(steps):
        for _ in range(count):
            wider = mask.copy()
            here, there = np.moveaxis(mask, axis, 0), np.moveaxis(wider, axis, 0)
            there[1:] |= here[:-1]
            there[:-1] |= here[1:]
            mask = wider
    return mask
