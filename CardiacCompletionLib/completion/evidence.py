"""What the trusted structures say: their surfaces without cut faces, their moments, and the frame these give."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from CardiacCompletionLib.anatomy.heart import Heart
from CardiacCompletionLib.anatomy.vocabulary import Vocabulary
from CardiacCompletionLib.completion.clock import Clock
from CardiacCompletionLib.completion.cutting import find_cuts
from CardiacCompletionLib.completion.seen import LastSeen, SeenStructure
from CardiacCompletionLib.geometry.cut import CutFace, off_faces
from CardiacCompletionLib.geometry.expectation import Expectation, Places
from CardiacCompletionLib.geometry.frame import HeartFrame, Moments, Reference, fit_frame
from CardiacCompletionLib.geometry.surface import Surface


@dataclass(frozen=True)
class Evidence:
    """What is known of a heart.

    Attributes:
        heart: the trusted structures.
        seen: of each of them what its voxels say.
        surfaces: of each of them; no point lies on a cut.
        moments: of each of them, of what is there.
        cuts: faces of those that are cut off, none where no face was found.
        telling: keys of those whose moments may place the heart and say how large it is.
        frame: fitted to the telling ones.
    """

    heart: Heart
    seen: Mapping[str, SeenStructure]
    surfaces: Mapping[str, Surface]
    moments: Mapping[str, Moments]
    cuts: Mapping[str, tuple[CutFace, ...]]
    telling: tuple[str, ...]
    frame: HeartFrame

    @property
    def telling_moments(self) -> dict[str, Moments]:
        """The moments that place the heart."""
        return {key: self.moments[key] for key in self.telling}

    @property
    def told_scale(self) -> float | None:
        """How many mm a frame unit is, unless all that says it is cut off."""
        return self.frame.scale if any(key not in self.cuts for key in self.telling) else None


@dataclass(frozen=True)
class Measured:
    """What the voxels of the trusted structures say, and the frame that all of them give."""

    heart: Heart
    seen: Mapping[str, SeenStructure]
    moments: Mapping[str, Moments]
    frame: HeartFrame


def measure(heart: Heart, reference: Reference, clock: Clock, last_seen: LastSeen | None = None) -> Measured:
    """Look at the trusted structures, of which ``heart`` holds no others.

    Args:
        last_seen: what is remembered of them from before.
    """
    seen = (last_seen or LastSeen()).look_at(heart)
    moments = {}
    for key, structure in seen.items():
        clock.check()
        moments[key] = structure.moments
    return Measured(heart, seen, moments, fit_frame(moments, reference))


def weigh(
    measured: Measured,
    said: Mapping[str, bool],
    reference: Reference,
    expectation: Expectation,
    vocabulary: Vocabulary,
    clock: Clock,
) -> Evidence:
    """Find what is cut off, and leave out what that makes worthless.

    Args:
        said: key -> cut off or whole, where the user has said so.
    """
    heart, moments = measured.heart, measured.moments
    places = _places(moments, measured.frame, expectation.in_frames_of(moments, reference))
    cuts = find_cuts(heart, measured.seen, said, measured.frame.origin, places, vocabulary, clock.check)
    surfaces = {
        key: off_faces(structure.surface, cuts.get(key, ()), heart.ijk_to_ras)
        for key, structure in measured.seen.items()
    }
    telling = _telling(moments, cuts, reference)
    frame = fit_frame({key: moments[key] for key in telling}, reference)
    return Evidence(heart, measured.seen, surfaces, moments, cuts, telling, frame)


def _telling(
    moments: Mapping[str, Moments], cuts: Mapping[str, tuple[CutFace, ...]], reference: Reference
) -> tuple[str, ...]:
    """Half a structure has another middle and size than the whole; it counts only where no anchor is whole."""
    whole = tuple(key for key in moments if key not in cuts)
    return whole if any(reference.places[key].anchor for key in whole) else tuple(moments)


def _places(
    moments: Mapping[str, Moments], frame: HeartFrame, expectation: Expectation
) -> dict[str, tuple[np.ndarray, float]]:
    """Centroid (RAS mm) and size (mm) of every structure, as seen or as expected."""
    given = {key: expectation.place_alone(moment, frame) for key, moment in moments.items()}
    expected = Places.of(expectation.posterior(given).mean)
    places = {
        key: (frame.to_ras(centroid), float(np.linalg.norm(spread)) * frame.scale)
        for key, centroid, spread in zip(expectation.structures, expected.centroids, expected.spreads, strict=True)
    }
    return places | {key: (moment.centroid, moment.size) for key, moment in moments.items()}
