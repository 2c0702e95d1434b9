"""Where, how large and how stretched the hidden structures are to be expected, given the trusted ones.

A structure's moments, its centroid and the logarithm of its spread, are nine numbers; over all structures they are
taken as jointly Gaussian in the frame; the hidden ones follow from the given ones by the rule for conditional means.
The frame itself is uncertain: a shift, a turn or a change of scale of the whole heart is added to the covariance as
seven directions in which a heart may lie wrong, so that the answer does not hang on the frame's last degree.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from CardiacCompletionLib.geometry.frame import GENERATORS, HeartFrame, Moments

PER_STRUCTURE = 9
_UPPER = ([0, 1, 2, 0, 0, 1], [0, 1, 2, 1, 2, 2])
# Off-diagonal entries count twice in a matrix norm.
_WEIGHT = np.array([1, 1, 1, np.sqrt(2), np.sqrt(2), np.sqrt(2)])
# How wrong a frame may be: standard deviations of shift (frame units), turn (radians) and logarithm of scale.
_FRAME_ERROR = np.array([0.06] * 3 + [np.radians(10.0)] * 3 + [0.06])
_NOISE = 0.01
_SHRINKAGE = 0.1


@dataclass(frozen=True)
class Places:
    """Centroids float64 [C, 3] and symmetric spreads [C, 3, 3] of all structures, in frame units."""

    centroids: np.ndarray
    spreads: np.ndarray


@dataclass(frozen=True)
class Expectation:
    """The cohort's joint distribution of moments.

    Attributes:
        structures: keys of the class axis, C of them.
        anchors: bool [C]; where any is given, only anchors are relied on: of vessels a scan shows more or less.
        mean: float64 [9 C].
        covariance: float64 [9 C, 9 C].
    """

    structures: tuple[str, ...]
    anchors: np.ndarray
    mean: np.ndarray
    covariance: np.ndarray

    @classmethod
    def measure(
        cls,
        structures: Sequence[str],
        anchors: np.ndarray,
        hearts: Sequence[Mapping[str, Moments]],
        frames: Sequence[HeartFrame],
    ) -> Expectation:
        """From a cohort in its frames; structures that a heart lacks are taken at the mean of the others."""
        rows = np.full((len(hearts), len(structures), PER_STRUCTURE), np.nan)
        for row, heart, frame in zip(rows, hearts, frames, strict=True):
            for index, key in enumerate(structures):
                if key in heart:
                    row[index] = _numbers(heart[key], frame)
        flat = rows.reshape(len(hearts), -1)
        mean = np.nanmean(flat, axis=0)
        covariance = np.cov(np.where(np.isfinite(flat), flat, mean), rowvar=False, bias=True)
        shrunk = (1 - _SHRINKAGE) * covariance + _SHRINKAGE * np.diag(np.diag(covariance))
        return cls(tuple(structures), np.asarray(anchors, dtype=bool), mean, shrunk)

    def places(self, given: Mapping[str, Moments], frame: HeartFrame) -> Places:
        """What to expect in the frame of the given structures; those that are relied on stand as they are.

        Args:
            given: moments in RAS mm; empty for the cohort's mean.
        """
        known = [index for index, key in enumerate(self.structures) if key in given]
        known = [index for index in known if self.anchors[index]] or known
        numbers = self.mean.copy()
        if known:
            seen = np.concatenate([_numbers(given[self.structures[index]], frame) for index in known])
            at = np.concatenate([np.arange(PER_STRUCTURE) + PER_STRUCTURE * index for index in known])
            spread = self.covariance + self._frame_covariance()
            noisy = spread[np.ix_(at, at)] + _NOISE**2 * np.eye(len(at))
            numbers = numbers + spread[:, at] @ np.linalg.solve(noisy, seen - self.mean[at])
            numbers[at] = seen
        table = numbers.reshape(-1, PER_STRUCTURE)
        return Places(table[:, :3], _exponential(_matrices(table[:, 3:])))

    def _frame_covariance(self) -> np.ndarray:
        """What errors of the frame add to the covariance of the moments, to first order about the mean heart."""
        table = self.mean.reshape(-1, PER_STRUCTURE)
        centroids, logs = table[:, :3], _matrices(table[:, 3:])
        slope = np.zeros((len(table), PER_STRUCTURE, 7))
        slope[:, :3, :3] = np.eye(3)
        for axis, turn in enumerate(GENERATORS):
            slope[:, :3, 3 + axis] = centroids @ turn.T
            slope[:, 3:, 3 + axis] = _entries(turn @ logs - logs @ turn)
        slope[:, :3, 6] = centroids
        slope[:, 3:, 6] = _entries(np.broadcast_to(np.eye(3), logs.shape))
        flat = slope.reshape(-1, 7) * _FRAME_ERROR
        return flat @ flat.T


def _numbers(moments: Moments, frame: HeartFrame) -> np.ndarray:
    """The nine numbers of a structure in a frame."""
    spread = frame.rotation.T @ moments.spread @ frame.rotation / frame.scale
    values, vectors = np.linalg.eigh(spread)
    logarithm = (vectors * np.log(np.maximum(values, 1e-4))) @ vectors.T
    return np.concatenate([frame.from_ras(moments.centroid), _entries(logarithm)])


def _entries(matrices: np.ndarray) -> np.ndarray:
    """Symmetric matrices [..., 3, 3] -> six numbers each, of the same norm."""
    return matrices[..., _UPPER[0], _UPPER[1]] * _WEIGHT


def _matrices(entries: np.ndarray) -> np.ndarray:
    """Inverse of :func:`_entries`: [C, 6] -> [C, 3, 3]."""
    matrices = np.zeros((len(entries), 3, 3))
    matrices[:, _UPPER[0], _UPPER[1]] = entries / _WEIGHT
    matrices[:, _UPPER[1], _UPPER[0]] = entries / _WEIGHT
    return matrices


def _exponential(matrices: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(matrices)
    return (vectors * np.exp(values)[:, None, :]) @ np.swapaxes(vectors, 1, 2)
