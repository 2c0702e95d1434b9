"""Prepared hearts of one split, and the label maps they were made from."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from CardiacCompletionLib.anatomy.heart import Heart
from CardiacCompletionLib.errors import CompletionError
from CardiacCompletionLib.geometry.frame import Moments
from Training.data.meaning import read_heart
from Training.data.origin import Origin
from Training.data.prepare import MANIFEST, checksum
from Training.data.samples import CaseSamples

_SAID = {"data_set", "structures", "labelled", "truncated", "labels", "weight", "cases", "failed"}


class PreparedHearts:
    """Cases of one split of one or several data sets, held in memory with the class axis of the model to be trained.

    Args:
        folders: what ``python -m Training prepare`` wrote, one folder a data set.
        split: ``train``, ``test`` or ``all``.
        fold: of data sets that are dealt into folds, the one that is the test split; without it, all hearts are both.
        structures: keys of the class axis; a data set knows those of them that it labels.

    Raises:
        CompletionError: if a folder holds no such data, damaged ones, or ones of before a structure was known.
    """

    def __init__(
        self, folders: Sequence[str | Path], split: str, structures: tuple[str, ...], fold: int | None = None
    ) -> None:
        self.structures = structures
        self.names: list[str] = []
        self._origins: list[Origin] = []
        self.sources: list[Path] = []
        self.case_names: list[str] = []
        self.cases: list[CaseSamples] = []
        self.data_sets: list[int] = []
        self.weights: list[float] = []
        self.training_weights: list[float] = []
        self._labels: list[dict[int, str]] = []
        for number, folder in enumerate(map(Path, folders)):
            manifest = read_manifest(folder)
            chosen = [case for case in manifest["cases"] if _belongs(case["split"], split, fold)]
            if not chosen:
                raise CompletionError(
                    f"{folder} holds no {split} case: deal its cases out otherwise in its description, and prepare it "
                    "again."
                )
            columns = _columns(manifest, structures, folder)
            self.names.append(manifest["data_set"])
            self._origins.append(_origin(manifest))
            self._labels.append({int(v): key for v, key in manifest["labels"].items() if key in structures})
            self.sources += [Path(case["source"]) for case in chosen]
            self.case_names += [Path(case["samples"]).stem for case in chosen]
            self.cases += [_samples(folder, case).columns(columns) for case in chosen]
            self.data_sets += [number] * len(chosen)
            self.weights += [manifest["weight"]] * len(chosen)
            self.training_weights += [manifest.get("training_weight", manifest["weight"])] * len(chosen)

    @property
    def origins(self) -> dict[str, dict[str, Any]]:
        """Data set -> where its hearts come from, as JSON for a run's recipe."""
        return {name: origin.to_json() for name, origin in zip(self.names, self._origins, strict=True)}

    def heart(self, index: int) -> Heart:
        """The label map behind a case, as a heart."""
        return read_heart(self.sources[index], self._labels[self.data_sets[index]])

    def moments(self, index: int) -> dict[str, Moments]:
        """Moments in RAS mm of every structure a case has whole."""
        return dict(self.cases[index].moments(self.structures, self.cases[index].whole))

    def spread_evenly(self, count: int, having: Sequence[str] = ()) -> list[int]:
        """Indices of ``count`` cases of each data set, evenly spread in its order, all ``having`` these structures.

        Raises:
            CompletionError: if no case has all of them from end to end.
        """
        columns = [self.structures.index(key) for key in having]
        usable = np.array([case.whole[columns].all() for case in self.cases])
        chosen = []
        for number in range(len(self.names)):
            own = np.flatnonzero((np.array(self.data_sets) == number) & usable)
            if not len(own):
                continue
            chosen += own[np.unique(np.linspace(0, len(own) - 1, count).round().astype(int))].tolist()
        if not chosen:
            raise CompletionError(
                f"No heart of {', '.join(self.names)} has {', '.join(having)} from end to end: add a data set that "
                "has, or leave out the scheme that trusts them."
            )
        return chosen


def stated_origin(folder: str | Path) -> tuple[str, Origin]:
    """Name of a prepared data set, and where it says its hearts come from.

    Raises:
        CompletionError: if the folder holds no prepared data.
    """
    manifest = read_manifest(folder)
    return manifest["data_set"], _origin(manifest)


def _origin(manifest: dict[str, Any]) -> Origin:
    """Data that were prepared before descriptions said where they come from do not say it."""
    return Origin.from_json(manifest["origin"]) if "origin" in manifest else Origin()


def keeps_apart(folder: str | Path, fold: int | None) -> bool:
    """Whether a prepared data set has a test split that the training split does not hold."""
    splits = {case["split"] for case in read_manifest(folder)["cases"]}
    return "test" in splits or (fold is not None and f"fold {fold}" in splits)


def folds_of(folder: str | Path) -> int:
    """Into how many folds a prepared data set was dealt; 0 if it was not."""
    splits = {case["split"] for case in read_manifest(folder)["cases"]}
    return sum(split.startswith("fold") for split in splits)


def _belongs(own: str, split: str, fold: int | None) -> bool:
    if split == "all":
        return True
    if not own.startswith("fold"):
        return own == split
    return fold is None or (own == f"fold {fold}") == (split == "test")


def read_manifest(folder: str | Path) -> dict[str, Any]:
    """What `prepare` wrote about a data set.

    Raises:
        CompletionError: if the folder holds none, or it is damaged.
    """
    try:
        manifest = json.loads((Path(folder) / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CompletionError(f"{folder} holds no prepared data: run `python -m Training prepare` first.") from error
    if not isinstance(manifest, dict) or not manifest.keys() >= _SAID:
        raise CompletionError(f"The manifest of {folder} is damaged: run `python -m Training prepare` again.")
    return manifest


def _columns(manifest: dict[str, Any], structures: tuple[str, ...], folder: Path) -> list[int]:
    new = [key for key in structures if key not in manifest["structures"]]
    if new:
        raise CompletionError(f"{folder} was prepared before {new[0]} was known: prepare it again, in a new folder.")
    return [manifest["structures"].index(key) for key in structures]


def _samples(folder: Path, case: dict[str, Any]) -> CaseSamples:
    path = folder / "cases" / case["samples"]
    if not path.exists() or checksum(path) != case["sha256"]:
        raise CompletionError(f"{path} is missing or damaged: run `python -m Training prepare` again.")
    return CaseSamples.load(path)
