"""Write virtual hearts: one label map (.nii.gz) a case, and cohort.csv with every factor and volume."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from tqdm import tqdm

from CardiacCompletionLib.errors import CompletionError
from CardiacCompletionLib.files.label_map_file import write_label_map
from Training.cohort.hanging import AtlasSource
from Training.cohort.heart import VirtualHeart, heart
from Training.cohort.record import append_row, case_name, read_rows, row_of, same_heart, write_rows


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--count", type=int, required=True, help="how many hearts")
    parser.add_argument("--spacing", type=float, default=1.5, help="voxel edge in mm (default 1.5, at least 0.5)")
    parser.add_argument("--out", type=Path, required=True, help="folder; what it already holds is not made again")
    parser.add_argument("--workers", type=int, default=1, help="processes (default 1)")
    parser.add_argument(
        "--atlas",
        type=Path,
        metavar="FILE",
        help="take the chambers from surfaces in correspondence (.npz, format in Training/cohort/atlas.py)",
    )
    parser.add_argument("--first-seed", type=int, default=0, help="seed of the first heart; the others follow on")


def run(arguments: argparse.Namespace) -> None:
    if arguments.count < 1 or arguments.workers < 1 or arguments.spacing < 0.5 or arguments.first_seed < 0:
        raise CompletionError(
            "Ask for at least one heart and one worker, a spacing of 0.5 mm or more, a seed from 0 on."
        )
    folder: Path = arguments.out
    folder.mkdir(parents=True, exist_ok=True)
    rows = {case: row for case, row in read_rows(folder).items() if (folder / f"{case}.nii.gz").exists()}
    if any(float(row["spacing_mm"]) != arguments.spacing for row in rows.values()):
        raise CompletionError(f"{folder} holds hearts at another spacing: choose another folder.")
    write_rows(folder, rows.values())
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.count)
    missing = [seed for seed in seeds if case_name(seed) not in rows]
    source = AtlasSource.prepared(arguments.atlas, folder).heart if arguments.atlas else procedural
    if missing and rows:
        _refuse_another_population(next(iter(rows.values())), source, folder)
    progress = tqdm(total=len(seeds), initial=len(seeds) - len(missing), desc="Virtual hearts", unit="heart")
    with progress:
        for row in generate(missing, folder, source, arguments.spacing, arguments.workers):
            append_row(folder, row)
            progress.update()
    write_rows(folder, read_rows(folder).values())


def _refuse_another_population(
    row: Mapping[str, str], source: Callable[[int, float], VirtualHeart], folder: Path
) -> None:
    """Make one of the hearts that are there again.

    Raises:
        CompletionError: if it is another one.
    """
    if not same_heart(row, row_of(source(int(row["seed"]), float(row["spacing_mm"])))):
        raise CompletionError(
            f"{folder} holds hearts of another population, atlas or version: choose another folder, or delete it."
        )


def procedural(seed: int, spacing: float) -> VirtualHeart:
    """The heart of a seed, all of it from the population's factors."""
    return heart(seed, spacing=spacing)


def generate(
    seeds: list[int], folder: Path, source: Callable[[int, float], VirtualHeart], spacing: float, workers: int
) -> Iterator[dict[str, str]]:
    """Write the label map of each seed and yield its row, in no particular order if workers share the work."""
    make = partial(make_case, folder=folder, source=source, spacing=spacing)
    if workers == 1:
        yield from map(make, seeds)
        return
    with get_context("spawn").Pool(workers) as pool:
        yield from pool.imap_unordered(make, seeds)


def make_case(seed: int, folder: Path, source: Callable[[int, float], VirtualHeart], spacing: float) -> dict[str, str]:
    """Write one heart's label map; return its row of cohort.csv."""
    virtual = source(seed, spacing)
    write_label_map(virtual.label_map, folder / f"{case_name(seed)}.nii.gz")
    return row_of(virtual)
