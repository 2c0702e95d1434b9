"""Phase 2: partial to whole, for every scheme against both baselines and the limit that no completion can beat."""

from __future__ import annotations

import argparse

import numpy as np

from CardiacCompletionLib.errors import CompletionError
from CardiacCompletionLib.model.weights import load_model
from Training.data.hearts import PreparedHearts
from Training.evaluation.comparison import Scores, as_table, compare, mean_dice, usable
from Training.evaluation.contestants import AlignedMeanHeart, ShapeModel, Trained, Untrained, baselines
from Training.evaluation.equally_valid import EquallyValid
from Training.evaluation.pictures import illustrated
from Training.evaluation.report import origin
from Training.evaluation.worst_cases import WorstCases
from Training.schemes import schemes


def measured(arguments: argparse.Namespace) -> str:
    """Markdown: a table for every scheme, whether the model is ahead of both baselines on each, and pictures.

    Raises:
        CompletionError: without training hearts for the baselines.
    """
    if not arguments.training:
        raise CompletionError("The baselines need hearts to learn from: name prepared data with --training.")
    model = load_model(arguments.weights[0])
    keys = model.network.config.structures
    training = PreparedHearts(arguments.training, "train", keys, arguments.fold)
    tested = PreparedHearts([arguments.data], "test", keys, arguments.fold)
    others = EquallyValid(arguments.equally_valid, tested) if arguments.equally_valid else None
    tables, ahead = "", []
    found: dict[str, Scores] = {}
    worst = WorstCases(Trained.name)
    for name in arguments.schemes.split(","):
        trusted = schemes()[name]
        chosen = usable(tested, trusted, arguments.hearts)
        if not chosen:
            continue
        contestants = [
            *baselines(model, training, trusted, arguments.baseline_hearts),
            Untrained(model),
            Trained(model),
            *([others] if others else []),
        ]
        scores = found[name] = compare(contestants, tested, chosen, trusted, arguments.spacing, name, worst)
        tables += as_table(name, trusted, keys, [contestant.name for contestant in contestants], scores)
        ahead.append(_standing(name, scores))
    count = min(arguments.hearts, len(tested.cases))
    section = f"Phase 2, {tested.names[0]}"
    return (
        f"# {section}: completion\n\n"
        f"{count} test hearts, surfaces resolved at {arguments.spacing:g} mm. Baselines learn from at most "
        f"{arguments.baseline_hearts} hearts of each of: {', '.join(training.names)}.\n"
        f"{origin('Model', model)}\n"
        + (f"{others.name.capitalize()}: {arguments.equally_valid} a heart.\n" if others else "")
        + "\n| scheme, mean Dice of what is hidden | aligned mean heart | posterior shape model | model | ahead |\n"
        + "|---|---|---|---|---|\n"
        + "\n".join(ahead)
        + f"\n{tables}{illustrated(arguments.report, section, found, worst, training)}"
    )


def _standing(name: str, scores: Scores) -> str:
    """A table row: mean Dice of both baselines and the model over all hidden structures, and who is ahead."""
    keys = sorted({key for _, key in scores})
    values = [
        float(np.mean([mean_dice(scores, contestant, key) for key in keys]))
        for contestant in (AlignedMeanHeart.name, ShapeModel.name, Trained.name)
    ]
    best = "yes" if values[-1] > max(values[:-1]) else "no"
    return f"| {name} | " + " | ".join(f"{value:.3f}" for value in values) + f" | {best} |"
