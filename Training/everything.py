"""From nothing to weights in one go: cohort, samples, phases, export, evaluation; what is done is not done again."""

from __future__ import annotations

import argparse
from pathlib import Path

from Training.data.hearts import folds_of
from Training.run_folder import RunFolder
from Training.settings import Settings

_DATA_SETS = Path(__file__).with_name("data_sets")
# Hearts of the virtual cohort; a tenth of them is kept for tests, and one in twenty is of phase 3's cohort B.
HEARTS = {"tiny": 48, "quick": 480, "cpu": 4000, "gpu": 5000, "cluster": 20000}
_COHORT_SPACING = {"tiny": 3.0}
_USUAL_SPACING = 1.5
# Where phase 1 is but what phase 2 begins with, more than this does it no good (Training/EXPERIMENTS.md).
_FIRST_PRESET = {"cpu": "quick"}
# Of weights that learnt from virtual hearts and those of data_sets/real.yaml.
_LICENCE = "Apache-2.0"
_TESTED = "8"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--preset", default="cpu", choices=sorted(HEARTS), help="size of cohort, network and schedule")
    parser.add_argument("--out", required=True, metavar="RUN", help="folder for everything that is made")
    parser.add_argument(
        "--phases",
        type=int,
        nargs="+",
        default=[0, 1, 2, 3, 4],
        metavar="N",
        help="which phases; 1, 2, 4 follow each other, and 3 follows 2",
    )
    parser.add_argument("--real", metavar="FOLDER", help="real label maps as in data_sets/real.yaml, for phase 4")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)


def run(arguments: argparse.Namespace) -> None:
    Everything(arguments).made()


class Everything:
    """One folder in which everything is made, step by step."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self._asked = arguments
        self._out = Path(arguments.out)
        self._report = self._out / "RESULTS.md"
        self._virtual = self._out / "prepared" / "virtual"
        self._real = self._out / "prepared" / "real" if arguments.real else None

    def made(self) -> None:
        """Raises CompletionError: what a step raises."""
        preset, cohort = self._asked.preset, self._out / "cohort"
        size = ["--count", str(HEARTS[preset]), "--spacing", str(_COHORT_SPACING.get(preset, _USUAL_SPACING))]
        _step("cohort", *size, "--out", cohort, "--workers", str(self._asked.workers))
        self._prepare("virtual", cohort, self._virtual)
        if self._real:
            self._prepare("real", self._asked.real, self._real)
        last: Path | None = None
        for phase in self._asked.phases:
            if phase == 3:
                self._transfer(cohort, last)
                continue
            folder = self._fit(phase, f"phase{phase}", self._data(phase), last if phase > 1 else None)
            if phase < 2:
                self._evaluate(phase, "--weights", self._exported(folder))
            if phase == 4 and self._real:
                self._in_folds(last)
            last = last if phase == 0 else folder
        shipped = last or self._out / f"phase{self._asked.phases[-1]}"
        weights = self._out / "weights" / "cardiac10.safetensors"
        _step("export", shipped, "--out", weights, "--licence", _LICENCE)
        usual = ["--real", self._real] if self._real else []
        _step("calibrate", "--data", self._virtual, "--weights", weights, *usual)
        self._evaluate(2, "--training", self._virtual, "--weights", weights)
        print(f"Weights: {weights}\nResults: {self._report}")

    def _transfer(self, cohort: Path, before: Path | None) -> None:
        """Phase 3, with its reference and its ablation."""
        a, b = (self._out / "prepared" / name for name in ("virtual_a", "virtual_b"))
        for folder in (a, b):
            self._prepare(folder.name, cohort, folder)
        phase3 = self._exported(self._fit(3, "phase3", [a, b], before))
        full = self._exported(self._fit(3, "phase3_full", [self._virtual], before))
        unmasked = self._exported(self._fit(3, "phase3_unmasked", [a, b], before, "--unmasked"))
        if before:
            compared = ["--before", self._exported(before), "--full", full, "--unmasked", unmasked]
            self._evaluate(3, "--training", a, b, "--weights", phase3, *compared)

    def _in_folds(self, before: Path | None) -> None:
        """Phase 4 once for each fold of the real hearts, which says what it is worth."""
        folds = range(folds_of(self._real))
        runs = [self._fit(4, f"phase4_fold{k}", self._data(4), before, "--fold", str(k)) for k in folds]
        if before and runs:
            weights = [self._exported(run) for run in runs]
            compared = ["--before", self._exported(before), "--training", self._real, "--weights", *weights]
            _step("evaluate", "--phase", "4", "--data", self._real, *compared, "--report", self._report)

    def _data(self, phase: int) -> list[Path]:
        return [self._virtual, self._real] if phase == 4 and self._real else [self._virtual]

    def _prepare(self, name: str, folder: str | Path, out: Path) -> None:
        workers = ["--workers", str(self._asked.workers)]
        _step("prepare", _DATA_SETS / f"{name}.yaml", "--folder", folder, "--out", out, *workers)

    def _fit(self, phase: int, name: str, data: list[Path], before: Path | None, *more: str) -> Path:
        folder, preset = self._out / name, self._asked.preset
        preset = _FIRST_PRESET.get(preset, preset) if phase == 1 else preset
        if RunFolder(folder).is_done(Settings.read(phase, preset).total_steps):
            print(f"{name} is done: {folder}")
            return folder
        words = ["--phase", str(phase), "--preset", preset, "--seed", str(self._asked.seed), "--out", folder]
        words += ["--data", *data, "--threads", str(self._asked.workers), *more]
        _step("fit", *words, *(["--init", before] if before else []))
        return folder

    def _exported(self, run: Path) -> Path:
        weights = self._out / "weights" / f"{run.name}.safetensors"
        if not weights.exists():
            _step("export", run, "--out", weights, "--licence", _LICENCE)
        return weights

    def _evaluate(self, phase: int, *words: str | Path) -> None:
        asked = ["--phase", str(phase), "--data", self._virtual, "--hearts", _TESTED, "--report", self._report]
        _step("evaluate", *asked, *words)


def _step(*words: str | Path) -> None:
    """One command of ``python -m Training``; its sentence of failure ends everything.

    Raises:
        CompletionError: what the command raises.
    """
    from Training.__main__ import execute

    print("\n== " + " ".join(map(str, words)), flush=True)
    execute([str(word) for word in words])
