"""Training examples drawn from prepared hearts: what is trusted, in whose frame, and what is asked where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from CardiacCompletionLib.geometry.expectation import Expectation, moved_numbers, place_numbers
from CardiacCompletionLib.geometry.frame import HeartFrame, Reference, fit_frame
from CardiacCompletionLib.model.prior import MeanHeart
from Training.data.field_of_view import CUT_SHARE, SCAN_END_SHARE, ScanEnd, cut_surface
from Training.data.hearts import PreparedHearts
from Training.data.samples import NEAR_POINTS, VOLUME_POINTS, CaseSamples
from Training.schemes import draw_trusted
from Training.starting_point import parts_of, shape_numbers

# Chance of a query far from every expected surface, against that of one on it.
_ANYWHERE = 0.02


@dataclass(frozen=True)
class Jitter:
    """How much an example is disturbed, so that no exact pose, scale or surface is relied on.

    Attributes:
        origin: standard deviation in frame units of the frame's origin.
        scale: standard deviation of the logarithm of the frame's scale.
        surface: standard deviation in mm of the trusted surface points.
        distance: standard deviation in mm of what is said of a whole trusted surface's distance.
    """

    origin: float = 0.02
    scale: float = 0.03
    surface: float = 0.15
    distance: float = 0.3

    @classmethod
    def of_pose(cls) -> Jitter:
        """Of pose and scale alone: a heart that is made from itself is to be made exactly."""
        return cls(surface=0.0, distance=0.0)


class CompletionExamples(Dataset):
    """Endless distinct examples: item ``i`` is drawn with the seed (seed, i); hearts take turns by their weights.

    An item is a dict of tensors, with C structures, N points, Q queries, all geometry in frame units:
    points [C, N, 3], given [C], numbers [C, 9 + K] (geometry/expectation), queries [C, Q, 3], surroundings [C, Q, C]
    (model/heart), distances [C, Q], worth [C, Q] (share of the volume a query stands for), sought [C] (hidden or cut
    off), known [C, Q] (whether the distance is); and the heart's number.
    """

    _POINT_NUMBERS = 3

    def __init__(
        self,
        hearts: PreparedHearts,
        reference: Reference,
        prior: MeanHeart,
        expectations: Sequence[Expectation],
        points: int,
        queries: int,
        length: int,
        jitter: Jitter,
        seed: int,
        near: float,
        complete: bool,
    ) -> None:
        """
        Args:
            expectations: of the parts of the hearts, see ``starting_point.parts_of``; or one of all.
            near: mm; the chance of a query falls with the distance from the expected surface on this length.
            complete: whether some of the structures are hidden; without it everything is given.
        """
        self._hearts = hearts
        self._reference = reference
        self._points = points
        self._queries = queries
        self._length = length
        self._jitter = jitter
        self._seed = seed
        often = np.maximum(np.round(hearts.training_weights), 1).astype(int)
        turns = np.repeat(np.arange(len(hearts.cases)), often)
        self._turns = np.random.default_rng(seed).permutation(turns)
        self._complete = complete
        self._near = near
        self._prior = prior
        self._expectations = expectations
        self._parts = parts_of(hearts) if len(expectations) > 1 else np.zeros(len(hearts.cases), dtype=int)
        self._shapes = shape_numbers(prior, hearts)
        self._anchors = expectations[0].anchors

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        generator = np.random.default_rng([self._seed, index])
        number = int(self._turns[index % len(self._turns)])
        case = self._hearts.cases[number]
        given = self._trusted(case.present, generator) if self._complete else case.present
        given, cut, end = self._scanned(case, given, generator)
        told = given & case.whole & ~cut
        placing = case.moments(self._hearts.structures, told if told.any() else given)
        fitted = fit_frame(placing, self._reference)
        frame = self._shaken(fitted, generator)
        points = np.zeros((len(given), self._points, self._POINT_NUMBERS), dtype=np.float32)
        for structure in np.flatnonzero(given):
            surface = case.surface[structure]
            surface = surface[end.sees(surface)] if end else surface
            if self._cuttable(structure, told) and generator.random() < CUT_SHARE:
                surface, cut[structure] = cut_surface(surface, frame.origin, generator), True
            chosen = generator.integers(len(surface), size=self._points)
            moved = generator.standard_normal((self._points, 3)) * self._jitter.surface
            points[structure] = self._told_of(surface[chosen] + moved, structure, case, frame)
        told &= ~cut
        expectation = self._expectations[self._parts[number]].in_frames_of(placing, self._reference)
        numbers = moved_numbers(self._numbers(number, told, fitted, expectation), fitted, frame)
        if self._complete:
            asked, worth = self._asked(case, numbers, frame, generator)
        else:
            asked, worth = self._near_the_true(case, generator)
        queries = frame.from_ras(case.queries[asked]).astype(np.float32)
        distances = np.take_along_axis(case.distances, asked, axis=1).astype(np.float32) / frame.scale
        return {
            "points": torch.from_numpy(points),
            "given": torch.from_numpy(given),
            "numbers": torch.from_numpy(numbers.astype(np.float32)),
            "queries": torch.from_numpy(queries),
            "surroundings": torch.from_numpy(self._surroundings(case, asked, told, frame, generator)),
            "distances": torch.from_numpy(distances.astype(np.float32)),
            "worth": torch.from_numpy(worth.astype(np.float32)),
            "sought": torch.from_numpy(~given | cut),
            "known": torch.from_numpy(case.settled(asked)),
            "heart": torch.tensor(number),
        }

    def _trusted(self, present: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        """Which of the present structures are given, bool [C]."""
        return draw_trusted(present, self._hearts.structures, generator)

    def _told_of(self, ras: np.ndarray, _structure: int, _case: CaseSamples, frame: HeartFrame) -> np.ndarray:
        """What the encoder is told of surface points [N, 3] (RAS mm): where they are in the frame."""
        return frame.from_ras(ras)

    def _scanned(
        self, case: CaseSamples, given: np.ndarray, generator: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray, ScanEnd | None]:
        """What is still given [C] and what is cut off [C] where the scan ends too soon, and where that is.

        A scan that leaves no anchor whole is not told from one that shows all: its moments would be those of the whole.
        """
        nothing = np.zeros_like(given)
        if not self._complete or generator.random() >= SCAN_END_SHARE:
            return given, nothing, None
        end = ScanEnd.drawn(case.surface[given], generator)
        cut, gone = nothing.copy(), nothing.copy()
        cut[given], gone[given] = end.lost(case.surface[given])
        if not (given & ~cut & ~gone & case.whole & self._anchors).any():
            return given, nothing, None
        return given & ~gone, cut, end

    def _shaken(self, frame: HeartFrame, generator: np.random.Generator) -> HeartFrame:
        shift = generator.standard_normal(3) * self._jitter.origin * frame.scale
        scale = frame.scale * np.exp(self._jitter.scale * generator.standard_normal())
        return HeartFrame(frame.origin + shift, scale)

    def _numbers(self, number: int, told: np.ndarray, frame: HeartFrame, expectation: Expectation) -> np.ndarray:
        """Numbers [C, 9 + K] to be expected, given the structures that are told in full [C]."""
        keys, shapes = self._hearts.structures, self._shapes[number]
        moments = self._hearts.cases[number].moments(keys, told)
        given = {
            key: np.concatenate([place_numbers(moment, frame), shapes[keys.index(key)]])
            for key, moment in moments.items()
        }
        return expectation.posterior(given, frame.scale).mean

    def _cuttable(self, structure: int, told: np.ndarray) -> bool:
        """A vessel that itself places the heart is never shown in part: its moments would be those of the whole."""
        return self._complete and not self._anchors[structure] and bool((told & self._anchors).any())

    def _surroundings(
        self, case: CaseSamples, asked: np.ndarray, told: np.ndarray, frame: HeartFrame, generator: np.random.Generator
    ) -> np.ndarray:
        """Distances float32 [C, Q, C] (frame units) of queries [C, Q] to what is told [C] of the other structures.

        Where everything is given nothing is told: the latents alone are to say it.
        """
        count = len(told)
        said = np.full((*asked.shape, count), np.inf, dtype=np.float32)
        if self._complete:
            off = generator.standard_normal(count) * self._jitter.distance
            for structure in np.flatnonzero(told):
                said[..., structure] = (case.distances[structure][asked] + off[structure]) / frame.scale
            said[np.arange(count), :, np.arange(count)] = np.inf
        return said

    def _near_the_true(self, case: CaseSamples, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """As :meth:`_asked`, where nothing is hidden: two thirds around the structure itself, the rest anywhere."""
        anywhere = generator.integers(len(case.queries), size=(len(case.present), self._queries))
        own = case.own_queries[:, None] + generator.integers(NEAR_POINTS, size=anywhere.shape)
        around = case.present[:, None] & (np.arange(self._queries) < 2 * self._queries // 3)
        return np.where(around, own, anywhere), np.ones(anywhere.shape)

    def _asked(
        self, case: CaseSamples, numbers: np.ndarray, frame: HeartFrame, generator: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Queries drawn where each structure's surface is expected, not where it truly is.

        Queries that sought the true surface would tell the network that it is wherever it asks: of all hearts only
        those whose surface is there would be asked there, and the answer to everything uncertain would be nought.

        Returns:
            Their indices [C, Q], and how much of the volume each stands for, float32 [C, Q].
        """
        first = len(case.queries) - VOLUME_POINTS
        points = torch.from_numpy(frame.from_ras(case.queries[first:]).astype(np.float32))[None, None]
        told = torch.from_numpy(numbers.astype(np.float32))[None]
        with torch.inference_mode():
            expected, _, unit = self._prior(points, told, torch.arange(len(numbers)))
        far = (expected * unit)[0].abs().numpy() * frame.scale / self._near
        single = np.exp(-far) + _ANYWHERE
        chance = np.cumsum(single, axis=1)
        drawn = generator.random((len(numbers), self._queries)) * chance[:, -1:]
        found = [np.searchsorted(row, wish) for row, wish in zip(chance, drawn, strict=True)]
        found = np.minimum(found, VOLUME_POINTS - 1)
        return first + found, 1.0 / np.take_along_axis(single, found, axis=1)
