"""Where the hidden structures are to be expected, how large and how shaped, given the trusted ones.

A structure is described by numbers: its centroid (3), the logarithm of its spread (6) and its shape (K coefficients of
its principal shapes, each in standard deviations). Over all structures these are taken as jointly Gaussian in the
frame; the hidden ones follow from the given ones by the rule for conditional Gaussians. Hearts that lack structures
count with those they have (expectation maximisation; Little & Rubin, Statistical Analysis with Missing Data, 11.2).

Of a given structure more of its shape is read than is to be said of a hidden one: F further coefficients, of finer
principal shapes, tell of the others and are themselves not expected. Those of anchors tell of vessels only by what they
tell of anchors.

How large the heart is, the logarithm of how many millimetres a frame unit is, tells of proportions: a ventricle that is
large for an adult has an atrium that is large, too, but less so. Of a child's heart, or one in a file of wrong spacing,
that does not hold. So a heart's size tells as much as it is likely that the heart is one of the cohort's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.linalg import solve_triangular

from CardiacCompletionLib.geometry.frame import HeartFrame, Moments, Reference, fit_frame, placing
from CardiacCompletionLib.geometry.incomplete_gaussian import incomplete_gaussian

PLACE_NUMBERS = 9
UPPER = ([0, 1, 2, 0, 0, 1], [0, 1, 2, 1, 2, 2])
# Where a symmetric matrix's six numbers stand; off-diagonal ones count twice in its norm.
OFF_DIAGONAL = np.array([1, 1, 1, np.sqrt(2), np.sqrt(2), np.sqrt(2)])
_UNIT = np.array([1, 1, 1, 0, 0, 0])
# Of a heart that is asked about, how wrong its frame and how turned its scan may be: standard deviations of shift
# (frame units), turn (radians) and logarithm of scale.
_FRAME_ERROR = np.array([0.02] * 3 + [np.radians(3.0)] * 3 + [0.02])
# The chance that a heart is another population's, before its size is known, and the standard deviation of the logarithm
# of sizes there: so much that a heart scaled by .8 or 1.25 is completed nearly as it is (EXPERIMENTS.md).
_OTHERS, _SIZES_OF_OTHERS = 0.6, 0.2
# Standard deviations of what is read off a trusted structure, place in frame units: where others follow from it, where
# it says how the heart is turned, and where it is asked whether it can be a heart's; and of the logarithm of its size.
_NOISE = 0.007
_TURNED_NOISE = 0.03
_DOUBTED_NOISE = 0.01
_SIZE_NOISE = 0.01
_SHRINKAGE = 0.03
_SHIFT = 1e-4  # of a number, for slopes
_GENERATORS = np.array(
    [[[0, 0, 0], [0, 0, -1], [0, 1, 0]], [[0, 0, 1], [0, 0, 0], [-1, 0, 0]], [[0, -1, 0], [1, 0, 0], [0, 0, 0]]],
    dtype=np.float64,
)


@dataclass(frozen=True)
class Posterior:
    """What is known of a heart once some of its structures are: a Gaussian over the numbers of all.

    Attributes:
        mean: float64 [C, 9 + K].
        covariance: float64 [C (9 + K), C (9 + K)]; zero for what is given.
    """

    mean: np.ndarray
    covariance: np.ndarray

    @cached_property
    def _root(self) -> np.ndarray:
        values, vectors = np.linalg.eigh(self.covariance)
        told = values > 1e-9 * values.max()
        return vectors[:, told] * np.sqrt(values[told])

    def drawn(self, generator: np.random.Generator, spread: np.ndarray) -> np.ndarray:
        """Numbers [C, 9 + K] of one heart that may be, each structure ``spread`` [C] times as far from the mean."""
        offset = self._root @ generator.standard_normal(self._root.shape[1])
        return self.mean + spread[:, None] * offset.reshape(self.mean.shape)


@dataclass(frozen=True)
class Expectation:
    """The cohort's joint distribution of numbers.

    Attributes:
        structures: keys of the class axis, C of them.
        anchors: bool [C]; where any is given, only anchors are relied on: of vessels a scan shows more or less.
        mean: float64 [C, 9 + K + F].
        size: mean of the logarithm of how many mm a frame unit is.
        covariance: float64 [C (9 + K + F) + 1, C (9 + K + F) + 1], the size being the last.
        misread: float64 [C, K + F], standard deviation of what is read of each shape number.
        fine: F, how many of the shape numbers tell of other structures alone.
    """

    structures: tuple[str, ...]
    anchors: np.ndarray
    mean: np.ndarray
    size: float
    covariance: np.ndarray
    misread: np.ndarray
    fine: int = 0

    @classmethod
    def measure(
        cls,
        structures: Sequence[str],
        anchors: np.ndarray,
        hearts: np.ndarray,
        scales: np.ndarray,
        weights: np.ndarray,
        misread: np.ndarray,
        fine: int = 0,
    ) -> Expectation:
        """From a cohort.

        Args:
            hearts: numbers [H, C, 9 + K + F] of each heart in its frame; NaN for structures it lacks.
            scales: [H], mm per frame unit in each.
            weights: how many hearts each of them [H] stands for.
        """
        flat = np.column_stack([hearts.reshape(len(hearts), -1), np.log(scales)])
        nowhere = ~np.isfinite(flat).any(axis=0)
        noise = np.append(_noises(misread, _NOISE), _SIZE_NOISE) ** 2
        mean, covariance = incomplete_gaussian(np.where(nowhere, 0.0, flat), weights / weights.sum(), noise)
        shrunk = (1 - _SHRINKAGE) * covariance + _SHRINKAGE * np.diag(np.diag(covariance))
        anchors, columns = np.asarray(anchors, dtype=bool), np.arange(flat.shape[1] - 1).reshape(hearts.shape[1:])
        large, fine_ones = np.split(columns[anchors], [columns.shape[1] - fine], axis=1)
        _set_apart(shrunk, fine_ones.ravel(), columns[~anchors].ravel(), large.ravel())
        places, size = mean[:-1].reshape(hearts.shape[1:]), float(mean[-1])
        return cls(tuple(structures), anchors, places, size, shrunk, misread, fine)

    def place_alone(self, moments: Moments, frame: HeartFrame) -> np.ndarray:
        """Numbers [9 + K] of a structure whose shape is not known, in a frame."""
        return np.append(place_numbers(moments, frame), np.full(self.mean.shape[1] - PLACE_NUMBERS, np.nan))

    def in_frames_of(self, given: Iterable[str], reference: Reference) -> Expectation:
        """The same cohort, each heart in the frame that some of its structures give, to first order about the mean.

        A frame that follows from two structures is another than that of the whole heart, and what sets it is never off.
        """
        keys = tuple(placing(given, reference))
        if keys not in self._framed:
            self._framed[keys] = self._seen_from(keys, reference)
        return self._framed[keys]

    def posterior(self, given: Mapping[str, np.ndarray], scale: float | None = None) -> Posterior:
        """What to expect of all structures; those that are given stand as they are, the others follow from anchors.

        Args:
            given: numbers [9 + K + F] by structure, in the frame, NaN for what is not known of it; without any
                structure, the cohort as it is.
            scale: mm per frame unit, where it is known; without an anchor it tells nothing.
        """
        by_proportions = self._posterior(given)
        if scale is None or not any(key in given for key in self._anchor_keys):
            return by_proportions
        deviation = float(np.log(scale)) - self.size
        return _either(by_proportions, self._posterior(given, deviation), self._likely_own(deviation))

    def _posterior(self, given: Mapping[str, np.ndarray], deviation: float | None = None) -> Posterior:
        """As :meth:`posterior`, of a heart of the cohort, whose size deviates so much from the mean."""
        at, seen = self._told(self._relied_on(given))
        off = seen - self.mean.ravel()[at]
        if deviation is not None:
            at, off = np.append(at, self.mean.size), np.append(off, deviation)
        pull, covariance = self._following(at)
        mean = self.mean.copy()
        mean[:, : self._said] += (pull @ off).reshape(len(mean), -1)
        at, seen = self._told(given)
        mean.ravel()[at] = seen
        stands = np.zeros(mean.shape, dtype=bool)
        stands.ravel()[at] = True
        stands = stands[:, : self._said].ravel()
        covariance = np.where(stands[:, None] | stands, 0.0, covariance)
        return Posterior(mean[:, : self._said].copy(), covariance)

    def _likely_own(self, deviation: float) -> float:
        """The chance that a heart of this size is one of the cohort's."""
        sd = np.array([np.sqrt(self.covariance[-1, -1]), _SIZES_OF_OTHERS])
        own, others = np.array([1 - _OTHERS, _OTHERS]) / sd * np.exp(-0.5 * (deviation / sd) ** 2)
        return float(own / (own + others))

    @property
    def _said(self) -> int:
        """How many numbers are to be expected of a structure: 9 + K."""
        return self.mean.shape[1] - self.fine

    def _following(self, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """How what is said of all [S] follows from numbers that are told (where they stand [N]): [S, N], and its
        covariance [S, S].
        """
        if at.tobytes() not in self._followed:
            said = (np.arange(self.mean.size).reshape(self.mean.shape)[:, : self._said]).ravel()
            noise = np.append(_noises(self.misread, _NOISE), _SIZE_NOISE)[at] ** 2
            across = self.covariance[np.ix_(at, said)]
            pull = np.linalg.solve(self.covariance[np.ix_(at, at)] + np.diag(noise), across).T
            left = self.covariance[np.ix_(said, said)] - pull @ across
            self._followed[at.tobytes()] = pull, 0.5 * (left + left.T)
        return self._followed[at.tobytes()]

    def standardised(self, given: Mapping[str, np.ndarray]) -> np.ndarray:
        """How far given structures are from the mean heart, as independent numbers [N] of variance one in the cohort.

        All that are given count, vessels too: how much of them scans show is part of how they vary.

        Args:
            given: as for :meth:`posterior`, at least one structure.
        """
        return self._whitened(given, _TURNED_NOISE)

    def deviation(self, given: Mapping[str, np.ndarray]) -> float:
        """How unusual given structures are together: Mahalanobis distance over the root of how many numbers tell."""
        return float(np.sqrt(np.mean(self._whitened(self._relied_on(given), _DOUBTED_NOISE) ** 2)))

    def _whitened(self, given: Mapping[str, np.ndarray], noise: float) -> np.ndarray:
        at, seen = self._told(given)
        if (at.tobytes(), noise) not in self._roots:
            spread = self._spread[np.ix_(at, at)] + np.diag(_noises(self.misread, noise).ravel()[at] ** 2)
            self._roots[at.tobytes(), noise] = np.linalg.cholesky(spread)
        return solve_triangular(self._roots[at.tobytes(), noise], seen - self.mean.ravel()[at], lower=True)

    def _relied_on(self, given: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
        """The anchors among what is given; all of it where there are none."""
        return {key: given[key] for key in self._anchor_keys if key in given} or given

    @property
    def _anchor_keys(self) -> list[str]:
        return [key for key, is_one in zip(self.structures, self.anchors, strict=True) if is_one]

    def _told(self, given: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Of the numbers that are known: where they stand [N] in all, and their values [N]."""
        known = [index for index, key in enumerate(self.structures) if key in given]
        numbers = self.mean.shape[1]
        at = (np.array(known, dtype=int)[:, None] * numbers + np.arange(numbers)).ravel()
        seen = np.concatenate([given[self.structures[index]] for index in known]) if known else np.zeros(0)
        return at[np.isfinite(seen)], seen[np.isfinite(seen)]

    @cached_property
    def _roots(self) -> dict[tuple[bytes, float], np.ndarray]:
        return {}

    @cached_property
    def _followed(self) -> dict[bytes, tuple[np.ndarray, np.ndarray]]:
        return {}

    @cached_property
    def _framed(self) -> dict[tuple[str, ...], Expectation]:
        return {}

    def _seen_from(self, keys: tuple[str, ...], reference: Reference) -> Expectation:
        """In frames that these structures give: slopes of the frame by differences, of the numbers as they follow."""
        at, count = [self.structures.index(key) for key in keys], self.mean.shape[1]

        def frame(numbers: np.ndarray) -> np.ndarray:
            """Origin [3] and scale."""
            places = Places.of(numbers)
            found = fit_frame(
                {key: Moments(places.centroids[i], places.spreads[i]) for i, key in enumerate(keys)}, reference
            )
            return np.append(found.origin, found.scale)

        usual = self.mean[at]
        here = frame(usual)
        scale = here[3]
        slope = np.zeros((4, self.mean.size + 1))
        for i, structure in enumerate(at):
            for number in range(PLACE_NUMBERS):
                moved = usual.copy()
                moved[i, number] += _SHIFT
                slope[:, structure * count + number] = (frame(moved) - here) / _SHIFT
        mean = moved_numbers(self.mean, HeartFrame(np.zeros(3), 1.0), HeartFrame(here[:3], scale))
        change = np.ones(count)
        change[:3] /= scale
        change = np.append(np.tile(change, len(self.mean)), 1.0)
        effect = np.zeros((*self.mean.shape, 4))
        effect[:, :3, :3] = np.eye(3) / scale
        effect[:, :3, 3] = mean[:, :3] / scale
        effect[:, 3:PLACE_NUMBERS, 3] = _UNIT / scale
        # What makes everything in the frame smaller makes the frame's unit larger.
        effect = np.vstack([effect.reshape(-1, 4), [0.0, 0.0, 0.0, -1.0 / scale]])
        # (D - E S) C (D - E S)' for a diagonal D, and slopes S of but four numbers.
        across = change[:, None] * (self.covariance @ slope.T) - 0.5 * effect @ (slope @ self.covariance @ slope.T)
        covariance = self.covariance * change * change[:, None] - across @ effect.T - effect @ across.T
        return replace(self, mean=mean, size=self.size + float(np.log(scale)), covariance=covariance)

    @cached_property
    def _spread(self) -> np.ndarray:
        return self.covariance[:-1, :-1] + self._frame_covariance()

    def _frame_covariance(self) -> np.ndarray:
        """What errors of the frame add to the covariance of the numbers, to first order about the mean heart."""
        centroids, logs = self.mean[:, :3], _matrices(self.mean[:, 3:PLACE_NUMBERS])
        slope = np.zeros((*self.mean.shape, 7))
        slope[:, :3, :3] = np.eye(3)
        for axis, turn in enumerate(_GENERATORS):
            slope[:, :3, 3 + axis] = centroids @ turn.T
            slope[:, 3:PLACE_NUMBERS, 3 + axis] = _entries(turn @ logs - logs @ turn)
        slope[:, :3, 6] = centroids
        slope[:, 3:PLACE_NUMBERS, 6] = _entries(np.broadcast_to(np.eye(3), logs.shape))
        flat = slope.reshape(-1, 7) * _FRAME_ERROR
        return flat @ flat.T


def place_numbers(moments: Moments, frame: HeartFrame) -> np.ndarray:
    """The nine numbers of where a structure is and how it is stretched, in a frame."""
    values, vectors = np.linalg.eigh(moments.spread / frame.scale)
    logarithm = (vectors * np.log(np.maximum(values, 1e-4))) @ vectors.T
    return np.concatenate([frame.from_ras(moments.centroid), _entries(logarithm)])


def moved_numbers(numbers: np.ndarray, frame: HeartFrame, other: HeartFrame) -> np.ndarray:
    """Numbers [C, 9 + K] that were read in one frame, in another."""
    moved = numbers.copy()
    moved[:, :3] = other.from_ras(frame.to_ras(numbers[:, :3]))
    moved[:, 3:PLACE_NUMBERS] += np.log(frame.scale / other.scale) * _UNIT
    return moved


@dataclass(frozen=True)
class Places:
    """Centroids float64 [C, 3] and symmetric spreads [C, 3, 3] of structures, in frame units."""

    centroids: np.ndarray
    spreads: np.ndarray

    @classmethod
    def of(cls, numbers: np.ndarray) -> Places:
        """Inverse of :func:`place_numbers` for numbers [C, 9 or more]."""
        values, vectors = np.linalg.eigh(_matrices(numbers[:, 3:PLACE_NUMBERS]))
        spreads = (vectors * np.exp(values)[:, None, :]) @ np.swapaxes(vectors, 1, 2)
        return cls(numbers[:, :3], spreads)


def _either(one: Posterior, other: Posterior, chance: float) -> Posterior:
    """What is known where ``other`` holds with some chance, and ``one`` else: mean and covariance of the mixture."""
    apart = (other.mean - one.mean).ravel()
    covariance = (1 - chance) * one.covariance + chance * other.covariance
    return Posterior(
        (1 - chance) * one.mean + chance * other.mean, covariance + chance * (1 - chance) * np.outer(apart, apart)
    )


def _noises(misread: np.ndarray, place: float) -> np.ndarray:
    """Standard deviations [C, 9 + K + F] of what is read: of places, and of shapes [C, K + F]."""
    return np.concatenate([np.full((len(misread), PLACE_NUMBERS), place), misread], axis=1)


def _set_apart(covariance: np.ndarray, ones: np.ndarray, others: np.ndarray, between: np.ndarray) -> None:
    """Make some numbers independent of others once those between them are known, in place; all else stays.

    What fine detail of a ventricle says of an aorta holds of the hearts it was learnt on, less so of real ones.
    """
    pull = np.linalg.solve(covariance[np.ix_(between, between)], covariance[np.ix_(between, others)])
    across = covariance[np.ix_(ones, between)] @ pull
    covariance[np.ix_(ones, others)], covariance[np.ix_(others, ones)] = across, across.T


def _entries(matrices: np.ndarray) -> np.ndarray:
    """Symmetric matrices [..., 3, 3] -> six numbers each, of the same norm."""
    return matrices[..., UPPER[0], UPPER[1]] * OFF_DIAGONAL


def _matrices(entries: np.ndarray) -> np.ndarray:
    """Inverse of :func:`_entries`: [C, 6] -> [C, 3, 3]."""
    matrices = np.zeros((len(entries), 3, 3))
    matrices[:, UPPER[0], UPPER[1]] = entries / OFF_DIAGONAL
    matrices[:, UPPER[1], UPPER[0]] = entries / OFF_DIAGONAL
    return matrices
