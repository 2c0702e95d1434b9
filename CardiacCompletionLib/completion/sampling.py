"""Several plausible hearts for one input: what is uncertain, and how much.

Where and how stretched the hidden structures are is drawn from what the trusted ones leave open, and every structure
goes where its numbers say, in the shape that the network gave it. So the network is asked once; a sample costs the
resampling of small grids. Shapes are not drawn: a sum of signed distance fields is a good shape only near the mean.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch.nn import functional

from CardiacCompletionLib.anatomy.heart import Heart
from CardiacCompletionLib.anatomy.vocabulary import Vocabulary
from CardiacCompletionLib.completion.clock import Clock
from CardiacCompletionLib.completion.composition import without_specks
from CardiacCompletionLib.completion.inference import Inference
from CardiacCompletionLib.completion.samples import Samples
from CardiacCompletionLib.geometry.expectation import Places
from CardiacCompletionLib.geometry.frame import HeartFrame
from CardiacCompletionLib.geometry.lattice import Lattice
from CardiacCompletionLib.geometry.region import Region
from CardiacCompletionLib.geometry.shape_grid import REACH

FINEST = 1.5
_SEED = 0
_BEGIN, _END = 0.9, 1.0


class HeartSampler:
    """Draws hearts once the network has spoken.

    Args:
        kept: the trusted structures, which no sample touches.
        wanted: keys of the structures to draw.
        spread: key -> how many times as far from the mean hearts are drawn as the cohort says, calibrated on held-out
            hearts; once for structures that are not named.
    """

    def __init__(
        self,
        inference: Inference,
        kept: Heart,
        wanted: Sequence[str],
        frame: HeartFrame,
        spacing: float,
        spread: Mapping[str, float],
        vocabulary: Vocabulary,
    ) -> None:
        self._posterior = inference.posterior
        self._structures = [inference.structures.index(key) for key in wanted]
        self._wanted = list(wanted)
        self._frame = frame
        self._spread = np.array([spread.get(key, 1.0) for key in inference.structures])
        self._vocabulary = vocabulary
        self._fields = [torch.from_numpy(inference.own_field(key)) for key in wanted]
        self._insides = [_inside(field) for field in self._fields]
        self._lattice = self._around(kept, max(spacing, FINEST))
        self._taken = _held(kept, self._lattice)

    def draw(self, count: int, clock: Clock) -> Samples:
        """``count`` hearts, the same ones for the same input."""
        generator = np.random.default_rng(_SEED)
        likeliest = self._heart(self._posterior.mean)
        overlap = dict.fromkeys(self._wanted, 0.0)
        hearts = []
        for number in range(count):
            clock.tell(_BEGIN + (_END - _BEGIN) * number / count, f"Plausible heart {number + 1} of {count}")
            drawn = self._heart(self._posterior.drawn(generator, self._spread))
            hearts.append(drawn)
            for key in drawn.keys() & likeliest.keys():
                overlap[key] += _dice(drawn[key], likeliest[key]) / count
        return Samples(self._lattice, tuple(hearts), overlap)

    def _heart(self, numbers: np.ndarray) -> dict[str, Region]:
        """One heart's structures on the lattice; each node belongs to the one it lies deepest in."""
        places = Places.of(numbers)
        deepest = np.zeros(self._lattice.shape, dtype=np.float32)
        owner = np.zeros(self._lattice.shape, dtype=np.uint8)
        boxes = []
        for index, structure in enumerate(self._structures):
            spread = places.spreads[structure] * self._frame.scale
            box, values = self._placed(index, self._frame.to_ras(places.centroids[structure]), spread)
            wins = values < deepest[box]
            deepest[box][wins] = values[wins]
            owner[box][wins] = index + 1
            boxes.append(box)
        owner[self._taken] = 0
        heart = {}
        for index, (key, box) in enumerate(zip(self._wanted, boxes, strict=True)):
            found = Region.of_mask(owner[box] == index + 1)
            if found is not None:
                # Specks are looked for within the structure's bounds: the lattice is much larger.
                whole = Region.of_mask(without_specks(found.mask, self._vocabulary[key].pieces))
                heart[key] = whole.shifted(found.start).shifted(tuple(s.start for s in box))
        return heart

    def _placed(self, index: int, centroid: np.ndarray, spread: np.ndarray) -> tuple[tuple[slice, ...], np.ndarray]:
        """The lattice's nodes around the inside of a structure, and its signed distance there in mm."""
        field, (first, last) = self._fields[index], self._insides[index]
        own = np.linalg.inv(spread) @ self._lattice.steps / REACH  # node (k, j, i) -> own coordinates over REACH
        middle = np.linalg.solve(self._lattice.steps, centroid - self._lattice.origin)
        inside = middle + np.linalg.solve(own, (first + last) / 2)
        reach = np.abs(np.linalg.inv(own)) @ ((last - first) / 2)
        low = np.clip(np.floor(inside - reach).astype(int), 0, self._lattice.shape)
        high = np.clip(np.ceil(inside + reach).astype(int) + 1, low, self._lattice.shape)
        box = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
        axes = [torch.arange(a, b, dtype=torch.float32) - float(m) for a, b, m in zip(low, high, middle, strict=True)]
        turn = torch.from_numpy(own.astype(np.float32))
        k, j, i = (axis[:, None] * turn[:, n] for n, axis in enumerate(axes))
        grid = k[:, None, None] + j[None, :, None] + i[None, None, :]
        sampled = functional.grid_sample(field[None, None], grid[None], padding_mode="border", align_corners=True)[0, 0]
        sampled[(grid.abs() > 1.0).any(dim=-1)] = torch.inf
        return box, sampled.numpy() * float(np.cbrt(np.linalg.det(spread)))

    def _around(self, kept: Heart, spacing: float) -> Lattice:
        """A lattice that holds the likeliest structures with room to spare, along the axes of the image."""
        places = Places.of(self._posterior.mean[self._structures])
        centroids = self._frame.to_ras(places.centroids)
        reach = np.abs(places.spreads).sum(axis=2) * self._frame.scale * REACH
        low, high = (centroids - reach).min(axis=0), (centroids + reach).max(axis=0)
        directions = kept.ijk_to_ras[:3, :3][:, ::-1]
        return Lattice.around((low + high) / 2, float((high - low).max()) / 2, spacing, directions)


