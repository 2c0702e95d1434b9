"""Phases 0 and 1: hearts from themselves, one structure or all."""

from __future__ import annotations

import argparse
from collections import defaultdict

import numpy as np
from tqdm import tqdm

from CardiacCompletionLib import HeartCompleter
from CardiacCompletionLib.anatomy.vocabulary import load_vocabulary
from CardiacCompletionLib.model.weights import load_model
from Training.data.hearts import PreparedHearts
from Training.evaluation.centreline import centreline_recall
from Training.evaluation.comparison import within
from Training.evaluation.metrics import dice, on_grid_of
from Training.evaluation.report import Goal, goal_table, origin

_ONE_STRUCTURE = 0.98
_CHAMBER, _GREAT_VESSEL, _SMALL = 0.95, 0.93, 0.85
_LEAST_DICE = {
    "myocardium": _CHAMBER,
    "left_atrium": _CHAMBER,
    "left_ventricle": _CHAMBER,
    "right_atrium": _CHAMBER,
    "right_ventricle": _CHAMBER,
    "aorta": _GREAT_VESSEL,
    "pulmonary_artery": _GREAT_VESSEL,
    "left_atrial_appendage": _SMALL,
    "pulmonary_veins": _SMALL,
}
_CORONARY_REACH = 2.0  # mm
_LEAST_CORONARIES = 0.9


def measured(arguments: argparse.Namespace) -> str:
    """Markdown: of every structure the mean over the test hearts, beside its goal."""
    model = load_model(arguments.weights[0])
    completer = HeartCompleter(model, "cpu")
    keys = completer.structures
    tested = PreparedHearts([arguments.data], "test", keys)
    count = min(arguments.hearts, len(tested.cases))
    scores: dict[str, list[float]] = defaultdict(list)
    for index in tqdm(range(count), desc="Reconstruction", unit="heart"):
        heart = tested.heart(index)
        trusted = tuple(heart.regions)
        result = completer.complete(heart, trusted, arguments.spacing, resample_trusted=True)
        again = within(on_grid_of(result.heart, heart)).regions
        for key, true in heart.regions.items():
            if key == "coronary_arteries":
                scores[key].append(centreline_recall(again.get(key), true, heart.ijk_to_ras, _CORONARY_REACH))
            else:
                scores[key].append(dice(again.get(key), true))
    goals = [_goal(key, float(np.mean(values)), alone=len(keys) == 1) for key, values in scores.items()]
    title = "one class" if len(keys) == 1 else "all classes"
    return (
        f"# Phase {arguments.phase}: {title}\n\n"
        f"{count} hearts of {tested.names[0]} (test split), each from its own surfaces; means.\n"
        f"{origin('Weights', model)}\n\n{goal_table(goals)}"
    )


def _goal(key: str, value: float, alone: bool) -> Goal:
    name = load_vocabulary()[key].name
    if key == "coronary_arteries":
        return Goal(f"{name}, centreline within {_CORONARY_REACH:g} mm", value, _LEAST_CORONARIES)
    return Goal(f"{name}, Dice", value, _ONE_STRUCTURE if alone else _LEAST_DICE.get(key, 0.0))
