"""A data set in words: where its label maps lie, what its labels mean, and which structures it labels at all."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml

from CardiacCompletionLib.anatomy.vocabulary import load_vocabulary
from CardiacCompletionLib.errors import CompletionError


@dataclass(frozen=True)
class DataSetDescription:
    """One data set.

    Attributes:
        name: how reports call it.
        folder: where its label maps lie; relative to the description file.
        pattern: which files are cases, e.g. ``*.nii.gz``.
        labels: label value -> structure key.
        labelled: keys it labels in every case; any other structure is unknown there, not absent.
        test_fraction: cases kept apart, the last ones in name order, never trained on.
    """

    name: str
    folder: Path
    pattern: str
    labels: dict[int, str]
    labelled: tuple[str, ...]
    test_fraction: float

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
        return cls(name, folder, pattern, labels, labelled, float(content.get("test_fraction", 0.1)))

    def cases(self) -> list[Path]:
        """Its files in name order.

        Raises:
            CompletionError: if there is none.
        """
        found = sorted(self.folder.glob(self.pattern))
        if not found:
            raise CompletionError(f"{self.name}: no file {self.pattern} in {self.folder}.")
        return found

    @property
    def used_labels(self) -> dict[int, str]:
        """Label value -> key of the structures that count as labelled."""
        return {value: key for value, key in self.labels.items() if key in self.labelled}

    def test_cases(self) -> set[str]:
        """Names of the files kept apart for evaluation."""
        cases = self.cases()
        return {path.name for path in cases[len(cases) - round(self.test_fraction * len(cases)) :]}
