"""cohort.csv: a row a case, with its seed, variants, measures and volumes."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from CardiacCompletionLib.anatomy.vocabulary import load_vocabulary
from CardiacCompletionLib.errors import CompletionError
from CardiacCompletionLib.files.replaced import replaced
from Training.cohort.factors import Factors, population
from Training.cohort.heart import VirtualHeart

FILE_NAME = "cohort.csv"


def case_name(seed: int) -> str:
    """The name of a seed's case, e.g. heart_000042; its label map adds .nii.gz."""
    return f"heart_{seed:06d}"


def columns() -> list[str]:
    """The columns of cohort.csv: volumes are in ml, measures in the unit that population.json states."""
    variants = [name for rows in population().table["variants"].values() for name in rows]
    volumes = [f"{structure.key}_ml" for structure in load_vocabulary()]
    return ["case", "seed", "spacing_mm", *volumes, *variants, *population().names]


def row_of(heart: VirtualHeart) -> dict[str, str]:
    """A heart's row; floats are written so that reading them gives the same number back."""
    row = {"case": case_name(heart.seed), "seed": str(heart.seed), "spacing_mm": f"{heart.label_map.spacing[0]:g}"}
    row |= {f"{key}_ml": f"{volume:.3f}" for key, volume in heart.volumes_ml.items()}
    row |= heart.factors.variants
    return row | {name: repr(heart.factors[name]) for name in population().names}


def factors_of(row: Mapping[str, str]) -> Factors:
    """The factors that a row records."""
    variants = {name: row[name] for rows in population().table["variants"].values() for name in rows}
    return Factors({name: float(row[name]) for name in population().names}, variants, surface_seed=int(row["seed"]))


def same_heart(row: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """Whether two rows are of one heart, but for what another computer rounds differently."""
    numbers = [name for name in columns() if name.endswith("_ml") or name in population().names]
    ours, theirs = (np.array([float(values[name]) for name in numbers]) for values in (row, other))
    words = [name for name in columns() if name not in numbers and name != "spacing_mm"]
    return all(row[name] == other[name] for name in words) and np.allclose(ours, theirs, rtol=1e-3, atol=0.05)


def read_rows(folder: Path) -> dict[str, dict[str, str]]:
    """Case name -> row of a cohort folder; empty where there is no cohort.csv. A torn last line is left out.

    Raises:
        CompletionError: when the file was written by another version of the generator.
    """
    path = folder / FILE_NAME
    if not path.exists():
        return {}
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        if reader.fieldnames != columns():
            raise CompletionError(f"{path} holds other factors than this version writes: choose an empty folder.")
        return {row["case"]: row for row in reader if None not in row.values() and None not in row}


def write_rows(folder: Path, rows: Iterable[Mapping[str, str]]) -> None:
    """Write cohort.csv in case order."""
    with replaced(folder / FILE_NAME) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns())
        writer.writeheader()
        writer.writerows(sorted(rows, key=lambda row: row["case"]))


def append_row(folder: Path, row: Mapping[str, str]) -> None:
    """Add one row at once, so that an interrupted run knows what it has finished."""
    path = folder / FILE_NAME
    new = not path.exists()
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns())
        if new:
            writer.writeheader()
        writer.writerow(row)