def _inside(field: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Bounds in own coordinates over REACH, [3] each, beyond which a field [z, y, x] is nowhere negative."""
    region = Region.of_mask(field.numpy() < 0)
    if region is None:
        return np.zeros(3), np.zeros(3)
    first = np.array(region.start) - 1
    last = np.array(region.start) + region.mask.shape
    steps = (np.array(field.shape) - 1) / 2
    return tuple(np.clip(edge / steps - 1, -1, 1)[::-1] for edge in (first, last))


def _dice(a: Region, b: Region) -> float:
    both = int((b.cropped(a.start, np.add(a.start, a.mask.shape)) & a.mask).sum())
    return 2.0 * both / (int(a.mask.sum()) + int(b.mask.sum()))


def _held(kept: Heart, lattice: Lattice) -> np.ndarray:
    """Which nodes lie in a trusted structure."""
    kji = np.indices(lattice.shape).reshape(3, -1)
    to_index = np.linalg.inv(kept.ijk_to_ras[:3, :3][:, ::-1])
    matrix = to_index @ lattice.steps
    start = to_index @ (lattice.origin - kept.ijk_to_ras[:3, 3])
    where = np.round(matrix @ kji + start[:, None]).astype(int)
    held = np.zeros(kji.shape[1], dtype=bool)
    for region in kept.regions.values():
        held |= region.holds(where.T)
    return held.reshape(lattice.shape)
