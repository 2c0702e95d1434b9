"""Completions against the truth: scores of every contestant and structure, and a table of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from tqdm import tqdm

from CardiacCompletionLib.anatomy.heart import Heart
from CardiacCompletionLib.anatomy.vocabulary import load_vocabulary
from CardiacCompletionLib.errors import CompletionError
from CardiacCompletionLib.geometry.region import Region
from CardiacCompletionLib.geometry.surface import extract_surface
from Training.data.hearts import PreparedHearts
from Training.evaluation.centreline import centreline_recall
from Training.evaluation.contestants import Contestant, Question
from Training.evaluation.metrics import dice, heart_surface, on_grid_of, surface_distances
from Training.evaluation.truncation import up_to_the_end
from Training.evaluation.worst_cases import WorstCase, WorstCases

# Of one structure of one heart: Dice, ASSD mm, HD95 mm, volume error %, recall of the centreline.
Row = tuple[float, float, float, float, float]
Scores = dict[tuple[str, str], list[Row]]  # contestant, structure -> all hearts
# Branching vessels, whose Dice says little; of their centreline counts what is found within so many mm.
_BRANCHING = ("coronary_arteries", "pulmonary_veins", "coronary_sinus")
_RECALL = 3.0


def usable(tested: PreparedHearts, trusted: Sequence[str], count: int) -> list[int]:
    """Which of the first ``count`` hearts have all of the trusted structures."""
    columns = [tested.structures.index(key) for key in trusted]
    return [index for index in range(min(count, len(tested.cases))) if tested.cases[index].present[columns].all()]


def compare(
    contestants: Sequence[Contestant],
    tested: PreparedHearts,
    chosen: Sequence[int],
    trusted: tuple[str, ...],
    spacing: float,
    name: str,
    worst: WorstCases,
) -> Scores:
    """Scores of every contestant on the chosen hearts.

    Args:
        trusted: what is given; of a structure that a contestant does not know it says nothing.
        spacing: mm at which surfaces are resolved.
        name: of the trusted structures.
        worst: is shown every completion of the contestant whose worst ones it keeps.
    """
    scores: Scores = defaultdict(list)
    for index in tqdm(chosen, desc=name, unit="heart"):
        case, heart = tested.cases[index], tested.heart(index)
        partly = [key for key, there in zip(tested.structures, case.present & ~case.whole, strict=True) if there]
        question = Question(heart, tested.sources[index], trusted, spacing)
        try:
            for contestant in contestants:
                for answer in contestant.answers(question):
                    completed = counted(answer, heart, trusted, partly)
                    rows = measured(completed, heart, trusted)
                    for key, row in rows.items():
                        scores[contestant.name, key].append(row)
                    if contestant.name == worst.contestant:
                        overlaps = {key: row[0] for key, row in rows.items()}
                        worst.look_at(WorstCase(_case_name(tested, index), name, trusted, heart, completed, overlaps))
        except CompletionError as error:
            print(f"left out: {error}")
    return scores


def _case_name(tested: PreparedHearts, index: int) -> str:
    return tested.sources[index].name.split(".")[0]


def counted(answer: Heart, heart: Heart, trusted: Sequence[str], partly: Sequence[str]) -> Heart:
    """What counts of a completion, on the true heart's grid.

    What it says beyond the heart's own image, or beyond the end of a structure that is shown only ``partly``, was never
    labelled and does not count for or against it.
    """
    completed = on_grid_of(answer, heart)
    regions = dict(completed.regions)
    for key in set(partly) & set(heart.regions) & set(regions) - set(trusted):
        shown = up_to_the_end(regions.pop(key), heart, key)
        if shown is not None:
            regions[key] = shown
    return within(Heart(regions, completed.shape, completed.ijk_to_ras))


def measured(completed: Heart, heart: Heart, trusted: Sequence[str]) -> dict[str, Row]:
    """Scores of every structure that was hidden and is known."""
    rows = {}
    for key in heart.regions:
        if key in trusted:
            continue
        found, true = completed.regions.get(key), heart.regions[key]
        volume_error = ((int(found.mask.sum()) if found else 0) / int(true.mask.sum()) - 1) * 100
        distances = (np.nan, np.nan)
        if found is not None:
            surface = extract_surface(found, heart.shape, heart.ijk_to_ras)
            distances = surface_distances(surface, heart_surface(heart, key))
        recall = centreline_recall(found, true, heart.ijk_to_ras, _RECALL) if key in _BRANCHING else np.nan
        rows[key] = (dice(found, true), *distances, volume_error, recall)
    return rows


def within(heart: Heart) -> Heart:
    """The heart without what lies beyond its grid."""
    kept = {key: Region.of_mask(region.cropped(np.zeros(3, int), heart.shape)) for key, region in heart.regions.items()}
    regions = {key: region for key, region in kept.items() if region is not None}
    return Heart(regions, heart.shape, heart.ijk_to_ras)


def mean_dice(scores: Scores, contestant: str, key: str) -> float:
    """Over all hearts; NaN where the contestant was not asked."""
    values = scores.get((contestant, key))
    return float(np.mean([row[0] for row in values])) if values else float("nan")


def as_table(
    name: str, trusted: Sequence[str], structures: Sequence[str], contestants: Sequence[str], s: Scores
) -> str:
    """Markdown: per structure and contestant, means of Dice, ASSD, HD95 and absolute volume error.

    Of branching vessels also the recall of their centreline.
    """
    vocabulary = load_vocabulary()
    lines = [f"\n## {name}: trusted {', '.join(vocabulary[key].name for key in trusted)}\n"]
    lines.append("| structure | hearts | " + " | ".join(f"{c}: Dice, ASSD, HD95, vol" for c in contestants) + " |")
    lines.append("|---|---|" + "---|" * len(contestants))
    for key in structures:
        if (contestants[0], key) not in s:
            continue
        cells = [_cell(np.array(s[contestant, key])) for contestant in contestants]
        lines.append(f"| {vocabulary[key].name} | {len(s[contestants[0], key])} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _cell(values: np.ndarray) -> str:
    measured = values[np.isfinite(values[:, 1])]
    assd, hd95 = measured[:, 1:3].mean(axis=0) if len(measured) else (np.nan, np.nan)
    recall = "" if np.isnan(values[:, 4]).all() else f", recall {np.nanmean(values[:, 4]):.2f}"
    return f"{values[:, 0].mean():.3f}, {assd:.1f} mm, {hd95:.1f} mm, {np.abs(values[:, 3]).mean():.0f} %{recall}"
