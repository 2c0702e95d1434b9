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
        self._lattice = lattice
        covariance = np.kron(_alike(points, points), np.eye(3))
        of_points = covariance.reshape(len(points), 3, len(points), 3)
        each = np.arange(len(points))
        of_points[each, :, each, :] += slack
        check()
        self._factor = cho_factor(covariance, overwrite_a=True)
        check()
        nodes = lattice.all_points()
        everywhere, waves = [], []
        for part in np.array_split(nodes, len(nodes) // _CHUNK + 1):
            check()
            everywhere.append(_alike(part, points, np.float32))
            waves.append(_waves(part).astype(np.float32))
        self._everywhere, self._waves = np.concatenate(everywhere), np.concatenate(waves)
        self._waves_at_points = _waves(points)

    def back(self, velocity: np.ndarray, generator: np.random.Generator) -> torch.Tensor:
        """Where each node of a moved heart comes from: float32 [3, k, j, i], in nodes, (k, j, i) on the first axis.

        Args:
            velocity: mm [P, 3]; a point led by one that is the same everywhere goes so far, and ends there.
            generator: of what nothing leads.
        """
        heights = generator.standard_normal((self._waves.shape[1], 3))
        pull = cho_solve(self._factor, (velocity - self._waves_at_points @ heights).ravel()).reshape(-1, 3)
        found = self._everywhere @ pull.astype(np.float32) + self._waves @ heights.astype(np.float32)
        found = found @ np.linalg.inv(self._lattice.steps).T.astype(np.float32)
        flow = -torch.from_numpy(found.T.reshape(3, *self._lattice.shape)) / 2**_SQUARINGS
        here = torch.from_numpy(np.indices(self._lattice.shape).astype(np.float32))
        for _ in range(_SQUARINGS):
            flow = flow + interpolated(flow, here + flow)
        return here + flow


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
