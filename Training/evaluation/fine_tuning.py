"""Phase 4: real hearts in folds over patients, before and after fine-tuning, beside both baselines."""

from __future__ import annotations

import argparse
from collections import defaultdict

from CardiacCompletionLib.errors import CompletionError
from CardiacCompletionLib.model.weights import load_model
from Training.data.hearts import PreparedHearts
from Training.evaluation.comparison import Scores, as_table, compare, usable
from Training.evaluation.contestants import AlignedMeanHeart, ShapeModel, Trained, baselines
from Training.evaluation.pictures import illustrated
from Training.evaluation.report import origin
from Training.evaluation.worst_cases import WorstCases
from Training.schemes import schemes

BEFORE, AFTER = "before", "after fine-tuning"


def measured(arguments: argparse.Namespace) -> str:
    """Markdown: a table for every scheme over all folds, and pictures; what is said of a heart was learnt without it.

    Raises:
        CompletionError: without baselines' hearts or weights of before.
    """
    if not arguments.training or not arguments.before:
        raise CompletionError("Phase 4 compares: name --training for the baselines and --before, and weights per fold.")
    before, weights = load_model(arguments.before), [load_model(path) for path in arguments.weights]
    keys = before.network.config.structures
    found: dict[str, Scores] = {name: defaultdict(list) for name in arguments.schemes.split(",")}
    worst = WorstCases(AFTER)
    for fold, model in enumerate(weights):
        training = PreparedHearts(arguments.training, "train", keys, fold)
        tested = PreparedHearts([arguments.data], "test", keys, fold)
        for name, scores in found.items():
            trusted = schemes()[name]
            chosen = usable(tested, trusted, arguments.hearts)
            if not chosen:
                continue
            contestants = [
                *baselines(model, training, trusted, arguments.baseline_hearts),
                Trained(before, BEFORE),
                Trained(model, AFTER),
            ]
            for entry, rows in compare(contestants, tested, chosen, trusted, arguments.spacing, name, worst).items():
                scores[entry] += rows
    names = [AlignedMeanHeart.name, ShapeModel.name, BEFORE, AFTER]
    found = {name: scores for name, scores in found.items() if scores}
    tables = [as_table(name, schemes()[name], keys, names, scores) for name, scores in found.items()]
    return (
        f"# Phase 4: real partial labels\n\n"
        f"Every heart of its fold of {len(weights)}, surfaces resolved at {arguments.spacing:g} mm.\n"
        f"{origin(BEFORE.capitalize(), before)}\n{origin('After, fold 0', weights[0])}\n{''.join(tables)}"
        f"{illustrated(arguments.report, 'Phase 4', found, worst, training)}"
    )
