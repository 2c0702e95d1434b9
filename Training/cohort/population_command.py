"""Make population.json: the assumed and cited table of prior.json, moved by the fits of real hearts."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path

from Training.cohort.factors import Population
from Training.cohort.recentre import read_fits, recentred

PRIOR_PATH = Path(__file__).with_name("prior.json")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("fits", type=Path, help="a folder written by the cohort-fit command")
    parser.add_argument("--out", type=Path, required=True, help="the table to write, e.g. a population.json")


def run(arguments: argparse.Namespace) -> None:
    prior = Population(json.loads(PRIOR_PATH.read_text(encoding="utf-8")))
    hearts = read_fits(arguments.fits, prior)
    arguments.out.write_text(written(recentred(prior, hearts)), encoding="utf-8")
    print(f"{arguments.out}: {len(hearts)} hearts, counted as {sum(heart.weight for heart in hearts):g}")


def written(table: Mapping[str, Mapping]) -> str:
    """A population's table as JSON with a measure or variant a line."""
    parts = [f' "sources": {_lines(table["sources"], 2)}']
    for part in ("measures", "variants"):
        themes = ",\n".join(f'  "{theme}": {_lines(rows, 3)}' for theme, rows in table[part].items())
        parts.append(f' "{part}": {{\n{themes}\n }}')
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _lines(rows: Mapping[str, object], depth: int) -> str:
    """An object with one entry a line, indented by `depth` spaces."""
    inside = ",\n".join(f'{" " * depth}"{name}": {json.dumps(row, ensure_ascii=False)}' for name, row in rows.items())
    return f"{{\n{inside}\n{' ' * (depth - 1)}}}"
