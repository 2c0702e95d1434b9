"""Measure a model against the aligned mean heart and the posterior shape model, for every scheme and structure."""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path

import numpy as np
from tqdm import tqdm

from CardiacCompletionLib.anatomy.heart import Heart
from CardiacCompletionLib.anatomy.vocabulary import load_vocabulary
from CardiacCompletionLib.errors import CompletionError
from CardiacCompletionLib.geometry.region import Region
from CardiacCompletionLib.geometry.surface import extract_surface
from CardiacCompletionLib.model.weights import load_model
from Training.data.hearts import PreparedHearts
from Training.evaluation.contestants import AlignedMeanHeart, Contestant, ShapeModel, Trained, Untrained
from Training.evaluation.metrics import dice, heart_surface, on_grid_of, surface_distances
from Training.evaluation.truncation import up_to_the_end
from Training.schemes import schemes

Scores = dict[tuple[str, str], list[tuple[float, float, float, float]]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", required=True, metavar="DIR", help="prepared hearts to measure on (test split)")
    parser.add_argument(
        "--training", required=True, nargs="+", metavar="DIR", help="prepared hearts the baselines learn from"
    )
    parser.add_argument("--weights", metavar="FILE", help="without it, the weights that ship")
    parser.add_argument("--fold", type=int, help="of data sets dealt into folds, the one to measure on")
    parser.add_argument("--schemes", default=",".join(schemes()), metavar="NAME[,NAME...]")
    parser.add_argument("--hearts", type=int, default=20, help="test hearts at most")
    parser.add_argument("--baseline-hearts", type=int, default=80, help="training hearts the baselines learn from")
    parser.add_argument("--spacing", type=float, default=2.0, metavar="MM")
    parser.add_argument("--report", metavar="OUT.md", help="write the tables there too")


def run(arguments: argparse.Namespace) -> None:
    model = load_model(arguments.weights)
    structures = model.network.config.structures
    training = PreparedHearts(arguments.training, "train", structures, arguments.fold)
    tested = PreparedHearts([arguments.data], "test", structures, arguments.fold)
    hearts = [tested.heart(index) for index in range(min(arguments.hearts, len(tested.cases)))]
    text = f"# {tested.names[0]}: {len(hearts)} hearts, surfaces resolved at {arguments.spacing:g} mm\n"
    print(text)
    for name in arguments.schemes.split(","):
        if name not in schemes():
            raise CompletionError(f"There is no scheme {name}; choose from: {', '.join(schemes())}.")
        trusted = schemes()[name]
        usable = [index for index in range(len(hearts)) if all(key in hearts[index].regions for key in trusted)]
        if not usable:
            continue
        contestants = [
            AlignedMeanHeart(model, training, trusted, arguments.baseline_hearts),
            ShapeModel(model, training, trusted, arguments.baseline_hearts),
            Untrained(model),
            Trained(model),
        ]
        scores: Scores = defaultdict(list)
        for index in tqdm(usable, desc=name, unit="heart"):
            case = tested.cases[index]
            partly = [key for key, there in zip(structures, case.present & ~case.whole, strict=True) if there]
            try:
                for contestant in contestants:
                    measure(contestant, hearts[index], trusted, partly, arguments.spacing, scores)
            except CompletionError as error:
                print(f"left out: {error}")
        table = as_table(name, trusted, structures, [c.name for c in contestants], scores)
        print(table)
        text += table
    if arguments.report:
        Path(arguments.report).write_text(text, encoding="utf-8")


def measure(
    contestant: Contestant, heart: Heart, trusted: tuple, partly: list[str], spacing: float, scores: Scores
) -> None:
    """Score every structure that was hidden and is known.

    What a completion says beyond the heart's own image, or beyond the end of a structure that is shown only ``partly``,
    was never labelled and does not count for or against it.
    """
    completed = within(on_grid_of(contestant.complete(heart, trusted, spacing).heart, heart))
    for key in heart.regions:
        if key in trusted:
            continue
        found, true = completed.regions.get(key), heart.regions[key]
        if found is not None and key in partly:
            found = up_to_the_end(found, heart, key)
        volume_error = ((int(found.mask.sum()) if found else 0) / int(true.mask.sum()) - 1) * 100
        distances = (np.nan, np.nan)
        if found is not None:
            surface = extract_surface(found, heart.shape, heart.ijk_to_ras)
            distances = surface_distances(surface, heart_surface(heart, key))
        scores[contestant.name, key].append((dice(found, true), *distances, volume_error))


def within(heart: Heart) -> Heart:
    """The heart without what lies beyond its grid."""
    kept = {key: Region.of_mask(region.cropped(np.zeros(3, int), heart.shape)) for key, region in heart.regions.items()}
    regions = {key: region for key, region in kept.items() if region is not None}
    return Heart(regions, heart.shape, heart.ijk_to_ras)


def as_table(name: str, trusted: tuple, structures: tuple, contestants: list[str], scores: Scores) -> str:
    """Markdown: per structure and contestant, means of Dice, ASSD, HD95 and absolute volume error."""
    vocabulary = load_vocabulary()
    lines = [f"\n## {name}: trusted {', '.join(vocabulary[key].name for key in trusted)}\n"]
    lines.append("| structure | hearts | " + " | ".join(f"{c}: Dice, ASSD, HD95, vol" for c in contestants) + " |")
    lines.append("|---|---|" + "---|" * len(contestants))
    for key in structures:
        if (contestants[0], key) not in scores:
            continue
        cells = []
        for contestant in contestants:
            values = np.array(scores[contestant, key])
            d, assd, hd95 = np.nanmean(values[:, :3], axis=0) if np.isfinite(values).any() else (0, np.nan, np.nan)
            cells.append(f"{d:.3f}, {assd:.1f} mm, {hd95:.1f} mm, {np.abs(values[:, 3]).mean():.0f} %")
        lines.append(f"| {vocabulary[key].name} | {len(values)} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"
