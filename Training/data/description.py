"""A data set in words: where its label maps lie, what its labels mean, and which structures it labels at all."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from CardiacCompletionLib.anatomy.vocabulary import load_vocabulary
from CardiacCompletionLib.errors import CompletionError
from Training.data.origin import Origin
from Training.data.split import Split

_ENDING = re.compile(r"(\.seg)?\.[A-Za-z]+(\.gz)?$")
_FIELDS = (
    *("name", "folder", "pattern", "convention", "labels", "labelled", "truncated", "weight", "training_weight"),
    *("test_fraction", "test_cases", "folds", "patients"),
    *("source", "licence", "citation", "sources", "limits"),
)


@dataclass(frozen=True)
class DataSetDescription:
    """One data set.

    Attributes:
        name: how reports call it.
        folder: where its label maps lie; relative to the description file.
        patterns: which files are cases, e.g. ``*.nii.gz`` or ``*/heart.nii.gz``; one pattern or several.
        labels: label value -> structure key; several values may be one structure.
        labelled: keys it labels in every case; any other structure is unknown there, not absent.
        truncated: keys that its cases show only in part, a stub of the aorta for one: where such a structure ends
            says nothing, and its moments neither.
        weight: how many hearts one of its hearts counts as in statistics.
        training_weight: how many it counts as in training; as many without it.
        split: which cases are kept apart from training.
        origin: where its hearts come from, for the model card.
    """

    name: str
    folder: Path
    patterns: tuple[str, ...]
    labels: dict[int, str]
    labelled: tuple[str, ...]
    truncated: tuple[str, ...]
    weight: float
    training_weight: float
    split: Split
    origin: Origin

    @classmethod
    def read(cls, path: str | Path) -> DataSetDescription:
        """Read a YAML description.

        Raises:
            CompletionError: if the file is missing, is not a description, has fields that no description has, or names
                unknown structures.
        """
        path = Path(path)
        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8"))
            name, folder = str(content["name"]), (path.parent / content["folder"]).resolve()
        except (OSError, ValueError, yaml.YAMLError, KeyError, TypeError) as error:
            raise CompletionError(
                f"{path} is not a data set description: it needs at least name and folder."
            ) from error
        unknown = [str(field) for field in content if field not in _FIELDS]
        if unknown:
            raise CompletionError(
                f"{path.name} has an unknown field {unknown[0]!r}; the fields are: {', '.join(_FIELDS)}."
            )
        labels = _labels(content, path)
        labelled = _structures(content, "labelled", path, list(dict.fromkeys(labels.values())))
        nowhere = [key for key in labelled if key not in labels.values()]
        if nowhere:
            raise CompletionError(f"{path.name} says that {nowhere[0]} is labelled, but no label value stands for it.")
        weight = _weight(content, "weight", path, 1.0)
        return cls(
            name=name,
            folder=folder,
            patterns=_texts(content, "pattern", path, ["*.nii.gz"]),
            labels=labels,
            labelled=labelled,
            truncated=_structures(content, "truncated", path, []),
            weight=weight,
            training_weight=_weight(content, "training_weight", path, weight),
            split=Split.of_description(content, path),
            origin=Origin.of_description(content),
        )

    def cases(self) -> dict[str, Path]:
        """Its files by the names of its cases, in the order of files: paths in the folder without their ending.

        Hidden files are none of it.

        Raises:
            CompletionError: if there is none, or two have the same name.
        """
        if not self.folder.is_dir():
            raise CompletionError(f"{self.name}: there is no folder {self.folder}: correct `folder`, or give --folder.")
        cases: dict[str, Path] = {}
        for path in sorted({path for pattern in self.patterns for path in self.folder.glob(pattern)}):
            parts = path.relative_to(self.folder).parts
            if any(part.startswith(".") for part in parts):  # half-written, or what macOS keeps beside a file
                continue
            case = _ENDING.sub("", "-".join(parts))
            if case in cases:
                raise CompletionError(
                    f"{self.name}: {cases[case].name} and {path.name} are one case by their names: rename or move one, "
                    "or let `pattern` fit one of them alone."
                )
            cases[case] = path
        if not cases:
            raise CompletionError(f"{self.name}: no file {' or '.join(self.patterns)} in {self.folder}.")
        return cases

    @property
    def used_labels(self) -> dict[int, str]:
        """Label value -> key of the structures that count as labelled."""
        return {value: key for value, key in self.labels.items() if key in self.labelled}


def _labels(content: Mapping[str, Any], path: Path) -> dict[int, str]:
    if "labels" not in content:
        return load_vocabulary().convention(content.get("convention", "cardiac10"))
    if "convention" in content:
        raise CompletionError(f"{path.name} has both labels and a convention: leave one out.")
    try:
        named = {int(value): key for value, key in content["labels"].items()}
    except (AttributeError, TypeError, ValueError) as error:
        raise CompletionError(
            f"The labels of {path.name} are to say which value is which structure, e.g. {{1: left_ventricle}}."
        ) from error
    return {value: load_vocabulary()[key].key for value, key in named.items()}


def _structures(content: Mapping[str, Any], field: str, path: Path, default: list[str]) -> tuple[str, ...]:
    return tuple(load_vocabulary()[key].key for key in _texts(content, field, path, default))


def _texts(content: Mapping[str, Any], field: str, path: Path, default: list[str]) -> tuple[str, ...]:
    """One text or a list of them."""
    said = content.get(field, default)
    said = [said] if isinstance(said, str) else said
    if not isinstance(said, list) or not all(isinstance(text, str) for text in said):
        raise CompletionError(f"{field} in {path.name} is to be a name, or a list of names in brackets.")
    return tuple(said)


def _weight(content: Mapping[str, Any], field: str, path: Path, default: float) -> float:
    weight = content.get(field, default)
    if not isinstance(weight, int | float) or not weight > 0:
        raise CompletionError(f"{field} in {path.name} is to be a number above 0.")
    return float(weight)
