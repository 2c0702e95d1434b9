"""``python -m Training COMMAND``: the offline side, from virtual hearts to shipped weights."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

from CardiacCompletionLib.errors import CompletionError

# Command -> module with ``add_arguments(parser)`` and ``run(arguments)``; imported only when asked for.
COMMANDS = {
    "all": "Training.everything",
    "calibrate": "Training.calibrate",
    "calibration": "Training.evaluation.calibration",
    "check": "Training.data.check",
    "cohort": "Training.cohort.command",
    "cohort-fit": "Training.cohort.fit_command",
    "cohort-population": "Training.cohort.population_command",
    "cohort-report": "Training.cohort.report",
    "evaluate": "Training.evaluation.command",
    "export": "Training.export",
    "fit": "Training.fit",
    "prepare": "Training.data.prepare",
    "rivals": "Training.rivals.command",
    "sample": "Training.sample",
    "transforms": "Training.evaluation.transforms",
}


def main(argv: Sequence[str] | None = None) -> int:
    try:
        execute(sys.argv[1:] if argv is None else argv)
    except CompletionError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def execute(argv: Sequence[str]) -> None:
    """Run one command.

    Raises:
        CompletionError: a sentence for the user, where it cannot be done.
    """
    parser = argparse.ArgumentParser(prog="python -m Training", description=__doc__)
    parser.add_argument("command", choices=sorted(COMMANDS))
    name = parser.parse_args(argv[:1]).command
    module = importlib.import_module(COMMANDS[name])
    command = argparse.ArgumentParser(prog=f"python -m Training {name}", description=module.__doc__)
    module.add_arguments(command)
    module.run(command.parse_args(argv[1:]))


if __name__ == "__main__":
    sys.exit(main())
