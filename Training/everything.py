"""From nothing to weights in one go: cohort, samples, phases, export, evaluation; what is done is not done again."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from Training.run_folder import RunFolder
from Training.settings import Settings

_DATA_SETS = Path(__file__).with_name("data_sets")
# Hearts of the virtual cohort; a tenth of them is kept for tests.
HEARTS = {"tiny": 24, "quick": 480, "cpu": 1000, "gpu": 5000, "cluster": 20000}
_COHORT_SPACING = {"tiny": 3.0}
_USUAL_SPACING = 1.5
# Of weights that learnt from virtual hearts and those of data_sets/real.yaml.
_LICENCE = "Apache-2.0"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--preset", default="cpu", choices=sorted(HEARTS), help="size of cohort, network and schedule")
    parser.add_argument("--out", required=True, metavar="RUN", help="folder for everything that is made")
    parser.add_argument(
        "--phases",
        type=int,
        nargs="+",
        default=[0, 1, 2, 4],
        metavar="N",
        help="which phases; 1, 2, 4 follow each other",
    )
    parser.add_argument("--real", metavar="FOLDER", help="real label maps as in data_sets/real.yaml, for phase 4")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)


def run(arguments: argparse.Namespace) -> None:
    out = Path(arguments.out)
    spacing = _COHORT_SPACING.get(arguments.preset, _USUAL_SPACING)
    count, workers = str(HEARTS[arguments.preset]), str(arguments.workers)
    virtual, real = out / "prepared" / "virtual", out / "prepared" / "real"
    _step("cohort", "--count", count, "--spacing", str(spacing), "--out", out / "cohort", "--workers", workers)
    description = _DATA_SETS / "virtual.yaml"
    _step("prepare", description, "--folder", out / "cohort", "--out", virtual, "--workers", workers)
    if arguments.real:
        _step("prepare", _DATA_SETS / "real.yaml", "--folder", arguments.real, "--out", real, "--workers", workers)
    last: Path | None = None
    for phase in arguments.phases:
        data = [virtual, real] if phase == 4 and arguments.real else [virtual]
        folder = out / f"phase{phase}"
        _fit(phase, arguments, data, folder, last)
        if phase in (1, 2, 4):
            last = folder
    shipped = last or out / f"phase{arguments.phases[-1]}"
    weights = out / "weights" / "cardiac10.safetensors"
    _step("export", shipped, "--out", weights, "--licence", _LICENCE)
    _step("calibrate", "--data", virtual, "--weights", weights, *(["--real", real] if arguments.real else []))
    report = out / "RESULTS.md"
    _step(
        "evaluate", "--data", virtual, "--training", virtual, "--weights", weights, "--hearts", "8", "--report", report
    )
    print(f"Weights: {weights}\nResults: {report}")


def _fit(phase: int, arguments: argparse.Namespace, data: Sequence[Path], folder: Path, earlier: Path | None) -> None:
    if RunFolder(folder).is_done(Settings.read(phase, arguments.preset).total_steps):
        print(f"Phase {phase} is done: {folder}")
        return
    words = ["--phase", str(phase), "--preset", arguments.preset, "--seed", str(arguments.seed), "--out", folder]
    words += ["--data", *data, "--threads", str(arguments.workers)]
    _step("fit", *words, *(["--init", earlier] if earlier and phase > 1 else []))


def _step(*words: str | Path) -> None:
    """One command of ``python -m Training``; its sentence of failure ends everything.

    Raises:
        CompletionError: what the command raises.
    """
    from Training.__main__ import execute

    print("\n== " + " ".join(map(str, words)), flush=True)
    execute([str(word) for word in words])
