"""Several plausible hearts for one input: what is uncertain, and how much.

Where the hidden structures are, how stretched and of which shape is drawn from what the trusted ones leave open. The
likeliest heart moves there as a whole (:mod:`CardiacCompletionLib.completion.motion`), so that every heart hangs
together as that one does. The network is asked once; a heart costs the resampling of what was composed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from CardiacCompletionLib.anatomy.heart import Heart
from CardiacCompletionLib.anatomy.vocabulary import Vocabulary
from CardiacCompletionLib.completion.clock import Clock
from CardiacCompletionLib.completion.drawing import DrawnHearts
from CardiacCompletionLib.completion.evidence import Evidence
from CardiacCompletionLib.completion.field import SampledField
from CardiacCompletionLib.completion.inference import Inference
from CardiacCompletionLib.completion.motion import Motion, flown_back, slack
from CardiacCompletionLib.completion.movable import MovableHeart
from CardiacCompletionLib.completion.samples import Samples
from CardiacCompletionLib.completion.sliding import Sliding
from CardiacCompletionLib.geometry.lattice import Lattice
from CardiacCompletionLib.geometry.region import Region

FINEST = 1.5
_SEED = 0
_BEGIN, _END = 0.9, 1.0
# Millimetres: how far around the likeliest heart others may reach, and between the nodes that carry their motion.
_ROOM = 30.0
_COARSE = 8.0
# Points on each hidden and each trusted structure by which motions are led.
_BODY, _WALL = 48, 40
# Millimetres by which a hidden surface may miss where it is led, across and along it, and a trusted wall may be left
# and slid along.
_MISS, _STRAY = 1.5, 3.0
_LEAVE, _SLIDE = 0.3, 10.0
# How often a heart is drawn until it hangs together; three in a hundred do not at once where little is trusted.
_TRIES = 4


class HeartSampler:
    """Draws hearts once the network has spoken.

    Args:
        kept: the trusted structures, which no sample touches.
        fields: of the structures to draw.
        calibration: what held-out hearts say (Training/calibrate.py): ``spread``, key -> how many times as far from the
            mean hearts are drawn as the cohort says, and how many times as far what lies on others slides along them,
            once for structures that are not named; and ``reach``, see :class:`Samples`.
    """

    def __init__(
        self,
        inference: Inference,
        evidence: Evidence,
        kept: Heart,
        fields: Mapping[str, SampledField],
        spacing: float,
        calibration: Mapping[str, Any],
        vocabulary: Vocabulary,
        clock: Clock,
    ) -> None:
        self._clock = clock
        self._reach = {key: tuple(ends) for key, ends in calibration.get("reach", {}).items()}
        self._lattice, coarse = _lattices(fields, kept, max(spacing, FINEST))
        self._coarse = coarse
        self._stride = round(float(np.linalg.norm(coarse.steps[:, 0]) / np.linalg.norm(self._lattice.steps[:, 0])))
        self._heart = MovableHeart(kept, fields, self._lattice, vocabulary, clock.check)
        spread = calibration.get("spread", {})
        # What lies on others goes with them, and slides along them.
        led = {key: self._heart.surface(key) for key in self._heart.likeliest if key not in self._heart.on_top}
        bodies = [surface.resampled(_BODY) for surface in led.values()]
        under = {**led, **{key: evidence.surfaces[key] for key in kept.regions}}
        self._sliding = {
            key: (spread.get(key, 1.0), Sliding(vocabulary[key], self._heart.surface(key), under, coarse, clock.check))
            for key in self._heart.on_top
        }
        widths = np.array([spread.get(key, 1.0) for key in inference.structures])
        self._drawn = DrawnHearts(inference, evidence.frame, tuple(led), bodies, widths)
        walls = [evidence.surfaces[key].resampled(_WALL) for key in kept.regions if len(evidence.surfaces[key].points)]
        self._still = sum(len(wall.points) for wall in walls)
        self._motion = Motion(
            np.concatenate([np.empty((0, 3)), *(surface.points for surface in (*bodies, *walls))]),
            np.concatenate([slack(s, _MISS, _STRAY) for s in bodies] + [slack(s, _LEAVE, _SLIDE) for s in walls]),
            coarse,
            clock.check,
        )

    def draw(self, count: int) -> Samples:
        """``count`` hearts, the same ones for the same input."""
        generator = np.random.default_rng(_SEED)
        likeliest = self._heart.likeliest
        overlap = dict.fromkeys(likeliest, 0.0)
        hearts = []
        for number in range(count):
            self._clock.tell(_BEGIN + (_END - _BEGIN) * number / count, f"Plausible heart {number + 1} of {count}")
            drawn = self._heart_drawn(generator)
            hearts.append(drawn)
            for key, region in drawn.items():
                overlap[key] += _dice(region, likeliest[key]) / count
        return Samples(self._lattice, tuple(hearts), overlap, self._reach, self._heart.kept)

    def _heart_drawn(self, generator: np.random.Generator) -> dict[str, Region]:
        """One heart, drawn again where it has come apart as the likeliest one has not."""
        for _ in range(_TRIES):
            led = np.concatenate([self._drawn.draw(generator), np.zeros((self._still, 3))])
            velocity = self._motion.velocity(led, generator)
            onward = {
                key: self._back(-velocity - spread * sliding.velocity(generator))
                for key, (spread, sliding) in self._sliding.items()
            }
            drawn = self._heart.moved(self._back(velocity), onward)
            if self._heart.is_as_sound(drawn):
                break
        return drawn

    def _back(self, velocity: np.ndarray) -> torch.Tensor:
        """Where a moved heart's every n-th node comes from, in nodes of the lattice of samples.

        With the opposite velocity, where it goes.
        """
        return flown_back(velocity, self._coarse) * self._stride


def _lattices(fields: Mapping[str, SampledField], kept: Heart, spacing: float) -> tuple[Lattice, Lattice]:
    """A lattice along the image's axes that holds the fields' insides with room to spare, and its every n-th node."""
    directions = kept.ijk_to_ras[:3, :3][:, ::-1]
    steps = directions / np.linalg.norm(directions, axis=0) * spacing
    corners = []
    for field in fields.values():
        inside = np.argwhere(field.values < 0)
        corners += list(field.lattice.points(np.array([inside.min(axis=0), inside.max(axis=0)])))
    nodes = np.linalg.solve(steps, np.array(corners).T)
    first, last = nodes.min(axis=1) - _ROOM / spacing, nodes.max(axis=1) + _ROOM / spacing
    stride = max(1, round(_COARSE / spacing))
    count = np.ceil((last - first) / stride).astype(int) + 1
    coarse = Lattice(steps @ first, steps * stride, tuple(int(n) for n in count))
    return Lattice(coarse.origin, steps, tuple(int(n) for n in (count - 1) * stride + 1)), coarse


def _dice(a: Region, b: Region) -> float:
    both = int((b.cropped(a.start, np.add(a.start, a.mask.shape)) & a.mask).sum())
    return 2.0 * both / (int(a.mask.sum()) + int(b.mask.sum()))
