"""Whether samples are hearts, and as different from each other as hearts are that share what is trusted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from CardiacCompletionLib.anatomy.vocabulary import load_vocabulary
from CardiacCompletionLib.completion.regridding import on_lattice
from CardiacCompletionLib.completion.topology import Topology
from CardiacCompletionLib.geometry.region import Region
from Training.evaluation.contestants import Question
from Training.evaluation.equally_valid import EquallyValid
from Training.evaluation.held_out_samples import SPACING, Sampled
from Training.evaluation.metrics import dice, on_grid_of


@dataclass(frozen=True)
class Scatter:
    """How different hearts are from each other in one structure.

    Attributes:
        apart: one minus Dice, mean over all pairs.
        volume_variance: of the logarithm of the volume.
    """

    apart: float
    volume_variance: float


def scatter(hearts: Sequence[Mapping[str, Region]], key: str) -> Scatter | None:
    """Of two or more hearts on one grid; None where none or only one of them has the structure."""
    having = [heart[key] for heart in hearts if key in heart]
    if len(having) < 2:
        return None
    apart = np.mean([1.0 - dice(a, b) for a, b in combinations(having, 2)])
    volumes = np.log([region.mask.sum() for region in having])
    return Scatter(float(apart), float(volumes.var(ddof=1)))


def sound(sampled: Sampled) -> tuple[bool, list[bool]]:
    """Whether the completion, and each of its samples, passes the cohort's checks in what was inferred."""
    vocabulary, result = load_vocabulary(), sampled.result
    kept = on_lattice(sampled.heart.keep(sampled.trusted), result.samples.lattice).regions

    def passes(regions: Mapping[str, Region]) -> bool:
        return Topology.of(regions, vocabulary).is_sound(result.inferred, vocabulary)

    return passes(result.whole.regions), [passes({**kept, **heart}) for heart in result.samples.hearts]


def spread_ratios(everything: Sequence[Sampled], redrawn: EquallyValid) -> dict[str, tuple[float, float, float]]:
    """By structure: how far apart equally valid hearts are; the spread of samples over theirs in overlap and in volume.

    Args:
        redrawn: draws the equally valid hearts.
    """
    ours, theirs = {}, {}
    for sampled in everything:
        question = Question(sampled.heart, sampled.source, sampled.trusted, SPACING)
        valid = [on_grid_of(answer, sampled.heart).regions for answer in redrawn.answers(question)]
        for key in sampled.keys:
            own, other = scatter(sampled.result.samples.hearts, key), scatter(valid, key)
            if own is not None and other is not None:
                ours.setdefault(key, []).append(own)
                theirs.setdefault(key, []).append(other)
    return {key: _ratio(own, theirs[key]) for key, own in ours.items()}


def _ratio(ours: list[Scatter], theirs: list[Scatter]) -> tuple[float, float, float]:
    apart = [np.mean([one.apart for one in side]) for side in (theirs, ours)]
    deviation = [np.sqrt(np.mean([one.volume_variance for one in side])) for side in (theirs, ours)]
    return float(apart[0]), float(apart[1] / apart[0]), float(deviation[1] / deviation[0])
