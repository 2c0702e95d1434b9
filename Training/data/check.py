"""Look at prepared data: a page of samples over slices, and what is odd over all cases (check.md and check.png)."""

from __future__ import annotations

import argparse
import multiprocessing
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from CardiacCompletionLib.anatomy.vocabulary import load_vocabulary
from CardiacCompletionLib.errors import CompletionError
from CardiacCompletionLib.model.weights import load_model
from Training.data.hearts import PreparedHearts, read_manifest
from Training.data.oddities import Case, Findings, look_at
from Training.data.prepare import unmentioned_labels
from Training.data.sheet import draw_sheet
from Training.starting_point import with_new_places

PAGE, PICTURE = "check.md", "check.png"
_NAMED = 8  # cases that a line names


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", metavar="DIR", help="what `prepare` wrote; the page goes there too")
    parser.add_argument("--hearts", type=int, default=4, help="how many to draw, evenly spread")
    parser.add_argument("--workers", type=int, default=2)


def run(arguments: argparse.Namespace) -> None:
    folder = Path(arguments.folder)
    manifest = read_manifest(folder)
    hearts = PreparedHearts([folder], "all", tuple(manifest["structures"]))
    # The reference that ships knows left from right, whatever a data set of mirrored hearts thinks of itself.
    model = load_model()
    reference = with_new_places(model.reference, hearts)
    expectation = model.network.prior.expectation(model.network.config.structures)
    labels = {int(value): key for value, key in manifest["labels"].items()}
    cases = [
        Case(source, samples, hearts.structures, tuple(manifest["truncated"]), labels, reference, expectation)
        for source, samples in zip(hearts.sources, hearts.cases, strict=True)
    ]
    with multiprocessing.Pool(arguments.workers) as pool:
        found = list(tqdm(pool.imap(look_at, cases), total=len(cases), desc="Looking", unit="heart"))
    names, unmentioned = hearts.case_names, unmentioned_labels(manifest)
    text = page(manifest["data_set"], names, found, manifest["failed"], unmentioned)
    (folder / PAGE).write_text(text, encoding="utf-8")
    drawn = [index for index in hearts.spread_evenly(arguments.hearts) if found[index].volumes_ml]
    if not drawn:
        raise CompletionError(f"None of the label maps behind {folder} can be read: put them back where they were.")
    draw_sheet([(names[i], hearts.heart(i), hearts.cases[i]) for i in drawn], hearts.structures, folder / PICTURE)
    odd = sum(bool(findings.faults) for findings in found)
    print(f"{odd} of {len(found)} hearts are odd in some way: {folder / PAGE}")


def page(
    data_set: str,
    names: Sequence[str],
    found: Sequence[Findings],
    failed: dict[str, str],
    unmentioned: str,
) -> str:
    """Markdown: the picture, sizes of all structures, and what is odd, the commonest first."""
    lines = [f"# {data_set}: {len(names)} prepared hearts", "", f"![Samples over slices]({PICTURE})", ""]
    lines += ["Surface points over slices of the label maps; on the right, signed distances (inside is blue).", ""]
    lines += ["## Structures", "", *size_lines(found)]
    lines += ["", "## Odd", "", "What a data set shows only in part goes under `truncated` in its description.", ""]
    lines += [*_by_case(names, [findings.faults for findings in found]), *([f"- {unmentioned}"] if unmentioned else [])]
    lines += ["", "## Labelled in the data set, but not there", ""]
    lines += _by_case(names, [findings.missing for findings in found])
    if failed:
        lines += ["", "## Left out when prepared", "", *(f"- {name}: {reason}" for name, reason in failed.items())]
    return "\n".join(lines) + "\n"


def _by_case(names: Sequence[str], said: Sequence[Sequence[str]]) -> list[str]:
    """A line for everything that is said of a case, the commonest first, with the cases."""
    cases: dict[str, list[str]] = {}
    for name, sentences in zip(names, said, strict=True):
        for sentence in sentences:
            cases.setdefault(sentence, []).append(name)
    return [
        f"- {len(having)} of {len(names)}: {sentence} ({', '.join(having[:_NAMED])}"
        f"{', ...' if len(having) > _NAMED else ''})"
        for sentence, having in sorted(cases.items(), key=lambda item: -len(item[1]))
    ] or ["Nothing."]


def size_lines(found: Sequence[Findings]) -> list[str]:
    """A table of how many hearts have each structure, and of its volume."""
    lines = ["| structure | hearts | least, ml | median | most |", "|---|---|---|---|---|"]
    for structure in load_vocabulary():
        volumes = [findings.volumes_ml[structure.key] for findings in found if structure.key in findings.volumes_ml]
        if volumes:
            least, median, most = np.percentile(volumes, [0, 50, 100])
            lines.append(f"| {structure.name} | {len(volumes)} | {least:.1f} | {median:.1f} | {most:.1f} |")
    return lines
