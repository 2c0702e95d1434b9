"""Which cases of a data set are kept apart from training."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from CardiacCompletionLib.errors import CompletionError


@dataclass(frozen=True)
class Split:
    """How cases are dealt out.

    Attributes:
        test_fraction: cases kept apart, the last ones in their order, never trained on.
        test_cases: instead: their names, as a file lists them; None without one.
        folds: instead: how many parts the patients are dealt into for cross-validation; 0 for none.
        patients: case -> case of the same patient, which goes into the same fold; of cases that are not there it says
            nothing.
    """

    test_fraction: float
    test_cases: tuple[str, ...] | None
    folds: int
    patients: dict[str, str]

    @classmethod
    def of_description(cls, content: Mapping[str, Any], path: Path) -> Split:
        """Of a description's ``test_fraction``, ``test_cases`` (a text file beside it, a case a line) or ``folds``.

        Raises:
            CompletionError: if more than one is given, one is not what it is to be, or the file is missing.
        """
        given = [field for field in ("test_fraction", "test_cases", "folds") if content.get(field)]
        if len(given) > 1:
            raise CompletionError(f"{path.name} has both {given[0]} and {given[1]}: leave one out.")
        fraction, folds = content.get("test_fraction", 0.1), content.get("folds", 0)
        if not isinstance(fraction, int | float) or not 0 <= fraction < 1:
            raise CompletionError(f"test_fraction in {path.name} is to be a number from 0 to less than 1.")
        if not isinstance(folds, int) or folds < 0 or folds == 1:
            raise CompletionError(f"folds in {path.name} is to be a whole number, 2 or more.")
        patients = content.get("patients", {})
        if not isinstance(patients, dict):
            raise CompletionError(f"patients in {path.name} is to say which case is of whose patient, e.g. {{b: a}}.")
        patients = {str(case): str(other) for case, other in patients.items()}
        listed = content.get("test_cases")
        return cls(float(fraction), _read(path.parent / str(listed)) if listed else None, folds, patients)

    def of(self, cases: Iterable[str]) -> dict[str, str]:
        """Case -> ``train``, ``test`` or, with folds, ``fold 0``, ``fold 1``, ...

        Raises:
            CompletionError: if a case that is named for tests is not there.
        """
        cases = list(cases)
        unknown = [case for case in self.test_cases or () if case not in cases]
        if unknown:
            raise CompletionError(
                f"{len(unknown)} of the test_cases are not there, {unknown[0]!r} first: they are the names of files "
                f"without their ending, e.g. {cases[0]!r}."
            )
        if self.test_cases is not None:
            return {case: "test" if case in self.test_cases else "train" for case in cases}
        if not self.folds:
            first_test = len(cases) - round(self.test_fraction * len(cases))
            return {case: "train" if index < first_test else "test" for index, case in enumerate(cases)}
        patient = {case: self.patients.get(case, case) for case in cases}
        order = {who: index for index, who in enumerate(dict.fromkeys(patient.values()))}
        return {case: f"fold {order[who] % self.folds}" for case, who in patient.items()}


def _read(path: Path) -> tuple[str, ...]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise CompletionError(
            f"{path} cannot be read: test_cases is a text file with the name of a case a line."
        ) from error
    return tuple(line.strip() for line in lines if line.strip())
