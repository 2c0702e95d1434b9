"""Where the hidden structures of a drawn heart are led: what its numbers mean for points of the likeliest one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.linalg import logm

from CardiacCompletionLib.completion.inference import Inference
from CardiacCompletionLib.geometry.expectation import PLACE_NUMBERS, Places
from CardiacCompletionLib.geometry.frame import HeartFrame
from CardiacCompletionLib.geometry.surface import Surface

# Millimetres: a sum of principal shapes says little of where a wall is that lies farther off.
_MOST = 8.0


class DrawnHearts:
    """Hearts drawn from what is known of the hidden structures, as velocities of points on their surfaces.

    Args:
        keys: the hidden structures.
        surfaces: of each of them in the likeliest heart.
        spread: how many times as far from the mean hearts are drawn as the cohort says, [C].
    """

    def __init__(
        self,
        inference: Inference,
        frame: HeartFrame,
        keys: Sequence[str],
        surfaces: Sequence[Surface],
        spread: np.ndarray,
    ) -> None:
        self._posterior, self._frame, self._surfaces, self._spread = inference.posterior, frame, surfaces, spread
        self._drawn = [inference.structures.index(key) for key in keys]
        self._shapes = [inference.shapes_at(key, s.points) for key, s in zip(keys, surfaces, strict=True)]

    def draw(self, generator: np.random.Generator) -> np.ndarray:
        """Velocities, mm [P, 3], of all surfaces' points in turn, by which one heart comes about."""
        numbers = self._posterior.drawn(generator, self._spread)[self._drawn]
        expected = self._posterior.mean[self._drawn]
        here, there = Places.of(expected), Places.of(numbers)
        velocities = []
        for number, (surface, shapes) in enumerate(zip(self._surfaces, self._shapes, strict=True)):
            stretch = there.spreads[number] @ np.linalg.inv(here.spreads[number])
            middle, goal = self._frame.to_ras(np.stack([here.centroids[number], there.centroids[number]]))
            motion = np.eye(4)
            motion[:3, :3], motion[:3, 3] = stretch, goal - stretch @ middle
            rate = np.real(logm(motion))
            # Where distances shrink, the surface moves outward.
            outward = -shapes @ (numbers - expected)[number, PLACE_NUMBERS:]
            outward = np.clip(outward, -_MOST, _MOST)
            velocities.append(surface.points @ rate[:3, :3].T + rate[:3, 3] + outward[:, None] * surface.normals)
        return np.concatenate([np.empty((0, 3)), *velocities])
