"""Whether the model knows how sure it can be: coverage of its intervals, and its probabilities against the truth."""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path

import numpy as np

from CardiacCompletionLib import HeartCompleter
from CardiacCompletionLib.anatomy.heart import Heart
from CardiacCompletionLib.anatomy.vocabulary import load_vocabulary
from CardiacCompletionLib.completion.samples import Samples
from CardiacCompletionLib.errors import CompletionError
from CardiacCompletionLib.model.weights import load_model
from Training.data.hearts import PreparedHearts
from Training.evaluation.equally_valid import EquallyValid
from Training.evaluation.held_out_samples import Sampled, completed_with_samples
from Training.evaluation.metrics import dice, on_grid_of
from Training.evaluation.plausible_samples import sound, spread_ratios
from Training.evaluation.report import origin, write_section
from Training.schemes import schemes

_BINS = 10
_SOUND = (
    "What was inferred is there, in no more pieces than anatomy has, and touches what it should:",
    "",
    "| scheme | hearts | completions | samples |",
    "|---|---|---|---|",
)
_SPREAD = (
    "How far hearts that share what is trusted are apart (1 - Dice of pairs), and the spread of samples over theirs:",
    "",
    "| scheme | structure | hearts | apart | spread in overlap | in volume |",
    "|---|---|---|---|---|---|",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", required=True, metavar="DIR", help="prepared hearts to measure on (test split)")
    parser.add_argument("--fold", type=int, help="of data sets dealt into folds, the one to measure on")
    parser.add_argument("--weights", metavar="FILE", help="without it, the weights that ship")
    parser.add_argument("--schemes", default=",".join(schemes()), metavar="NAME[,NAME...]")
    parser.add_argument("--hearts", type=int, default=20, help="test hearts at most")
    parser.add_argument("--samples", type=int, default=16)
    parser.add_argument(
        "--equally-valid",
        type=int,
        default=0,
        metavar="N",
        help="on virtual hearts, set the spread beside that of so many hearts that share what is trusted",
    )
    parser.add_argument("--compared", type=int, default=4, help="for how many hearts of each scheme")
    parser.add_argument("--report", type=Path, metavar="OUT.md", help="write the table there too")


def run(arguments: argparse.Namespace) -> None:
    model = load_model(arguments.weights)
    completer = HeartCompleter(model, "cpu")
    tested = PreparedHearts([arguments.data], "test", completer.structures, arguments.fold)
    # The virtual hearts in between have set the spread (Training/calibrate.py).
    measured = range(0 if arguments.fold is not None else 1, len(tested.cases), 1 if arguments.fold is not None else 2)
    measured = measured[: arguments.hearts]
    if not measured:
        raise CompletionError(f"{arguments.data} keeps one heart apart, which calibrated the spread: keep two or more.")
    lines = [
        f"# Certainty, {tested.names[0]} hearts: {arguments.samples} samples a heart",
        "",
        origin("Weights", model),
        "",
        "| scheme | structure | hearts | 90 % interval covers | calibration error | confidence | Dice |",
        "|---|---|---|---|---|---|---|",
    ]
    everything, soundness, spreads = [], [], []
    for name in arguments.schemes.split(","):
        found = defaultdict(list)
        whole, some, compared = [], [], []
        for sampled in completed_with_samples(completer, tested, measured, name, arguments.samples):
            _measure(sampled, found)
            completion, samples = sound(sampled)
            whole.append(completion)
            some += samples
            if len(compared) < arguments.compared:
                compared.append(sampled)
        lines += [_row(name, load_vocabulary()[key].name, rows) for key, rows in found.items()]
        everything += [row for rows in found.values() for row in rows]
        soundness.append(f"| {name} | {len(whole)} | {np.mean(whole):.0%} | {np.mean(some):.0%} |")
        if arguments.equally_valid:
            ratios = spread_ratios(compared, EquallyValid(arguments.equally_valid, tested))
            spreads += [
                f"| {name} | {load_vocabulary()[key].name} | {len(compared)} | {apart:.2f} | {overlap:.2f} "
                f"| {volume:.2f} |"
                for key, (apart, overlap, volume) in ratios.items()
            ]
    lines.append(_row("all", "all", everything))
    lines += ["", *_SOUND, *soundness]
    if spreads:
        lines += ["", *_SPREAD, *spreads]
    text = "\n".join(lines) + "\n"
    print(text)
    if arguments.report:
        write_section(arguments.report, text)


def _row(scheme: str, structure: str, rows: list[tuple]) -> str:
    covered, confidence, overlap, total, sure, right = (np.array(column) for column in zip(*rows, strict=True))
    error = np.abs(sure.sum(axis=0) - right.sum(axis=0)).sum() / max(total.sum(), 1)
    return (
        f"| {scheme} | {structure} | {len(rows)} | {covered.mean():.0%} | {error:.3f} | {confidence.mean():.2f} "
        f"| {overlap.mean():.2f} |"
    )


def _measure(sampled: Sampled, found: dict[str, list[tuple]]) -> None:
    heart, result = sampled.heart, sampled.result
    truth = on_grid_of(heart, result.heart)
    for key in sampled.keys:
        low, high = result.samples.interval_ml(key)
        overlap = dice(result.heart.regions.get(key), truth.regions[key])
        total, sure, right = _reliability(result.samples, key, heart)
        covered = low <= heart.volume_ml(key) <= high
        found[key].append((covered, result.confidence[key], overlap, total, sure, right))


def _reliability(samples: Samples, key: str, heart: Heart) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Per bin of probability, how many nodes there are, the sum of what is said and the sum of what is true.

    Nodes that no sample and no truth comes near say nothing and do not count.
    """
    said = samples.probability[key]
    kji = np.indices(said.shape).reshape(3, -1).T
    inverse = np.linalg.inv(heart.ijk_to_ras[:3, :3])
    index = np.round((samples.lattice.points(kji) - heart.ijk_to_ras[:3, 3]) @ inverse.T).astype(int)[:, ::-1]
    true = heart.regions[key].holds(index)
    said = said.ravel()
    telling = (samples.share(key).ravel() > 0) | true
    bins = np.minimum((said[telling] * _BINS).astype(int), _BINS - 1)
    total = np.bincount(bins, minlength=_BINS)
    sure = np.bincount(bins, said[telling], _BINS)
    right = np.bincount(bins, true[telling], _BINS)
    return total, sure, right
