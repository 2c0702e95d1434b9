"""The network at work: latents once, then the fields of the structures that are wanted."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import torch
from torch.nn import functional

from CardiacCompletionLib.anatomy.vocabulary import Vocabulary
from CardiacCompletionLib.completion.clock import Clock
from CardiacCompletionLib.completion.distance_lattice import DistanceLattice, step_for
from CardiacCompletionLib.completion.evidence import Evidence
from CardiacCompletionLib.completion.field import SampledField, coarse_lattice, sample_field
from CardiacCompletionLib.completion.trusted_distances import TrustedDistances
from CardiacCompletionLib.geometry.expectation import Expectation, Places, Posterior, place_numbers
from CardiacCompletionLib.geometry.shape_grid import REACH as SHAPE_REACH
from CardiacCompletionLib.model.heart import HeartAutoEncoder

# Queries at a time: small enough for the cache, and to be stopped between two of them.
_CHUNK = 4096
# Frame units from the heart's middle within which every structure lies, arch and descending aorta included.
REACH = 1.3
# What the stage of the fields takes of all the work.
_BEGIN, _END = 0.1, 0.85


class Inference:
    """What the network makes of the evidence.

    Attributes:
        latents: [1, C, M, D].
        posterior: what is to be expected of all structures' numbers.
    """

    def __init__(
        self, network: HeartAutoEncoder, evidence: Evidence, expectation: Expectation, device: str, clock: Clock
    ) -> None:
        """
        Args:
            expectation: in frames such as the evidence has.
        """
        self._network, self._evidence, self._device, self._clock = network, evidence, device, clock
        self.posterior = self._posterior(expectation)
        self._numbers = torch.from_numpy(self.posterior.mean.astype(np.float32))[None].to(device)
        self.latents = self._latents()
        self._surroundings = TrustedDistances(self._told(), len(self.structures), device)

    def fields(self, wanted: Sequence[str], spacing: float, vocabulary: Vocabulary) -> dict[str, SampledField]:
        """The fields of the wanted structures, resolved to ``spacing`` mm; those without an inside are not in it."""
        heart, frame = self._evidence.heart, self._evidence.frame
        directions = heart.ijk_to_ras[:3, :3][:, ::-1]
        lattice, halvings = coarse_lattice(frame.origin, REACH * frame.scale, spacing, directions)
        fields: dict[str, SampledField] = {}
        if not wanted:
            return fields
        first = self.distances(wanted, lattice.all_points()).reshape(len(wanted), *lattice.shape)
        for number, key in enumerate(wanted):
            share = (_END - _BEGIN) / len(wanted)
            self._clock.tell(_BEGIN + share * number, f"Inferring: {vocabulary[key].name}")
            ask = partial(self._distance, key)
            # What is drawn on top of others is what is thinner than a cell.
            field = sample_field(ask, lattice, halvings, first[number], thin=vocabulary[key].on_top)
            if field is not None:
                fields[key] = field
        return fields

    def distances(self, keys: Sequence[str], ras: np.ndarray) -> np.ndarray:
        """Signed distances float32 [W, N], mm, of structures at RAS mm points [N, 3]."""
        frame, known = self._evidence.frame, self._network.config.structures
        index = torch.tensor([known.index(key) for key in keys], device=self._device)
        answers = []
        for chunk in np.array_split(ras, max(len(ras) * len(keys) // _CHUNK, 1)):
            self._clock.check()
            with torch.inference_mode():
                asked = torch.from_numpy(frame.from_ras(chunk).astype(np.float32))[None, None].to(self._device)
                points = torch.from_numpy(chunk.astype(np.float32)).to(self._device)
                around = self._surroundings(points, index) / frame.scale
                answers.append(self._network.decode(self.latents, asked, self._numbers, around, index)[0].cpu())
        return torch.cat(answers, dim=1).numpy() * np.float32(frame.scale)

    def _distance(self, key: str, ras: np.ndarray) -> np.ndarray:
        return self.distances([key], ras)[0]

    @property
    def structures(self) -> tuple[str, ...]:
        """Keys of the class axis."""
        return self._network.config.structures

    def shapes_at(self, key: str, ras: np.ndarray) -> np.ndarray:
        """How many mm each principal shape adds to a structure's signed distance at RAS mm points [N, 3]: [N, K]."""
        index, frame = self.structures.index(key), self._evidence.frame
        place = Places.of(self.posterior.mean[[index]])
        own = (frame.from_ras(ras) - place.centroids[0]) @ np.linalg.inv(place.spreads[0]) / SHAPE_REACH
        grid = torch.from_numpy(own.astype(np.float32))[None, None, None]
        shapes = self._network.prior.shapes[index][None].float().cpu()
        sampled = functional.grid_sample(shapes, grid, padding_mode="border", align_corners=True)[0, :, 0, 0]
        return sampled.T.double().numpy() * frame.scale * np.cbrt(np.linalg.det(place.spreads[0]))

    def _latents(self) -> torch.Tensor:
        config = self._network.config
        points = np.zeros((1, len(config.structures), config.points, 3), dtype=np.float32)
        given = np.zeros((1, len(config.structures)), dtype=bool)
        for key, surface in self._evidence.surfaces.items():
            if len(surface.points) == 0:
                continue
            index = config.structures.index(key)
            points[0, index] = self._evidence.frame.from_ras(surface.resampled(config.points).points)
            given[0, index] = True
        with torch.inference_mode():
            seen = torch.from_numpy(given).to(self._device)
            narrow = self._network.encode(torch.from_numpy(points).to(self._device), seen, self._numbers)
            self._clock.check()
            return self._network.process(narrow, seen, self._numbers)

    def _told(self) -> dict[int, DistanceLattice]:
        """Distances to the trusted structures that show all of themselves, by place on the class axis."""
        evidence, fields = self._evidence, {}
        step = step_for(evidence.frame.scale)
        for key, structure in evidence.seen.items():
            self._clock.check()
            if key not in evidence.cuts:
                fields[self.structures.index(key)] = structure.distances_around(step)
        return fields

    def _posterior(self, expectation: Expectation) -> Posterior:
        """What the telling structures say of all: where they lie, how they are stretched and which shape they are."""
        network, evidence = self._network, self._evidence
        structures, given = network.config.structures, {}
        for key, moments in evidence.telling_moments.items():
            self._clock.check()
            shape = network.prior.shape_numbers(structures.index(key), evidence.seen[key].own_distances)
            given[key] = np.concatenate([place_numbers(moments, evidence.frame), shape])
        return expectation.posterior(given, evidence.told_scale)
