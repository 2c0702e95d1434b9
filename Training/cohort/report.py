"""Write a page (report.md and PNG) on a cohort: checks, sizes against published ones, correlations, a contact sheet."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.image import imsave
from tqdm import tqdm

from CardiacCompletionLib.anatomy.vocabulary import load_vocabulary
from CardiacCompletionLib.errors import CompletionError
from Training.cohort.checks import faults
from Training.cohort.factors import population
from Training.cohort.figures import PLANES, VIEWS, slices, surfaces
from Training.cohort.fit_command import read_real
from Training.cohort.likeness import ANCHORS, compare, comparison_lines
from Training.cohort.published import PUBLISHED
from Training.cohort.record import factors_of, read_rows

Rows = Mapping[str, Mapping[str, str]]

_SHEET = 24  # hearts on the contact sheet
_LIKENESS = 80  # hearts in diastole whose mean is set beside real ones
_CHAMBERS = ("myocardium", "left_ventricle", "right_ventricle", "left_atrium", "right_atrium")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, help="a folder written by the cohort command; the page goes there too")
    parser.add_argument("--real", type=Path, help="label maps of real hearts, to set sizes, ties and places beside")


def run(arguments: argparse.Namespace) -> None:
    folder: Path = arguments.folder
    rows = {name: row for name, row in read_rows(folder).items() if (folder / f"{name}.nii.gz").exists()}
    if len(rows) < 2:
        raise CompletionError(f"{folder} holds no cohort: write one with the cohort command first.")
    found = check(folder, rows)
    volume_figure(rows, folder / "volumes.png")
    contact_sheet(folder, list(rows)[:_SHEET], rows, folder / "hearts.png")
    real = real_volumes(arguments.real) if arguments.real else {}
    beside = likeness_lines(folder, rows, arguments.real) if arguments.real else []
    lines = [
        f"# Virtual cohort: {len(rows)} hearts",
        "",
        "Virtual hearts, not patients. Volumes in ml at the voxel size of the cohort.",
        "",
        "## Checks",
        "",
        *check_lines(found, len(rows)),
        "",
        "## Against published ranges",
        "",
        *published_lines(rows),
        "",
        "## Volumes",
        "",
        *volume_lines(rows),
        "",
        "![Volumes per structure](volumes.png)",
        "",
        "## Variants",
        "",
        *variant_lines(rows),
        "",
        "## Correlation of chamber volumes (logarithms)",
        "",
        *correlation_lines(rows, real),
        "",
        *beside,
        "## Hearts",
        "",
        f"Columns: {', '.join(VIEWS)}; {', '.join(PLANES)}. The thin walls are left out of the surfaces.",
        "",
        "![Contact sheet](hearts.png)",
        "",
    ]
    (folder / "report.md").write_text("\n".join(lines), encoding="utf-8")
    print(folder / "report.md")


def check(folder: Path, rows: Rows) -> dict[str, list[str]]:
    """Fault -> the cases that show it."""
    found: dict[str, list[str]] = {}
    for name in tqdm(rows, desc="Checks", unit="heart"):
        for fault in faults(read_real(folder / f"{name}.nii.gz")):
            found.setdefault(fault, []).append(name)
    return found


def check_lines(found: Mapping[str, Sequence[str]], count: int) -> list[str]:
    """What was found, the commonest fault first."""
    if not found:
        return [f"All {count} hearts hold all structures, whole, in contact with their neighbours; none overlap."]
    counts = Counter({fault: len(cases) for fault, cases in found.items()})
    return [f"- {number} of {count}: {fault} ({', '.join(found[fault][:4])})" for fault, number in counts.most_common()]


def column(rows: Rows, name: str, phase: str = "") -> np.ndarray:
    """A column's numbers, of all cases or of one phase of the cycle."""
    return np.array([float(row[name]) for row in rows.values() if phase in ("", row["phase"])])


def published_lines(rows: Rows) -> list[str]:
    """A table: the cohort's median and 5th to 95th percentile beside the published range, and whether it holds them."""
    lines = ["| quantity | cohort: median (5 to 95 %) | published | inside | source |", "|---|---|---|---|---|"]
    for entry in PUBLISHED:
        values = entry.factor * column(rows, entry.column, entry.phase)
        if not values.size:
            continue
        low, median, high = np.percentile(values, [5, 50, 95])
        ours = f"{median:.1f} ({low:.1f} to {high:.1f}) {entry.unit}"
        inside = "yes" if entry.low <= low and high <= entry.high else "**no**"
        lines.append(f"| {entry.name} | {ours} | {entry.low:g} to {entry.high:g} | {inside} | {entry.source} |")
    return lines


def volume_lines(rows: Rows) -> list[str]:
    """A table of every structure's volume."""
    lines = ["| structure | 5 % | median | 95 % |", "|---|---|---|---|"]
    for structure in load_vocabulary():
        low, median, high = np.percentile(column(rows, f"{structure.key}_ml"), [5, 50, 95])
        lines.append(f"| {structure.name} | {low:.1f} | {median:.1f} | {high:.1f} |")
    return lines


