"""A heart that lies turned is completed as if it lay as hearts usually do, and turned back.

The expectation knows small turns, as hearts of the cohort lie turned a little; a large one, of an oblique scan or a
wrong header, it takes for another shape. How a heart lies is what makes its whole structures the likeliest, against a
turn that is itself unlikely. A heart within the usual turns stays as it is: its vessels need not be turned with it
(Training/EXPERIMENTS.md, "Hearts that lie turned, by their shapes").
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation

from CardiacCompletionLib.completion.samples import Samples
from CardiacCompletionLib.completion.seen import SeenStructure
from CardiacCompletionLib.geometry.expectation import PLACE_NUMBERS, Expectation
from CardiacCompletionLib.geometry.frame import Reference, fit_frame

if TYPE_CHECKING:  # torch is loaded by a completion, not with the panel
    from CardiacCompletionLib.model.prior import MeanHeart

# Degrees: how far hearts may lie turned (standard deviation about each axis), which turns are usual, and from where on
# something else must be wrong.
_SPREAD, _USUAL, _MOST = 20.0, 14.0, 60.0
# A first step of fewer degrees, a third of the way or so, ends the search.
_NOT_ASKED = 3.0
# Radians, for slopes.
_STEP = 0.01
# By how much less unlikely the turn must make the heart, in squared standard deviations: with the angles above, of
# hearts turned by 20 degrees nine in ten are found where one chamber tells, and nearly all where two do.
_GAIN = 20.0


@dataclass(frozen=True)
class Turn:
    """A rotation of the whole patient, and how far it turns.

    Attributes:
        matrix: float64 [4, 4], RAS mm as it is to RAS mm as it usually is.
        degrees: the angle.
    """

    matrix: np.ndarray
    degrees: float

    def undone_of_samples(self, samples: Samples) -> Samples:
        """Plausible turned hearts, as they would have lain."""
        back = np.linalg.inv(self.matrix)
        lattice = samples.lattice
        origin, steps = back[:3, :3] @ lattice.origin + back[:3, 3], back[:3, :3] @ lattice.steps
        return replace(samples, lattice=replace(lattice, origin=origin, steps=steps))


def to_usual_attitude(
    telling: Mapping[str, SeenStructure],
    made_anew: Collection[str],
    reference: Reference,
    expectation: Expectation,
    prior: MeanHeart,
    check: Callable[[], None],
) -> Turn | None:
    """The turn after which whole structures lie as hearts usually do; None where they do already.

    Chambers say it, by their places and by their shapes. Vessels turn nothing, for scans show more or less of them; but
    a heart may lie flat below an arch that is where it always is, and turned with the heart that arch would be made
    anew in the wrong place. So those that are made anew must agree with the turn.

    Args:
        telling: structures that are whole.
        made_anew: keys of trusted structures that are inferred too.
        prior: reads of a shape which mixture of principal ones it is.
        check: called often; raises to stop the search.
    """
    chambers = {key: seen for key, seen in telling.items() if reference.places[key].anchor}
    if not chambers:
        return None
    likelihood = _Likelihood(reference, expectation, prior, check)
    turn = likelihood.likeliest(chambers)
    asked = chambers | {key: seen for key, seen in telling.items() if key in made_anew}
    if turn is None or (len(asked) > len(chambers) and likelihood.likeliest(asked) is None):
        return None
    middle = np.mean([seen.moments.centroid for seen in chambers.values()], axis=0)
    matrix = np.eye(4)
    matrix[:3, :3] = turn.as_matrix()
    matrix[:3, 3] = middle - matrix[:3, :3] @ middle
    return Turn(matrix, float(np.degrees(turn.magnitude())))


@dataclass(frozen=True)
class _Likelihood:
    """How likely structures are, turned one way or another: by where they lie, and chambers by how they are shaped."""

    reference: Reference
    expectation: Expectation
    prior: MeanHeart
    check: Callable[[], None]

    def likeliest(self, structures: Mapping[str, SeenStructure]) -> Rotation | None:
        """The turn that makes structures the likeliest; None if that is usual or absurd, or gains too little."""
        known = self.expectation.structures
        readers = {
            key: self.prior.shape_reader(known.index(key)) for key in structures if self.reference.places[key].anchor
        }

        @cache
        def unlikely(vector: tuple[float, ...]) -> np.ndarray:
            self.check()
            turn = Rotation.from_rotvec(vector).as_matrix()
            moments = {key: seen.moments.turned(turn) for key, seen in structures.items()}
            frame = fit_frame(moments, self.reference)
            numbers = {key: self.expectation.place_alone(moment, frame) for key, moment in moments.items()}
            for key, read in readers.items():
                numbers[key][PLACE_NUMBERS:] = read(structures[key].own_distances_turned(turn))
            return np.concatenate([self.expectation.standardised(numbers), np.array(vector) / np.radians(_SPREAD)])

        def off(vector: np.ndarray) -> np.ndarray:
            return unlikely(tuple(vector))

        def slope(vector: np.ndarray) -> np.ndarray:
            here = off(vector)
            return np.stack([(off(vector + step) - here) / _STEP for step in _STEP * np.eye(3)], axis=1)

        straight = np.zeros(3)
        first = np.linalg.lstsq(slope(straight), -off(straight), rcond=None)[0]
        if np.degrees(np.linalg.norm(first)) < _NOT_ASKED:
            return None
        best = least_squares(off, straight, slope, xtol=1e-2, ftol=1e-3)
        degrees = float(np.degrees(np.linalg.norm(best.x)))
        gain = np.sum(off(straight) ** 2) - 2.0 * best.cost
        return Rotation.from_rotvec(best.x) if _USUAL < degrees < _MOST and gain >= _GAIN else None
