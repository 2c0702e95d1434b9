"""Pictures of an evaluation, beside its report: Dice as dots, and the worst completions next to the truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import vtk
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from CardiacCompletionLib.anatomy.heart import Heart
from CardiacCompletionLib.anatomy.vocabulary import load_vocabulary
from Training.cohort.figures import THIN, VIEWS, bounds_of, photographed, surface_actor
from Training.data.hearts import PreparedHearts
from Training.evaluation.comparison import Scores
from Training.evaluation.worst_cases import WorstCase, WorstCases

_SIDES = ("front", "back")
_PIXELS = 330  # of a surface view
_DPI = 75
_PALE = 0.35  # of a colour's strength in what was trusted, which is no answer
_STEP = 1.0  # mm between a slice's pixels
_COLORS = 96  # of a file, which a repository may keep


def illustrated(
    report: Path | None, section: str, scores: Mapping[str, Scores], worst: WorstCases, training: PreparedHearts
) -> str:
    """Markdown with the pictures of a section, which are written beside its report; empty without a report.

    Args:
        section: what its heading begins with; the pictures' names come from it.
        scores: scheme -> scores of all contestants.
        training: hearts with which the worst ones are compared.
    """
    if report is None or not scores:
        return ""
    stem = f"{report.stem}-{'-'.join(section.lower().replace(',', '').split())}"
    report.parent.mkdir(parents=True, exist_ok=True)
    draw_dice(scores, report.with_name(f"{stem}-dice.png"))
    cases = worst.chosen()
    draw_cases(cases, report.with_name(f"{stem}-worst.png"))
    lines = [
        "## Pictures",
        f"Dice per structure over all schemes that hide it; small dots are single schemes.\n\n![Dice]({stem}-dice.png)",
        f"The completions of the {worst.contestant} with the lowest mean Dice, no heart and no scheme twice: what is "
        "trusted pale; in the slice, where truth and completion differ most, the truth filled and the completion as "
        f"lines.\n\n![Worst completions]({stem}-worst.png)",
        "\n".join(
            f"{number}. {case.name}, {case.scheme}: mean Dice {case.mean_dice:.2f} "
            f"({', '.join(f'{key} {value:.2f}' for key, value in sorted(case.dice.items()))}). {case.reasons(training)}"
            for number, case in enumerate(cases, start=1)
        ),
    ]
    return "\n" + "\n\n".join(lines) + "\n"


def draw_dice(scores: Mapping[str, Scores], path: Path) -> None:
    """A line a structure, a colour a contestant: its mean Dice over all hearts and schemes, and over each scheme."""
    found = {entry for of_scheme in scores.values() for entry in of_scheme}
    structures = [s for s in load_vocabulary() if any(key == s.key for _, key in found)]
    contestants = list(dict.fromkeys(name for of_scheme in scores.values() for name, _ in of_scheme))
    figure = Figure(figsize=(8, 1.4 + 0.42 * len(structures)), layout="constrained")
    axes = figure.subplots()
    for number, contestant in enumerate(contestants):
        color, label = f"C{number}", contestant
        offset = 0.5 * (number / max(len(contestants) - 1, 1) - 0.5)
        for line, structure in enumerate(structures):
            parts = [[row[0] for row in rows.get((contestant, structure.key), [])] for rows in scores.values()]
            parts = [part for part in parts if part]
            if not parts:
                continue
            axes.scatter([np.mean(part) for part in parts], [line + offset] * len(parts), s=6, color=color, alpha=0.45)
            axes.scatter(np.mean(np.concatenate(parts)), line + offset, s=42, color=color, label=label, zorder=3)
            label = None  # in the legend once
    axes.set_yticks(range(len(structures)), [structure.name for structure in structures])
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    axes.set_xlabel("Dice")
    axes.grid(axis="x", alpha=0.3)
    figure.legend(loc="outside upper center", ncols=min(len(contestants), 3), frameon=False)
    _save(figure, path)


def draw_cases(cases: Sequence[WorstCase], path: Path) -> None:
    """A row a case: truth and completion from the front and the back, and a slice."""
    columns = 2 * len(_SIDES) + 1
    figure = Figure(figsize=(2.8 * columns, 3.25 * len(cases)), layout="constrained")
    rows = figure.subfigures(len(cases), 1, squeeze=False)[:, 0]
    for case, row in zip(cases, rows, strict=True):
        row.suptitle(
            f"{case.name}, {case.scheme}: mean Dice {case.mean_dice:.2f}, "
            f"most of it wrong in the {load_vocabulary()[case.most_wrong].name.lower()} "
            f"({case.dice[case.most_wrong]:.2f})",
            fontsize=11,
        )
        axes = row.subplots(1, columns)
        hearts = {"truth": case.truth, "completed": case.completed}
        actors = {name: _actors(heart, case) for name, heart in hearts.items()}
        bounds = bounds_of([actor for several in actors.values() for actor in several])
        for number, (name, several) in enumerate(actors.items()):
            views = photographed(several, [VIEWS[side] for side in _SIDES], _PIXELS, bounds)
            for place, (side, view) in enumerate(zip(_SIDES, views, strict=True)):
                axes[2 * place + number].imshow(view)
                axes[2 * place + number].set_title(f"{name}, {side}", fontsize=9)
        _draw_slice(case, axes[-1])
        for one in axes:
            one.axis("off")
    _save(figure, path)


def _actors(heart: Heart, case: WorstCase) -> list[vtk.vtkActor]:
    """Surfaces of what was trusted, pale, and of what was hidden and is known, in full colour."""
    actors = []
    for key in (*case.trusted, *case.dice):
        if key not in heart.regions:
            continue
        mask = np.zeros(heart.shape, dtype=bool)
        mask[heart.regions[key].box] = heart.regions[key].mask
        actors.append(surface_actor(mask, heart.ijk_to_ras, _color(key, key in case.trusted), thin=key in THIN))
    return actors


def _color(key: str, pale: bool) -> np.ndarray:
    color = np.array(load_vocabulary()[key].color) / 255
    return 1.0 - _PALE * (1.0 - color) if pale else color


def _draw_slice(case: WorstCase, axes: Axes) -> None:
    """The axial slice with most that is wrong: the truth filled, trusted structures pale, the completion as lines."""
    truth, place = case.truth, case.truth.ijk_to_ras
    index = np.argwhere(sum(case.wrong(key).astype(np.uint8) for key in case.dice))[:, ::-1]
    heights = (index @ place[:3, :3].T + place[:3, 3])[:, 2]
    counts, edges = np.histogram(heights, bins=np.arange(heights.min(), heights.max() + 2 * _STEP, _STEP))
    height = edges[np.argmax(counts)] + 0.5 * _STEP
    corners = np.argwhere(np.ones((2, 2, 2))) * (np.array(truth.shape[::-1]) - 1) @ place[:3, :3].T + place[:3, 3]
    low, high = corners.min(axis=0), corners.max(axis=0)
    right, front = np.arange(high[0], low[0], -_STEP), np.arange(low[1], high[1], _STEP)
    ras = np.stack([*np.meshgrid(right, front), np.full((len(front), len(right)), height)], axis=-1)
    kji = np.round((ras - place[:3, 3]) @ np.linalg.inv(place[:3, :3]).T).astype(int)[..., ::-1].reshape(-1, 3)
    picture = np.ones((*ras.shape[:2], 3))
    for key in (*case.trusted, *case.dice):
        if key in truth.regions:
            picture[truth.regions[key].holds(kji).reshape(picture.shape[:2])] = _color(key, key in case.trusted)
    shown = picture.min(axis=2) < 1.0
    axes.imshow(0.25 + 0.75 * picture, origin="lower", interpolation="nearest")
    for key in case.dice:
        if key in case.completed.regions:
            held = case.completed.regions[key].holds(kji).reshape(picture.shape[:2])
            shown |= held
            if held.any():
                axes.contour(held, levels=[0.5], colors=[0.6 * _color(key, pale=False)], linewidths=1.4)
    lines, columns = (np.flatnonzero(shown.any(axis=axis)) for axis in (1, 0))
    axes.set_xlim(columns[0] - 8, columns[-1] + 8)
    axes.set_ylim(lines[0] - 8, lines[-1] + 8)
    axes.set_title("axial, R on the left", fontsize=9)


def _save(figure: Figure, path: Path) -> None:
    """Write a PNG of few colours."""
    figure.set_dpi(_DPI)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[..., :3]
    Image.fromarray(np.ascontiguousarray(pixels)).quantize(_COLORS).save(path, optimize=True)
