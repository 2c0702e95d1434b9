"""How what lies on the heart, such as coronary arteries, slides along it: over its walls, but not off them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from scipy.spatial import cKDTree

from CardiacCompletionLib.anatomy.vocabulary import Structure
from CardiacCompletionLib.completion.motion import Motion, slack
from CardiacCompletionLib.geometry.lattice import Lattice
from CardiacCompletionLib.geometry.surface import Surface

# Millimetres from a structure to the walls that hold it, and points on each of them.
_NEAR = 15.0
_POINTS = 25
# Millimetres by which it may leave them, and slide along them: as it likes, but where it springs from it stays.
_LEAVE, _SLIDE = 1.0, 40.0


class Sliding:
    """Slides of one structure along a heart that stands still.

    Args:
        structure: what slides.
        surface: of it.
        walls: surfaces of what else the heart has, by key.
        lattice: where the slides are wanted.
        check: called now and then; what it raises ends the work.
    """

    def __init__(
        self,
        structure: Structure,
        surface: Surface,
        walls: Mapping[str, Surface],
        lattice: Lattice,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        own = cKDTree(surface.points)
        points, slacks = [np.empty((0, 3))], [np.empty((0, 3, 3))]
        for key, wall in walls.items():
            near = np.isfinite(own.query(wall.points, distance_upper_bound=_NEAR)[0])
            if near.any():
                part = Surface(wall.points[near], wall.normals[near], wall.areas[near]).resampled(_POINTS)
                points.append(part.points)
                slacks.append(slack(part, _LEAVE, _LEAVE if key == structure.springs_from else _SLIDE))
        self._still = np.zeros((sum(map(len, points)), 3))
        self._motion = Motion(np.concatenate(points), np.concatenate(slacks), lattice, check)

    def velocity(self, generator: np.random.Generator) -> np.ndarray:
        """Velocities, mm, of the lattice's nodes in one slide: float32 [N, 3]."""
        return self._motion.velocity(self._still, generator)
