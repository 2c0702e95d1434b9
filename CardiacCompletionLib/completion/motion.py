"""How a heart moves when its hidden structures do: smoothly, so that what hangs together stays together.

Each hidden structure is drawn to go its own way; moved so, a vein would tear off its atrium. So the heart moves by one
velocity field instead, drawn from a Gaussian process on condition that it leaves the trusted walls where they are and
carries structures where they are drawn to go (Matheron's rule over random Fourier features: Wilson et al. 2021, JMLR
22:105). The flow of a velocity field neither tears nor folds (Arsigny et al. 2006, MICCAI, LNCS 4190:924).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from scipy.linalg import cho_factor, cho_solve
from scipy.spatial.distance import cdist
from torch.nn import functional

from CardiacCompletionLib.geometry.lattice import Lattice
from CardiacCompletionLib.geometry.surface import Surface

# Millimetres: how far the heart moves where nothing leads it, and how far apart it does so alike; in large, in small.
_MOVES = ((6.0, 25.0), (2.5, 10.0))
_WAVES = 48
# Nodes at a time, so that the work can be stopped between two of them.
_CHUNK = 4096
_SQUARINGS = 5


class Motion:
    """Motions of one heart, each from where some of its points go.

    Args:
        points: RAS mm [P, 3].
        slack: covariance, mm2 [P, 3, 3], of how far each may end from where it is led.
        lattice: where the motion is wanted; coarse, for it is smooth.
        check: called now and then; what it raises ends the work.
    """

    def __init__(
        self, points: np.ndarray, slack: np.ndarray, lattice: Lattice, check: Callable[[], None] = lambda: None
    ) -> None:
        covariance = np.kron(_alike(points, points), np.eye(3))
        of_points = covariance.reshape(len(points), 3, len(points), 3)
        each = np.arange(len(points))
        of_points[each, :, each, :] += slack
        check()
        self._factor = cho_factor(covariance, overwrite_a=True)
        check()
        everywhere, waves = [], []
        for part in np.array_split(lattice.all_points(), np.prod(lattice.shape) // _CHUNK + 1):
            check()
            everywhere.append(_alike(part, points, np.float32))
            waves.append(_waves(part).astype(np.float32))
        self._everywhere, self._waves = np.concatenate(everywhere), np.concatenate(waves)
        self._waves_at_points = _waves(points)

    def velocity(self, led: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        """Velocities, mm, of the lattice's nodes: float32 [N, 3].

        Args:
            led: velocities, mm, of the points [P, 3].
            generator: of what nothing leads.
        """
        heights = generator.standard_normal((self._waves.shape[1], 3))
        pull = cho_solve(self._factor, (led - self._waves_at_points @ heights).ravel()).reshape(-1, 3)
        return self._everywhere @ pull.astype(np.float32) + self._waves @ heights.astype(np.float32)


def flown_back(velocity: np.ndarray, lattice: Lattice) -> torch.Tensor:
    """Where each node of a lattice comes from: float32 [3, k, j, i], in nodes, (k, j, i) on the first axis.

    Args:
        velocity: mm [N, 3] of its nodes; with one that is the same everywhere, all goes so far.
    """
    in_nodes = velocity @ np.linalg.inv(lattice.steps).T.astype(np.float32)
    flow = -torch.from_numpy(in_nodes.T.reshape(3, *lattice.shape)) / 2**_SQUARINGS
    here = torch.from_numpy(np.indices(lattice.shape).astype(np.float32))
    for _ in range(_SQUARINGS):
        flow = flow + interpolated(flow, here + flow)
    return here + flow


def slack(surface: Surface, across: float, along: float) -> np.ndarray:
    """Covariance, mm2 [N, 3, 3], of points that may miss their place by so many mm across and along a surface."""
    normal = surface.normals[:, :, None] * surface.normals[:, None, :]
    return across**2 * normal + along**2 * (np.eye(3) - normal)


def interpolated(values: torch.Tensor, nodes: torch.Tensor) -> torch.Tensor:
    """Values [C, k, j, i] at positions [3, ...] in nodes, (k, j, i) on the first axis: [C, ...]; the edge goes on."""
    last = torch.tensor(values.shape[1:], dtype=torch.float32).reshape(3, *[1] * (nodes.dim() - 1)) - 1
    grid = (2 * nodes / last - 1).flip(0).flatten(1).T[None, None, None]
    found = functional.grid_sample(values[None], grid, padding_mode="border", align_corners=True)
    return found.reshape(len(values), *nodes.shape[1:])


def _alike(a: np.ndarray, b: np.ndarray, dtype: type = np.float64) -> np.ndarray:
    """Covariance, mm2, [A, B] of what points [A, 3] and [B, 3] move by, along any axis."""
    squares = cdist(a, b, "sqeuclidean").astype(dtype)
    return sum(far**2 * np.exp(-0.5 * squares / reach**2) for far, reach in _MOVES)


def _waves(ras: np.ndarray) -> np.ndarray:
    """Waves [N, F] at points [N, 3] whose sums, of independent normal heights, have :func:`_alike` as covariance."""
    generator = np.random.default_rng(0)
    found = []
    for far, reach in _MOVES:
        phase = ras @ generator.standard_normal((3, _WAVES)) / reach
        found += [far / np.sqrt(_WAVES) * np.cos(phase), far / np.sqrt(_WAVES) * np.sin(phase)]
    return np.concatenate(found, axis=1)
