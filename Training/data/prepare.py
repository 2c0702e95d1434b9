"""Turn a data set's label maps into training samples, one file a case; begun work is taken up again."""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from CardiacCompletionLib.anatomy.vocabulary import load_vocabulary
from CardiacCompletionLib.errors import CompletionError
from CardiacCompletionLib.files.reading import read_segmentation
from CardiacCompletionLib.files.replaced import replaced
from Training.data.description import DataSetDescription
from Training.data.meaning import heart_of, unmentioned
from Training.data.samples import VERSION, sample_case

MANIFEST = "manifest.json"
_BEGUN = "begun.json"
_NAMED = 8  # label values that a line names


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
    found = description.cases()
    splits = description.split.of(found)
    out = Path(arguments.out)
    try:
        (out / "cases").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CompletionError(f"{out} cannot be a folder for prepared data: choose another --out.") from error
    _refuse_other_meanings(description, arguments.seed, out)
    earlier = _earlier(out)
    jobs = [
        Job(source, out / "cases" / f"{case}.safetensors", description, arguments.seed, earlier.get(case))
        for case, source in found.items()
    ]
    with multiprocessing.Pool(arguments.workers) as pool:
        outcomes = list(tqdm(pool.imap(prepare_case, jobs), total=len(jobs), desc=description.name, unit="heart"))
    done = list(zip(jobs, outcomes, strict=True))
    failed = {str(job.source.relative_to(description.folder)): o.reason for job, o in done if o.reason}
    usable = [(job, outcome) for job, outcome in done if not outcome.reason]
    if not usable:
        raise CompletionError(f"{description.name}: none of {len(jobs)} cases is usable; first: {outcomes[0].reason}")
    manifest = {
        "data_set": description.name,
        "origin": description.origin.to_json(),
        "structures": list(load_vocabulary().keys),
        "labelled": list(description.labelled),
        "truncated": list(description.truncated),
        "labels": {str(value): key for value, key in description.used_labels.items()},
        "weight": description.weight,
        "training_weight": description.training_weight,
        "seed": arguments.seed,
        "cases": [
            {
                "source": str(job.source),
                "samples": job.target.name,
                "split": splits[job.case],
                "sha256": outcome.sha256,
                "unmentioned": outcome.unmentioned,
            }
            for job, outcome in usable
        ],
        "failed": failed,
    }
    _write(manifest, out / MANIFEST)
    print(f"{len(usable)} hearts prepared in {out}, {len(failed)} left out")
    for name, reason in failed.items():
        print(f"  {name}: {reason}")
    if said := unmentioned_labels(manifest):
        print(said)


def unmentioned_labels(manifest: Mapping[str, Any]) -> str:
    """A sentence on labels and segments in a data set's files that its description does not mention; or nothing."""
    having: dict[str, list[str]] = {}
    for case in manifest["cases"]:
        for value in case.get("unmentioned", ()):
            having.setdefault(value, []).append(Path(case["samples"]).stem)
    if not having:
        return ""
    said = [
        f"{value} in {len(cases)} of {len(manifest['cases'])} ({cases[0]} first)" for value, cases in having.items()
    ]
    return (
        "Labels that the description does not mention were taken for background: "
        f"{', '.join(said[:_NAMED])}{', ...' if len(said) > _NAMED else ''}."
    )


@dataclass(frozen=True)
class Job:
    """One case to prepare.

    Attributes:
        source: its label map.
        target: where its samples go.
        earlier: what an earlier manifest says of it, if there was one.
    """

    source: Path
    target: Path
    description: DataSetDescription
    seed: int
    earlier: Mapping[str, Any] | None

    @property
    def case(self) -> str:
        return self.target.stem


@dataclass(frozen=True)
class Outcome:
    """What became of a case.

    Attributes:
        reason: why it cannot be used; empty if it can.
        sha256: of its samples.
        unmentioned: label values or segments in it that its description does not mention.
    """

    reason: str = ""
    sha256: str = ""
    unmentioned: tuple[str, ...] = ()


def prepare_case(job: Job) -> Outcome:
    """Prepare one case, unless its samples are there, undamaged and newer than its label map."""
    if job.target.exists() and job.target.stat().st_mtime >= job.source.stat().st_mtime:
        sha256 = checksum(job.target)
        if job.earlier is None:
            return Outcome("", sha256, unmentioned(read_segmentation(job.source), job.description.labels))
        if job.earlier["sha256"] == sha256:
            return Outcome("", sha256, tuple(job.earlier.get("unmentioned", ())))
    try:
        segmentation, known = read_segmentation(job.source), job.description
        heart = heart_of(segmentation, known.used_labels)
        if not heart.regions:
            return Outcome("none of the structures of the description is in it.")
        name_seed = int.from_bytes(hashlib.sha256(job.source.name.encode()).digest()[:4], "little")
        generator = np.random.default_rng([job.seed, name_seed])
        keys = load_vocabulary().keys
        sample_case(heart, keys, known.labelled, known.truncated, generator).save(job.target)
        return Outcome("", checksum(job.target), unmentioned(segmentation, known.labels))
    except CompletionError as error:
        return Outcome(str(error))


def checksum(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _refuse_other_meanings(description: DataSetDescription, seed: int, out: Path) -> None:
    """What samples depend on is noted when they are begun; with anything else they are not taken up.

    Raises:
        CompletionError: if they were begun with something else.
    """
    note = {
        "labels": {str(value): key for value, key in description.used_labels.items()},
        "labelled": list(description.labelled),
        "truncated": list(description.truncated),
        "seed": seed,
        "version": VERSION,
    }
    path = out / _BEGUN
    begun = json.loads(path.read_text(encoding="utf-8")) if path.exists() else note
    changed = [name for name in note if note[name] != begun.get(name)]
    if changed:
        raise CompletionError(
            f"{out} was begun with other {' and '.join(changed)}: choose another folder, or delete it to begin anew."
        )
    _write(note, path)


def _earlier(out: Path) -> dict[str, dict[str, Any]]:
    """Case -> what an earlier run said of it; nothing where the manifest is missing or damaged."""
    try:
        cases = json.loads((out / MANIFEST).read_text(encoding="utf-8"))["cases"]
        return {Path(case["samples"]).stem: case for case in cases if case["sha256"]}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _write(content: Mapping[str, Any], path: Path) -> None:
    with replaced(path) as partial:
        partial.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
