"""What held-out hearts say of a model's certainty, written into its card, where the engine reads it.

Spread: how widely plausible hearts have to be drawn so that their intervals hold as often as they say. What the cohort
says of the hidden structures knows nothing of where the network errs; so each structure's spread is scaled until nine
tenths of the true volumes lie in its 90 % interval, on every second virtual test heart. The others are left for
`python -m Training calibration` to measure.

Usual score: how unlike the cohort a heart may be before a warning is given; one in a hundred held-out hearts is more.
Real hearts serve as well, for the frame they are seen in is measured on virtual ones alone.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from pathlib import Path
from statistics import NormalDist

import numpy as np
from tqdm import tqdm

from CardiacCompletionLib import HeartCompleter
from CardiacCompletionLib.completion.plausibility import USUAL_SCORE
from CardiacCompletionLib.model.weights import load_model
from Training.data.hearts import PreparedHearts
from Training.evaluation.held_out_samples import completed_with_samples
from Training.schemes import schemes

_SHARE = 0.9
# The volumes drawn do not quite follow the spread, so it is found in steps. Volumes that hold too often are no reason
# to draw places more narrowly than the cohort says; and vessels whose volume hardly depends on their place are not to
# leave the heart.
_ROUNDS = 2
_LEAST, _MOST = 1.0, 2.0
# Of held-out hearts, how many are called usual; to read their trusted surfaces needs no fine inference.
_USUAL = 0.99
_COARSE = 8.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", required=True, metavar="DIR", help="prepared hearts, of which the test split is used")
    parser.add_argument("--real", metavar="DIR", help="prepared real hearts, for the usual score")
    parser.add_argument("--weights", required=True, metavar="FILE", help="its card is written anew")
    parser.add_argument(
        "--schemes", default="lv,ventricles,left_heart,right_chambers,chambers", metavar="NAME[,NAME...]"
    )
    parser.add_argument("--hearts", type=int, default=16, help="test hearts at most")
    parser.add_argument("--samples", type=int, default=16)


def run(arguments: argparse.Namespace) -> None:
    model = load_model(arguments.weights)
    structures = model.network.config.structures
    tested = PreparedHearts([arguments.data], "test", structures)
    chosen = range(0, len(tested.cases), 2)[: arguments.hearts]
    spread = dict.fromkeys(structures, 1.0)
    for _ in range(_ROUNDS):
        model.card["calibration"] = {"spread": spread}
        deviations = _deviations(HeartCompleter(model, "cpu"), tested, chosen, arguments)
        for key, found in deviations.items():
            wanted = np.quantile(np.abs(found), _SHARE) / NormalDist().inv_cdf(0.5 + _SHARE / 2)
            spread[key] = round(float(np.clip(spread[key] * wanted, _LEAST, _MOST)), 3)
    likenesses = PreparedHearts([arguments.data, *([arguments.real] if arguments.real else [])], "test", structures)
    scores = _scores(HeartCompleter(model, "cpu"), likenesses, arguments.schemes.split(","))
    path = Path(arguments.weights).with_suffix(".json")
    card = json.loads(path.read_text(encoding="utf-8"))
    card["calibration"] = {
        "spread": spread,
        "usual_score": round(float(np.quantile(scores, _USUAL)), 3),
        "data_sets": likenesses.names,
        "hearts": [len(chosen), len(likenesses.cases)],
        "schemes": arguments.schemes.split(","),
    }
    path.write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
    print("\n".join(f"{key}: {value:.2f}" for key, value in spread.items()))
    print(f"usual score: {card['calibration']['usual_score']}, {USUAL_SCORE} without calibration")


def _scores(completer: HeartCompleter, hearts: PreparedHearts, names: list[str]) -> list[float]:
    """How unlike the cohort each heart is by what each scheme trusts."""
    scores = []
    for index in tqdm(range(len(hearts.cases)), desc="likeness", unit="heart", leave=False):
        heart = hearts.heart(index)
        for name in names:
            if set(schemes()[name]) <= heart.regions.keys():
                result = completer.complete(heart, schemes()[name], spacing=_COARSE, force=True)
                scores.append(result.unlikeness * USUAL_SCORE)
    return scores


def _deviations(
    completer: HeartCompleter, tested: PreparedHearts, chosen: range, arguments: argparse.Namespace
) -> dict[str, list[float]]:
    """By structure: how many standard deviations of the drawn log-volumes the true one lies from their mean."""
    deviations = defaultdict(list)
    for name in arguments.schemes.split(","):
        for sampled in completed_with_samples(completer, tested, chosen, name, arguments.samples):
            for key in sampled.keys:
                logs = np.log(np.maximum(sampled.result.samples.volumes_ml[key], 1e-3))
                true = np.log(sampled.heart.volume_ml(key))
                deviations[key].append((true - logs.mean()) / max(logs.std(ddof=1), 1e-3))
    return deviations
