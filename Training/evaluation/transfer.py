"""Phase 3: what a model infers that cohort A never labelled, and what it forgets.

On A's test hearts, all that A labels being trusted, structures that only B labels: from B's aligned mean (nothing
learnt) to a model trained with full labels (nothing to infer), how far does the model get? And does it still complete
A's own structures as well as phase 2 does?
"""

from __future__ import annotations

import argparse

import numpy as np

from CardiacCompletionLib.anatomy.vocabulary import load_vocabulary
from CardiacCompletionLib.errors import CompletionError
from CardiacCompletionLib.model.weights import load_model
from Training.data.hearts import PreparedHearts, read_manifest
from Training.evaluation.comparison import Scores, as_table, compare, mean_dice
from Training.evaluation.contestants import AlignedMeanHeart, Trained, Untrained
from Training.evaluation.pictures import illustrated
from Training.evaluation.report import Goal, goal_table, origin
from Training.evaluation.worst_cases import WorstCases
from Training.schemes import schemes

_FORGETTING = -0.01
MEAN, MODEL, FULL, UNMASKED, BEFORE = "B's aligned mean", "model", "full labels", "without masked loss", "phase 2"


def measured(arguments: argparse.Namespace) -> str:
    """Markdown: the share of the way for every new structure, the change in Dice of A's own, and pictures.

    Raises:
        CompletionError: if one of the data sets or weights that are compared was not given.
    """
    if len(arguments.training) != 2 or not (arguments.before and arguments.full):
        raise CompletionError("Phase 3 compares: name --training A B, --before and --full, and maybe --unmasked.")
    model = load_model(arguments.weights[0])
    keys = model.network.config.structures
    manifests = [read_manifest(folder) for folder in arguments.training]
    old, new = (tuple(key for key in keys if key in manifest["labelled"]) for manifest in manifests)
    shared, new = tuple(key for key in new if key in old), tuple(key for key in new if key not in old)
    tested = PreparedHearts([arguments.data], "test", keys)
    of_a = {case["source"].rsplit("/", 1)[-1] for case in manifests[0]["cases"] if case["split"] == "test"}
    chosen = [index for index, source in enumerate(tested.sources) if source.name in of_a][: arguments.hearts]
    models = {MODEL: model, FULL: load_model(arguments.full)}
    if arguments.unmasked:
        models[UNMASKED] = load_model(arguments.unmasked)
    trained = [Trained(each, name) for name, each in models.items()]
    of_b = PreparedHearts(arguments.training[1:], "train", keys)
    mean = AlignedMeanHeart(model, of_b, shared, arguments.baseline_hearts, MEAN)
    worst = WorstCases(MODEL)
    asked = [mean, Untrained(model), *trained]
    inferred = compare(asked, tested, chosen, old, arguments.spacing, "new structures", worst)
    before = load_model(arguments.before)
    kept: dict[str, Scores] = {}
    for name in arguments.schemes.split(","):
        contestants = [Trained(before, BEFORE), *(each for each in trained if each.name != FULL)]
        kept[name] = compare(contestants, tested, chosen, schemes()[name], arguments.spacing, name, worst)
    names = [MEAN, Untrained.name, *models]
    weights = "\n".join(origin(name.capitalize(), each) for name, each in {**models, BEFORE: before}.items())
    return (
        f"# Phase 3: knowledge transfer across data sets\n\n"
        f"{len(chosen)} test hearts of A ({manifests[0]['data_set']}); B is {len(of_b.cases)} training hearts "
        f"({manifests[1]['data_set']}). Surfaces resolved at {arguments.spacing:g} mm.\n{weights}\n\n"
        f"{_share_table(inferred, new, list(models))}\n{_kept_table(kept, old, list(models))}"
        f"{as_table('never labelled in A', old, new, names, inferred)}"
        f"{illustrated(arguments.report, 'Phase 3', {'new structures': inferred, **kept}, worst, of_b)}"
    )


def _share_table(scores: Scores, new: tuple[str, ...], models: list[str]) -> str:
    """Dice of the structures that only B labels, and how much of the way to full labels the model covers.

    From B's aligned mean, and from the model before training: a mean of thin structures has no inside at all.
    """
    columns = [MEAN, Untrained.name, *models]
    lines = ["| only in B, Dice | " + " | ".join(columns) + " | share of the way | of that from untrained |"]
    lines.append("|---|" + "---|" * (len(columns) + 2))
    for key in new:
        said = {name: mean_dice(scores, name, key) for name in columns}
        shares = [_share(said[start], said[MODEL], said[FULL]) for start in (MEAN, Untrained.name)]
        cells = [f"{value:.3f}" for value in said.values()]
        lines.append(f"| {load_vocabulary()[key].name} | " + " | ".join([*cells, *shares]) + " |")
    return "\n".join(lines) + "\n"


def _share(start: float, reached: float, end: float) -> str:
    return f"{(reached - start) / (end - start):.0%}" if end > start else "-"


def _kept_table(kept: dict[str, Scores], old: tuple[str, ...], models: list[str]) -> str:
    """Change in Dice of A's own structures since phase 2, over all schemes that hide them; and the worst as a goal."""
    columns = [name for name in models if name != FULL]
    lines = [f"| in A, Dice | {BEFORE} | " + " | ".join(columns) + " |", "|---|---|" + "---|" * len(columns)]
    worst: list[float] = []
    for key in old:
        hidden = [scores for scores in kept.values() if (BEFORE, key) in scores]
        if not hidden:
            continue
        means = [float(np.mean([mean_dice(scores, name, key) for scores in hidden])) for name in (BEFORE, *columns)]
        lines.append(f"| {load_vocabulary()[key].name} | " + " | ".join(f"{value:.3f}" for value in means) + " |")
        worst.append(means[1] - means[0])
    goal = Goal("change in Dice of A's structures, the worst", min(worst), _FORGETTING)
    return "\n".join(lines) + f"\n\n{goal_table([goal])}"
