"""Fit the factors and a pose to real hearts; print how well, and write what they say about the population."""

from __future__ import annotations

import argparse
import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from CardiacCompletionLib.errors import CompletionError
from CardiacCompletionLib.files.reading import read_segmentation
from CardiacCompletionLib.geometry.label_map import LabelMap
from Training.cohort.compose import GAPS
from Training.cohort.factors import population
from Training.cohort.fitting import fit
from Training.cohort.real_heart import RealHeart
from Training.cohort.recentre import FittedHeart, write_fits

_CHAMBERS = ("left_ventricle", "myocardium", "right_ventricle", "left_atrium", "right_atrium")
AIMS = dict.fromkeys(_CHAMBERS, 0.85) | {"aorta": 0.7, "pulmonary_artery": 0.7}  # Dice that a fit should reach


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, help="label maps of real hearts (.nii.gz, cardiac10 labels)")
    parser.add_argument("--out", type=Path, required=True, help="folder for dice.csv and, for cohort-population, fits")
    parser.add_argument("--rounds", type=int, default=8, help="Levenberg-Marquardt rounds (default 8)")
    parser.add_argument(
        "--same-patient",
        nargs="+",
        default=[],
        metavar="CASE",
        help="cases that show one patient; together they count as one heart",
    )
    parser.add_argument(
        "--half",
        nargs="+",
        default=[],
        metavar="CASE",
        help="cases that count half: hearts after death, whose cavities no longer hold what they held in life",
    )


def run(arguments: argparse.Namespace) -> None:
    paths = sorted(arguments.folder.glob("*.nii.gz"))
    if not paths:
        raise CompletionError(f"{arguments.folder} holds no label maps (.nii.gz).")
    arguments.out.mkdir(parents=True, exist_ok=True)
    hearts, overlaps = [], {}
    for path in tqdm(paths, desc="Real hearts", unit="heart"):
        name = path.name.removesuffix(".nii.gz")
        try:
            real = RealHeart(read_real(path))
        except CompletionError as error:
            tqdm.write(f"{name}: left out. {error}")
            continue
        found = fit(real, population().mean().variants, arguments.rounds)
        overlaps[name] = found.dice(real)
        weight = weight_of(name, real.keys, arguments)
        spreads = population().spreads
        hearts.append(FittedHeart(name, weight, found.measures, found.covariance * np.outer(spreads, spreads)))
        tqdm.write(f"{name}: " + ", ".join(f"{key} {dice:.2f}" for key, dice in overlaps[name].items()))
    if not hearts:
        raise CompletionError(f"{arguments.folder} holds no heart with all four chambers labelled.")
    write_fits(arguments.out, population(), hearts)
    write_dice(arguments.out / "dice.csv", overlaps)
    print(summary(overlaps))


def weight_of(name: str, keys: Sequence[str], arguments: argparse.Namespace) -> float:
    """How many hearts a case with these structures counts for."""
    weight = 1 / len(arguments.same_patient) if name in arguments.same_patient else 1.0
    if name in arguments.half:
        weight *= 0.5
    if "myocardium" not in keys:  # all else is placed by the left ventricle in its muscle, unseen here
        weight *= 0.5
    return weight


def read_real(path: Path) -> LabelMap:
    """A label map as it lies on disk.

    Raises:
        CompletionError: when it cannot be read.
    """
    segmentation = read_segmentation(path)
    return LabelMap(segmentation.layers[0], segmentation.ijk_to_ras)


def write_dice(path: Path, overlaps: Mapping[str, Mapping[str, float]]) -> None:
    """One row a heart: the Dice of each structure; empty where the heart does not label it."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["case", *GAPS], restval="")
        writer.writeheader()
        for name, overlap in overlaps.items():
            writer.writerow({"case": name} | {key: f"{dice:.3f}" for key, dice in overlap.items()})


def summary(overlaps: Mapping[str, Mapping[str, float]]) -> str:
    """Mean and worst Dice of each structure over the hearts that label it, and which fits fall short of the aims."""
    lines = [f"{'structure':24s} hearts  mean  worst"]
    for key in GAPS:
        values = [overlap[key] for overlap in overlaps.values() if key in overlap]
        if values:
            lines.append(f"{key:24s} {len(values):6d}  {np.mean(values):.3f} {np.min(values):.3f}")
    for key, aim in AIMS.items():
        short = [f"{name} {found[key]:.2f}" for name, found in overlaps.items() if found.get(key, 1.0) < aim]
        if short:
            lines.append(f"{key} below {aim}: {', '.join(short)}")
    return "\n".join(lines)
