"""What held-out hearts say of a model's certainty, written into its card, where the engine reads it.

All but the usual score is found on every second virtual test heart; the others are left for `python -m Training
calibration`.

Spread: how widely plausible hearts are drawn, one number per structure, for what they say of space. Drawn as the cohort
says, their mean overlap with the likeliest heart (the confidence) is not quite the overlap that the likeliest heart has
with the truth. The logarithm of the overlap is about proportional to the spread, of chambers as of thin vessels, so the
spread is the ratio of the two logarithms.

Reach: between which volumes the true one lies nine times out of ten, two numbers per structure. By how many standard
deviations of the drawn log-volumes the true one is off their mean is ordered over the calibration hearts; of n such
scores the floor(0.05 (n + 1))-th and the ceil(0.95 (n + 1))-th are the ends. For a heart like these the interval then
holds at least nine times out of ten, whatever the drawn volumes are worth, and misses as seldom on either side: split
conformal prediction with a score for each side (Romano, Patterson & Candes 2019, arXiv 1905.03222, theorem 2), scaled
as in Lei et al. 2018 (J. Am. Stat. Assoc. 113, section 5.2). With fewer than 39 scores the ends are the extremes, and
with fewer than 19 these hold less often. The hearts of several schemes count together, so it holds over all of them,
not in each.

Usual score: how unlike the cohort a heart may be before a warning is given; of virtual test hearts and real hearts one
in a hundred is more. All real ones count, those that the weights learnt from too, for there are too few to keep some
apart; of real hearts that the model has not seen, more are warned of (Training/EXPERIMENTS.md, "One measure of how
unusual a heart is").
"""

from __future__ import annotations

import argparse
import json
import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from CardiacCompletionLib import HeartCompleter
from CardiacCompletionLib.completion.plausibility import USUAL_SCORE
from CardiacCompletionLib.files.replaced import replaced
from CardiacCompletionLib.model.weights import load_model
from Training.data.hearts import PreparedHearts
from Training.evaluation.held_out_samples import completed_with_samples
from Training.evaluation.metrics import dice, on_grid_of
from Training.schemes import schemes

_SHARE = 0.9
# Of few hearts the ratio is not to run away.
_LEAST, _MOST = 0.5, 2.0
# How many hearts are called usual; to read their trusted surfaces needs no fine inference.
_USUAL = 0.99
_COARSE = 8.0
_MEANING = {
    "spread": "How many times as far from the likeliest heart plausible ones are drawn as the cohort says; of coronary "
    "arteries, how many times as far they slide along the heart.",
    "reach": "Between which numbers of standard deviations of the drawn log-volumes, from their mean, the true one "
    "lies nine times out of ten.",
    "usual_score": "How unlike the cohort 99 of 100 hearts are at most, of virtual ones held out and of real ones, "
    "held out or learnt from.",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", required=True, metavar="DIR", help="prepared hearts, of which the test split is used")
    parser.add_argument("--real", metavar="DIR", help="prepared real hearts for the usual score, held out or not")
    parser.add_argument("--weights", required=True, metavar="FILE", help="its card is written anew")
    parser.add_argument(
        "--schemes", default="lv,ventricles,left_heart,right_chambers,chambers", metavar="NAME[,NAME...]"
    )
    parser.add_argument("--hearts", type=int, default=24, help="test hearts at most")
    parser.add_argument("--samples", type=int, default=16)


def run(arguments: argparse.Namespace) -> None:
    model, names = load_model(arguments.weights), arguments.schemes.split(",")
    completer = HeartCompleter(model, "cpu")
    tested = PreparedHearts([arguments.data], "test", completer.structures)
    chosen = range(0, len(tested.cases), 2)[: arguments.hearts]

    def found() -> dict[str, list[Found]]:
        return _found(completer, tested, chosen, names, arguments.samples)

    spread = dict.fromkeys(completer.structures, 1.0)
    model.card["calibration"] = {"spread": spread}
    for key, rows in found().items():
        spread[key] = spread_of([row.confidence for row in rows], [row.overlap for row in rows])
    reach = {key: reach_of([row.off for row in rows]) for key, rows in found().items()}
    likenesses = PreparedHearts(
        [arguments.data, *([arguments.real] if arguments.real else [])], "test", completer.structures
    )
    scores = _scores(completer, likenesses, names)
    path = Path(arguments.weights).with_suffix(".json")
    card = json.loads(path.read_text(encoding="utf-8"))
    card["calibration"] = {
        "meaning": _MEANING,
        "spread": spread,
        "reach": {key: [round(end, 3) for end in ends] for key, ends in reach.items()},
        "usual_score": round(float(np.quantile(scores, _USUAL)), 3),
        "data_sets": likenesses.names,
        "hearts": [len(chosen), len(likenesses.cases)],
        "schemes": names,
    }
    with replaced(path) as partial:
        partial.write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
    for key, (low, high) in reach.items():
        print(f"{key}: spread {spread[key]:.2f}, reach {low:.2f} to {high:.2f}")
    print(f"usual score: {card['calibration']['usual_score']}, {USUAL_SCORE} without calibration")


@dataclass(frozen=True)
class Found:
    """What one completion shows of one structure.

    Attributes:
        confidence: the overlap that is said.
        overlap: Dice of the likeliest heart with the truth.
        off: how many standard deviations of the drawn log-volumes the true one lies above their mean.
    """

    confidence: float
    overlap: float
    off: float


def reach_of(scores: Sequence[float]) -> tuple[float, float]:
    """The ends between which one more score lies nine times out of ten, if it is like these."""
    ordered, tail = np.sort(scores), (1.0 - _SHARE) / 2
    low = max(math.floor(tail * (len(ordered) + 1)), 1)
    high = min(math.ceil((1.0 - tail) * (len(ordered) + 1)), len(ordered))
    return float(ordered[low - 1]), float(ordered[high - 1])


def spread_of(confidences: Sequence[float], overlaps: Sequence[float]) -> float:
    """How many times as widely to draw, so that the mean confidence becomes the mean overlap with the truth."""
    said, reached = np.log(np.clip([np.mean(confidences), np.mean(overlaps)], 1e-3, 1.0 - 1e-3))
    return round(float(np.clip(reached / said, _LEAST, _MOST)), 3)


def _found(
    completer: HeartCompleter, tested: PreparedHearts, chosen: range, names: Sequence[str], count: int
) -> dict[str, list[Found]]:
    """By structure, of all completions that inferred it."""
    found = defaultdict(list)
    for name in names:
        for sampled in completed_with_samples(completer, tested, chosen, name, count):
            result = sampled.result
            truth = on_grid_of(sampled.heart, result.heart)
            for key in sampled.keys:
                mean, deviation = result.samples.log_volume(key)
                off = (np.log(sampled.heart.volume_ml(key)) - mean) / deviation
                overlap = dice(result.heart.regions.get(key), truth.regions[key])
                found[key].append(Found(result.confidence[key], overlap, float(off)))
    return found


def _scores(completer: HeartCompleter, hearts: PreparedHearts, names: Sequence[str]) -> list[float]:
    """How unlike the cohort each heart is by what each scheme trusts."""
    scores = []
    for index in tqdm(range(len(hearts.cases)), desc="likeness", unit="heart", leave=False):
        heart = hearts.heart(index)
        for name in names:
            if set(schemes()[name]) <= heart.regions.keys():
                result = completer.complete(heart, schemes()[name], spacing=_COARSE, force=True)
                scores.append(result.unlikeness * USUAL_SCORE)
    return scores
