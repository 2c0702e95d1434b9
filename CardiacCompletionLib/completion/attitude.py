"""A heart that lies turned is completed as if it lay as hearts usually do, and turned back.

The expectation knows small turns, as hearts of the cohort lie turned a little; a large one, of an oblique scan or a
wrong header, it takes for another shape. How a heart lies is what makes its whole structures the likeliest, against a
turn that is itself unlikely. A heart within the usual turns stays as it is: what says the turn says it roughly
(Training/EXPERIMENTS.md).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation

from CardiacCompletionLib.completion.samples import Samples
from CardiacCompletionLib.geometry.expectation import Expectation
from CardiacCompletionLib.geometry.frame import Moments, Reference, fit_frame

# Degrees: how far hearts may lie turned (standard deviation about each axis), which turns are usual, and from where on
# something else must be wrong.
_SPREAD, _USUAL, _MOST = 20.0, 10.0, 60.0
# By how much less unlikely the turn must make the heart, in squared standard deviations: no real heart, one in eight
# virtual ones (none where great vessels are asked, too), and of those turned by 20 degrees nine in ten where three
# chambers tell, four in ten where two do.
_GAIN = 5.0


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
    moments: Mapping[str, Moments], made_anew: Collection[str], reference: Reference, expectation: Expectation
) -> Turn | None:
    """The turn after which whole structures lie as hearts usually do; None where they do already.

    One chamber says too little. Vessels turn nothing, for scans show more or less of them; but a heart may lie flat
    below an arch that is where it always is, and turned with the heart that arch would be made anew in the wrong place.
    So those that are made anew must agree with the turn.

    Args:
        moments: of structures that are whole.
        made_anew: keys of trusted structures that are inferred too.
    """
    chambers = {key: moment for key, moment in moments.items() if reference.places[key].anchor}
    if len(chambers) < 2:
        return None
    turn = _likeliest(chambers, reference, expectation)
    asked = chambers | {key: moment for key, moment in moments.items() if key in made_anew}
    if turn is None or (len(asked) > len(chambers) and _likeliest(asked, reference, expectation) is None):
        return None
    middle = np.mean([moment.centroid for moment in chambers.values()], axis=0)
    matrix = np.eye(4)
    matrix[:3, :3] = turn.as_matrix()
    matrix[:3, 3] = middle - matrix[:3, :3] @ middle
    return Turn(matrix, float(np.degrees(turn.magnitude())))


def _likeliest(moments: Mapping[str, Moments], reference: Reference, expectation: Expectation) -> Rotation | None:
    """The turn that makes structures the likeliest; None if that is usual or absurd, or gains too little."""

    def off(vector: np.ndarray) -> np.ndarray:
        turn = Rotation.from_rotvec(vector).as_matrix()
        turned = {key: Moments(turn @ m.centroid, turn @ m.spread @ turn.T) for key, m in moments.items()}
        frame = fit_frame(turned, reference)
        unusual = expectation.standardised({key: expectation.place_alone(m, frame) for key, m in turned.items()})
        return np.concatenate([unusual, vector / np.radians(_SPREAD)])

    straight = np.zeros(3)
    best = least_squares(off, straight, diff_step=1e-3, xtol=1e-2, ftol=1e-3)
    degrees = float(np.degrees(np.linalg.norm(best.x)))
    gain = np.sum(off(straight) ** 2) - 2.0 * best.cost
    return Rotation.from_rotvec(best.x) if _USUAL < degrees < _MOST and gain >= _GAIN else None