def variant_lines(rows: Rows) -> list[str]:
    """A table: how often each kind of a variant was drawn, beside the share that the population's source gives."""
    lines = ["| variant | cohort, source |", "|---|---|"]
    for name, row in ((n, row) for theme in population().table["variants"].values() for n, row in theme.items()):
        drawn = Counter(each[name] for each in rows.values())
        shares = [f"{kind} {drawn[kind] / len(rows):.2f}, {share:.2f}" for kind, share in row["frequency"].items()]
        lines.append(f"| {name.replace('_', ' ')} ({row['source']}) | {'; '.join(shares)} |")
    return lines


def correlation_lines(rows: Rows, real: Mapping[str, np.ndarray]) -> list[str]:
    """A table of correlations in diastole, and of those over real hearts where they are given."""
    ours = {key: np.log(column(rows, f"{key}_ml", "diastole")) for key in _CHAMBERS}
    lines = ["| pair | cohort | real hearts |", "|---|---|---|"]
    weights = np.where(np.isnan(real["myocardium"]), 0.5, 1.0) if real else None  # as much as they count in the fits
    for i, first in enumerate(_CHAMBERS):
        for second in _CHAMBERS[i + 1 :]:
            here = _correlation(ours[first], ours[second])
            there = _correlation(real[first], real[second], weights) if real else "–"
            lines.append(f"| {first.replace('_', ' ')}, {second.replace('_', ' ')} | {here} | {there} |")
    return lines


def _correlation(first: np.ndarray, second: np.ndarray, weights: np.ndarray | None = None) -> str:
    """Correlation over the hearts that have both, with their number; a dash for fewer than five."""
    both = ~(np.isnan(first) | np.isnan(second))
    if np.count_nonzero(both) < 5:
        return "–"
    spread = np.cov(first[both], second[both], aweights=None if weights is None else weights[both])
    return f"{spread[0, 1] / np.sqrt(spread[0, 0] * spread[1, 1]):.2f} (n = {np.count_nonzero(both)})"


def real_volumes(folder: Path) -> dict[str, np.ndarray]:
    """Logarithms of the chambers' volumes over the hearts of a folder that label all four; NaN where one is missing."""
    volumes: dict[str, list[float]] = {key: [] for key in _CHAMBERS}
    for path in sorted(folder.glob("*.nii.gz")):
        label_map = read_real(path)
        counts = np.bincount(label_map.voxels.ravel(), minlength=16) * label_map.voxel_volume_ml
        sizes = {key: float(counts[load_vocabulary()[key].label]) for key in _CHAMBERS}
        if all(sizes[key] > 0 for key in _CHAMBERS[1:]):
            for key, size in sizes.items():
                volumes[key].append(np.log(size) if size > 0 else np.nan)
    return {key: np.array(values) for key, values in volumes.items()}


def likeness_lines(folder: Path, rows: Rows, real: Path) -> list[str]:
    """A section on where the mean heart's structures lie beside those of real hearts on the same left ventricle."""
    names = [name for name, row in rows.items() if row["phase"] == "diastole"][:_LIKENESS]
    labels = {load_vocabulary()[key].label for key in ANCHORS}
    others = [read_real(path) for path in sorted(real.glob("*.nii.gz"))]
    others = [label_map for label_map in others if labels <= set(np.unique(label_map.voxels).tolist())]
    table = comparison_lines(compare([read_real(folder / f"{name}.nii.gz") for name in names], others))
    title = (
        f"## The mean of {len(names)} hearts in diastole on the left ventricle and muscle of {len(others)} real ones"
    )
    return [title, "", *table, ""]


def volume_figure(rows: Rows, path: Path) -> None:
    """Box plots of all volumes on a logarithmic axis."""
    structures = list(load_vocabulary())
    figure = Figure(figsize=(9, 5), layout="constrained")
    axes = figure.subplots()
    boxes = axes.boxplot([column(rows, f"{s.key}_ml") for s in structures], patch_artist=True, whis=(5, 95), sym="")
    for box, structure in zip(boxes["boxes"], structures, strict=True):
        box.set_facecolor(np.array(structure.color) / 255)
    axes.set_xticks(range(1, len(structures) + 1), [s.name for s in structures], rotation=55, ha="right")
    axes.set_yscale("log")
    axes.set_ylabel("ml")
    figure.savefig(path, dpi=110)


def contact_sheet(folder: Path, names: Sequence[str], rows: Rows, path: Path, size: int = 130) -> None:
    """Two hearts a row, each seen from four sides and cut along five planes."""
    strips = []
    for name in tqdm(names, desc="Contact sheet", unit="heart"):
        label_map = read_real(folder / f"{name}.nii.gz")
        pictures = surfaces(label_map, size) + slices(label_map, factors_of(rows[name]), size)
        strips.append(np.concatenate(pictures, axis=1))
    if len(strips) % 2:
        strips.append(np.ones_like(strips[0]))
    half = len(strips) // 2
    gap = np.ones((size, 12, 3))
    sheet = [np.concatenate([a, gap, b], axis=1) for a, b in zip(strips[:half], strips[half:], strict=True)]
    imsave(path, np.clip(np.concatenate(sheet), 0, 1))
