"""A data set in words: where its label maps lie, what its labels mean, and which structures it labels at all."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml

from CardiacCompletionLib.anatomy.vocabulary import load_vocabulary
from CardiacCompletionLib.errors import CompletionError
from Training.data.origin import Origin


@dataclass(frozen=True)
class DataSetDescription:
    """One data set.

    Attributes:
        name: how reports call it.
        folder: where its label maps lie; relative to the description file.
        patterns: which files are cases, e.g. ``*.nii.gz``; one pattern or several.
        labels: label value -> structure key.
        labelled: keys it labels in every case; any other structure is unknown there, not absent.
        truncated: keys that its cases show only in part, a stub of the aorta for one: where such a structure ends
            says nothing, and its moments neither.
        weight: how many hearts one of its hearts counts as, in statistics and in training.
        test_fraction: cases kept apart, the last ones in name order, never trained on.
        folds: instead: how many parts its patients are dealt into for cross-validation; 0 for none.
        patients: case (file name without ending) -> case of the same patient, which goes into the same fold.
        origin: where its hearts come from, for the model card.
    """

    name: str
    folder: Path
    patterns: tuple[str, ...]
    labels: dict[int, str]
    labelled: tuple[str, ...]
    truncated: tuple[str, ...]
    weight: float
    test_fraction: float
    folds: int
    patients: dict[str, str]
    origin: Origin

    @classmethod
    def read(cls, path: str | Path) -> DataSetDescription:
        """Read a YAML description.

        Raises:
            CompletionError: if the file is missing, is not a description, or names unknown structures.
        """
        path = Path(path)
        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8"))
            name, folder = content["name"], (path.parent / content["folder"]).resolve()
        except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
            raise CompletionError(
                f"{path} is not a data set description: it needs at least name and folder."
            ) from error
        vocabulary = load_vocabulary()
        if "labels" in content:
            labels = {int(value): vocabulary[key].key for value, key in content["labels"].items()}
        else:
            labels = vocabulary.convention(content.get("convention", "cardiac10"))
        labelled = tuple(vocabulary[key].key for key in content.get("labelled", dict.fromkeys(labels.values())))
        pattern = content.get("pattern", "*.nii.gz")
        patterns = (pattern,) if isinstance(pattern, str) else tuple(pattern)
        truncated = tuple(vocabulary[key].key for key in content.get("truncated", ()))
        weight, test_fraction = float(content.get("weight", 1.0)), float(content.get("test_fraction", 0.1))
        folds, patients = int(content.get("folds", 0)), dict(content.get("patients", {}))
        origin = Origin.of_description(content)
        return cls(name, folder, patterns, labels, labelled, truncated, weight, test_fraction, folds, patients, origin)

    def cases(self) -> list[Path]:
        """Its files in name order.

        Raises:
            CompletionError: if there is none.
        """
        found = sorted({path for pattern in self.patterns for path in self.folder.glob(pattern)})
        if not found:
            raise CompletionError(f"{self.name}: no file {' or '.join(self.patterns)} in {self.folder}.")
        return found

    @property
    def used_labels(self) -> dict[int, str]:
        """Label value -> key of the structures that count as labelled."""
        return {value: key for value, key in self.labels.items() if key in self.labelled}

    def splits(self) -> dict[str, str]:
        """File name -> ``train``, ``test`` or, with folds, ``fold 0``, ``fold 1``, ..."""
        cases = [path.name for path in self.cases()]
        if not self.folds:
            first_test = len(cases) - round(self.test_fraction * len(cases))
            return {name: "train" if index < first_test else "test" for index, name in enumerate(cases)}
        patient = {name: self.patients.get(name.split(".")[0], name.split(".")[0]) for name in cases}
        order = {who: index for index, who in enumerate(dict.fromkeys(patient.values()))}
        return {name: f"fold {order[who] % self.folds}" for name, who in patient.items()}
