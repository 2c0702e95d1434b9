"""Several plausible hearts for one input: what is uncertain, and how much.

Where and how stretched the hidden structures are is drawn from what the trusted ones leave open, and every structure
goes where its numbers say, in the shape that the network gave it. So the network is asked once; a sample costs the
resampling of small grids. Shapes are not drawn: a sum of signed distance fields is a good shape only near the mean.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import torch
from torch.nn import functional

from CardiacCompletionLib.anatomy.heart import Heart
from CardiacCompletionLib.anatomy.vocabulary import Vocabulary
from CardiacCompletionLib.completion.clock import Clock
from CardiacCompletionLib.completion.composition import without_specks
from CardiacCompletionLib.completion.inference import Inference
from CardiacCompletionLib.geometry.expectation import Places
from CardiacCompletionLib.geometry.frame import HeartFrame
from CardiacCompletionLib.geometry.lattice import Lattice
from CardiacCompletionLib.geometry.shape_grid import REACH

FINEST = 1.5
_SEED = 0
_BEGIN, _END = 0.9, 1.0


@dataclass(frozen=True)
class Samples:
    """What several plausible hearts have in common, and where they differ.

    Attributes:
        count: how many hearts were drawn.
        lattice: where probabilities are given.
        probability: key -> share of the hearts whose structure holds a node, float32 [k, j, i].
        volumes_ml: key -> volume of the structure in each of the hearts, [count].
        confidence: key -> mean Dice of the hearts with the likeliest one: what overlap with the truth to expect.
    """

    count: int
    lattice: Lattice
    probability: Mapping[str, np.ndarray]
    volumes_ml: Mapping[str, np.ndarray]
    confidence: Mapping[str, float]

    def interval_ml(self, key: str, share: float = 0.9) -> tuple[float, float]:
        """Volumes between which the structure's lies with this probability; volumes are taken as log-normal."""
        logs = np.log(np.maximum(self.volumes_ml[key], 1e-3))
        reach = NormalDist().inv_cdf(0.5 + share / 2) * logs.std(ddof=1)
        return float(np.exp(logs.mean() - reach)), float(np.exp(logs.mean() + reach))


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
        self._lattice = self._around(kept, max(spacing, FINEST))
        self._taken = _held(kept, self._lattice)

    def draw(self, count: int, clock: Clock) -> Samples:
        """``count`` hearts, the same ones for the same input."""
        generator = np.random.default_rng(_SEED)
        likeliest = self._heart(self._posterior.mean)
        total = {key: np.zeros(self._lattice.shape, dtype=np.float32) for key in self._wanted}
        volumes = {key: np.zeros(count) for key in self._wanted}
        overlap = dict.fromkeys(self._wanted, 0.0)
        voxel_ml = abs(np.linalg.det(self._lattice.steps)) / 1000.0
        for number in range(count):
            clock.tell(_BEGIN + (_END - _BEGIN) * number / count, f"Plausible heart {number + 1} of {count}")
            drawn = self._heart(self._posterior.drawn(generator, self._spread))
            for key, mask in drawn.items():
                total[key] += mask
                volumes[key][number] = mask.sum() * voxel_ml
                both = int(mask.sum()) + int(likeliest[key].sum())
                overlap[key] += 2.0 * int((mask & likeliest[key]).sum()) / max(both, 1) / count
        probability = {key: mean / count for key, mean in total.items()}
        return Samples(count, self._lattice, probability, volumes, overlap)

    def _heart(self, numbers: np.ndarray) -> dict[str, np.ndarray]:
        """Masks on the lattice of one heart's structures; each node belongs to the one it lies deepest in."""
        places = Places.of(numbers)
        deepest = np.zeros(self._lattice.shape, dtype=np.float32)
        owner = np.zeros(self._lattice.shape, dtype=np.uint8)
        for index, structure in enumerate(self._structures):
            spread = places.spreads[structure] * self._frame.scale
            box, values = self._placed(self._fields[index], self._frame.to_ras(places.centroids[structure]), spread)
            wins = values < deepest[box]
            deepest[box][wins] = values[wins]
            owner[box][wins] = index + 1
        owner[self._taken] = 0
        pieces = [self._vocabulary[key].pieces for key in self._wanted]
        return {key: without_specks(owner == i + 1, pieces[i]) for i, key in enumerate(self._wanted)}

    def _placed(
        self, field: torch.Tensor, centroid: np.ndarray, spread: np.ndarray
    ) -> tuple[tuple[slice, ...], np.ndarray]:
        """The lattice's nodes around a structure, and its signed distance there in mm."""
        own = np.linalg.inv(spread) @ self._lattice.steps / REACH  # node (k, j, i) -> own coordinates over REACH
        reach = np.abs(np.linalg.inv(own)).sum(axis=1)
        middle = np.linalg.solve(self._lattice.steps, centroid - self._lattice.origin)
        low = np.clip(np.floor(middle - reach).astype(int), 0, self._lattice.shape)
        high = np.clip(np.ceil(middle + reach).astype(int) + 1, low, self._lattice.shape)
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
