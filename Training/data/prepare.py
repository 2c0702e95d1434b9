"""Turn a data set's label maps into training samples, one file a case; begun work is taken up again."""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from CardiacCompletionLib.anatomy.heart import Heart
from CardiacCompletionLib.anatomy.vocabulary import load_vocabulary
from CardiacCompletionLib.errors import CompletionError
from CardiacCompletionLib.files.reading import read_segmentation
from CardiacCompletionLib.geometry.label_map import LabelMap
from Training.data.description import DataSetDescription
from Training.data.samples import sample_case

MANIFEST = "manifest.json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("description", metavar="DATASET.yaml")
    parser.add_argument("--folder", metavar="DIR", help="where the label maps lie, if not where the description says")
    parser.add_argument("--out", required=True, metavar="DIR")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)


def run(arguments: argparse.Namespace) -> None:
    description = DataSetDescription.read(arguments.description)
    if arguments.folder:
        description = replace(description, folder=Path(arguments.folder).resolve())
    out = Path(arguments.out)
    (out / "cases").mkdir(parents=True, exist_ok=True)
    jobs = [Job(path, description, out / "cases", arguments.seed) for path in description.cases()]
    with multiprocessing.Pool(arguments.workers) as pool:
        outcomes = list(tqdm(pool.imap(prepare_case, jobs), total=len(jobs), desc=description.name, unit="heart"))
    failed = {job.source.name: reason for job, reason in zip(jobs, outcomes, strict=True) if reason}
    usable = [job for job in jobs if job.source.name not in failed]
    if not usable:
        raise CompletionError(f"{description.name}: none of {len(jobs)} cases is usable; first: {outcomes[0]}")
    splits = description.splits()
    manifest = {
        "data_set": description.name,
        "origin": description.origin.to_json(),
        "structures": list(load_vocabulary().keys),
        "labelled": list(description.labelled),
        "labels": {str(value): key for value, key in description.used_labels.items()},
        "weight": description.weight,
        "seed": arguments.seed,
        "cases": [
            {
                "source": str(job.source),
                "samples": job.target.name,
                "split": splits[job.source.name],
                "sha256": hashlib.sha256(job.target.read_bytes()).hexdigest(),
            }
            for job in usable
        ],
        "failed": failed,
    }
    (out / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    print(f"{len(usable)} hearts prepared in {out}, {len(failed)} left out")
    for name, reason in failed.items():
        print(f"  {name}: {reason}")


@dataclass(frozen=True)
class Job:
    """One case to prepare."""

    source: Path
    description: DataSetDescription
    folder: Path
    seed: int

    @property
    def target(self) -> Path:
        return self.folder / f"{self.source.name.split('.')[0]}.safetensors"


def prepare_case(job: Job) -> str | None:
    """Prepare one case unless it is done; the reason if it cannot be."""
    if job.target.exists():
        return None
    try:
        heart = read_heart(job.source, job.description.used_labels)
        if not heart.regions:
            return "none of the labels in it is in the description"
        name_seed = int.from_bytes(hashlib.sha256(job.source.name.encode()).digest()[:4], "little")
        generator = np.random.default_rng([job.seed, name_seed])
        known = job.description
        keys = load_vocabulary().keys
        sample_case(heart, keys, known.labelled, known.truncated, generator).save(job.target)
    except CompletionError as error:
        return str(error)
    return None


def read_heart(path: Path, labels: dict[int, str]) -> Heart:
    """A case's label map as a heart."""
    segmentation = read_segmentation(path)
    return Heart.from_label_map(LabelMap(segmentation.layers[0], segmentation.ijk_to_ras), labels)
