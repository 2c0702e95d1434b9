"""Measure what a phase must show on hearts that no training used, and say whether it does."""

from __future__ import annotations

import argparse
import importlib
from pathlib import Path

from CardiacCompletionLib.errors import CompletionError
from Training.evaluation.report import write_section
from Training.schemes import schemes

# Phase -> module with ``measured(arguments)``, which gives back Markdown: a heading and tables.
PHASES = {
    0: "Training.evaluation.reconstruction",
    1: "Training.evaluation.reconstruction",
    2: "Training.evaluation.completion",
    3: "Training.evaluation.transfer",
    4: "Training.evaluation.fine_tuning",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--phase", type=int, default=2, choices=PHASES, help="whose goals (default: completion)")
    parser.add_argument("--data", required=True, metavar="DIR", help="prepared hearts to measure on (test split)")
    parser.add_argument(
        "--training",
        nargs="+",
        default=[],
        metavar="DIR",
        help="prepared hearts the baselines learn from; phase 3: cohort A, then cohort B",
    )
    parser.add_argument(
        "--weights",
        nargs="+",
        default=[None],
        metavar="FILE",
        help="without it, the weights that ship; phase 4: one file a fold, in their order",
    )
    parser.add_argument("--before", metavar="FILE", help="weights of the phase before, for phases 3 and 4")
    parser.add_argument("--full", metavar="FILE", help="phase 3: weights trained with full labels")
    parser.add_argument("--unmasked", metavar="FILE", help="phase 3: weights trained without the masked loss")
    parser.add_argument("--fold", type=int, help="phase 2: of data sets dealt into folds, the one to measure on")
    parser.add_argument("--schemes", default=",".join(schemes()), metavar="NAME[,NAME...]")
    parser.add_argument("--hearts", type=int, default=20, help="test hearts at most")
    parser.add_argument("--baseline-hearts", type=int, default=80, help="training hearts the baselines learn from")
    parser.add_argument(
        "--equally-valid",
        type=int,
        default=0,
        metavar="N",
        help="phase 2, virtual hearts: N others a heart that share what is trusted, for the limit of any completion",
    )
    parser.add_argument("--spacing", type=float, default=2.0, metavar="MM")
    parser.add_argument(
        "--report",
        type=Path,
        metavar="OUT.md",
        help="write the section of this phase there too, its pictures beside it",
    )


def run(arguments: argparse.Namespace) -> None:
    unknown = [name for name in arguments.schemes.split(",") if name not in schemes()]
    if unknown:
        raise CompletionError(f"There is no scheme {unknown[0]}; choose from: {', '.join(schemes())}.")
    text = importlib.import_module(PHASES[arguments.phase]).measured(arguments)
    print(text)
    if arguments.report:
        write_section(arguments.report, text)
