"""Whether what is called a heart can be one: asked before a completion, answered in sentences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from CardiacCompletionLib.anatomy.heart import Heart
from CardiacCompletionLib.anatomy.vocabulary import Vocabulary
from CardiacCompletionLib.completion.evidence import Evidence
from CardiacCompletionLib.errors import CompletionError
from CardiacCompletionLib.geometry.expectation import Expectation
from CardiacCompletionLib.geometry.frame import HeartFrame, Moments, Reference, fit_frame

# How far the frame's scale may be from the cohort's mean: a child's heart passes, a wrong unit does not. Outside the
# wider range nothing can be computed, whoever insists.
_SCALE_RANGE = (0.4, 2.0)
_POSSIBLE_RANGE = (0.2, 5.0)
_UNITS = {"metres": (3e-4, 3e-3), "centimetres": (0.03, 0.3), "micrometres": (300.0, 3000.0)}
# A structure's own size against the typical one: less is a fragment or a slip of the brush, not a structure.
_SIZE_RANGE = 0.25
_FEW_VOXELS = 100
# The share of the smaller of two structures that both hold, from which on they are the same thing twice.
_SAME = 0.5
_FLIPS = {
    "looks mirrored left to right": np.diag([-1.0, 1.0, 1.0]),
    "looks mirrored front to back": np.diag([1.0, -1.0, 1.0]),
    "looks upside down": np.diag([1.0, 1.0, -1.0]),
    "looks turned about the body axis": np.diag([-1.0, -1.0, 1.0]),
    "looks turned about the left-right axis": np.diag([1.0, -1.0, -1.0]),
    "looks turned about the front-back axis": np.diag([-1.0, 1.0, -1.0]),
}
_SIDES = (("left_ventricle", "right_ventricle"), ("left_atrium", "right_atrium"))
# A flip or swap is believed where the heart is this unusual as it is (no held-out heart is, turned by 20 degrees hardly
# one), and this much less so without it (Training/EXPERIMENTS.md).
_UNUSUAL = 1.5
_GAIN = 0.6
# Held-out hearts are up to 1.25 times as large or as small as the mean one; this much is told of.
_USUAL_SIZE = 1.45
# Of 119 held-out hearts, in five sets of trusted structures each, 99 in 100 score less.
USUAL_SCORE = 1.2


@dataclass(frozen=True)
class Doubt:
    """Something that speaks against a heart.

    Attributes:
        sentence: what looks wrong, and what to do.
        worst: whether to refuse the heart unless the user insists.
        hopeless: whether to refuse it in any case.
    """

    sentence: str
    worst: bool = True
    hopeless: bool = False


def refuse(doubts: list[Doubt], force: bool) -> None:
    """Refuse what is too doubtful.

    Raises:
        CompletionError: with the first of the worst doubts, unless ``force`` is set; with a hopeless one in any case.
    """
    for doubt in doubts:
        if doubt.hopeless or (doubt.worst and not force):
            raise CompletionError(doubt.sentence)


def doubts_about_places(
    moments: Mapping[str, Moments], reference: Reference, expectation: Expectation, vocabulary: Vocabulary
) -> list[Doubt]:
    """Mirrored, turned, upside down, left and right swapped: by places and spreads of what scans show whole."""
    shown = {key: moment for key, moment in moments.items() if reference.places[key].anchor}
    if not shown:
        return []

    def deviation(changed: Mapping[str, Moments]) -> float:
        frame = fit_frame(changed, reference)
        return expectation.deviation({key: expectation.place_alone(moment, frame) for key, moment in changed.items()})

    others = {
        f"This heart {name}": {key: Moments(m.centroid @ flip, flip @ m.spread @ flip) for key, m in shown.items()}
        for name, flip in _FLIPS.items()
    }
    for one, other in _SIDES:
        if one in shown and other in shown:
            names = f"{vocabulary[one].name} and {vocabulary[other].name}"
            others[f"{names} look swapped"] = {**shown, one: shown[other], other: shown[one]}
    deviations = {name: deviation(changed) for name, changed in others.items()}
    best, as_it_is = min(deviations, key=deviations.get), deviation(shown)
    if as_it_is < _UNUSUAL or deviations[best] > _GAIN * as_it_is:
        return []
    return [Doubt(f"{best}: check the image orientation and that left and right structures are not swapped.")]


def doubts_about_attitude(degrees: float) -> list[Doubt]:
    """A heart that had to be turned first."""
    sentence = (
        f"This heart lies turned by some {degrees:.0f} degrees from how hearts usually lie, and was completed as if it "
        "lay straight: check the image orientation."
    )
    return [Doubt(sentence, worst=False)]


def doubts_about_size(frame: HeartFrame, reference: Reference) -> list[Doubt]:
    """Wrong units, and hearts too large or too small to be any."""
    ratio = frame.scale / reference.scale
    if _SCALE_RANGE[0] < ratio < _SCALE_RANGE[1]:
        return []
    unit = next((unit for unit, (low, high) in _UNITS.items() if low < ratio < high), None)
    guess = f", as if its voxel spacing were in {unit}" if unit else ""
    sentence = f"This heart is {ratio:.2g} times the usual size{guess}: check that the voxel spacing is in millimetres."
    return [Doubt(sentence, hopeless=not _POSSIBLE_RANGE[0] < ratio < _POSSIBLE_RANGE[1])]


def doubts_about_voxels(heart: Heart, vocabulary: Vocabulary) -> list[Doubt]:
    """The same voxels under two names."""
    doubts = []
    for a, b in combinations(heart.regions, 2):
        first, second = heart.regions[a], heart.regions[b]
        both = first.mask & second.cropped(first.start, np.add(first.start, first.mask.shape))
        share = both.sum() / min(first.mask.sum(), second.mask.sum())
        if share < _SAME:
            continue
        names = f"{vocabulary[a].name} and {vocabulary[b].name}"
        if vocabulary[a].lines == b or vocabulary[b].lines == a:
            doubts.append(Doubt(f"{names} overlap: the muscle should not hold its blood.", worst=False))
        else:
            doubts.append(Doubt(f"{names} are the same voxels ({share:.0%}): trust only one of them."))
    return doubts


def doubts_about_fragments(
    heart: Heart, moments: Mapping[str, Moments], reference: Reference, vocabulary: Vocabulary, scale: float | None
) -> list[Doubt]:
    """Structures that are too small to be what they are called.

    Args:
        moments: of the structures to look at.
        scale: mm per frame unit; without one, only structures of hardly any voxels count.
    """
    doubts = []
    for key, moment in moments.items():
        few = heart.regions[key].mask.sum() < _FEW_VOXELS
        small = moment.size < _SIZE_RANGE * reference.places[key].size * reference.scale
        if small and (few or (scale is not None and scale > _SCALE_RANGE[0] * reference.scale)):
            sentence = (
                f"{vocabulary[key].name} is only {heart.volume_ml(key):.2g} ml, too little to complete a heart from: "
                "check the segment, or do not trust it."
            )
            doubts.append(Doubt(sentence))
    return doubts


def unlikeness(evidence: Evidence, reference: Reference, expectation: Expectation, usual: float = USUAL_SCORE) -> float:
    """How unusual the telling structures are, together and in size; 1 is the limit of the usual.

    Args:
        usual: deviation that hardly any held-out heart exceeds.
    """
    moments, frame = evidence.telling_moments, evidence.frame
    deviation = expectation.deviation({key: expectation.place_alone(m, frame) for key, m in moments.items()})
    # The frame takes the size out of all that the expectation knows.
    size = abs(np.log(frame.scale / reference.scale)) / np.log(_USUAL_SIZE)
    return float(max(deviation / usual, size))


def doubts_about_likeness(score: float) -> list[Doubt]:
    """Hearts unlike those the model was trained on."""
    if score < 1.0:
        return []
    sentence = (
        f"This heart is unlike those the model knows ({score:.1f} times the usual limit): check the segments, and look "
        "at the result with care."
    )
    return [Doubt(sentence, worst=False)]
