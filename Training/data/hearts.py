"""Prepared hearts of one split, and the label maps they were made from."""

from __future__ import annotations

import json
from pathlib import Path

from CardiacCompletionLib.anatomy.heart import Heart
from CardiacCompletionLib.errors import CompletionError
from CardiacCompletionLib.geometry.frame import Moments
from Training.data.prepare import MANIFEST, read_heart
from Training.data.samples import CaseSamples


class PreparedHearts:
    """Cases of one split, held in memory with the class axis of the model to be trained.

    Args:
        folder: what ``python -m Training prepare`` wrote.
        split: ``train`` or ``test``.
        structures: keys of the class axis.

    Raises:
        CompletionError: if the folder holds no such data.
    """

    def __init__(self, folder: str | Path, split: str, structures: tuple[str, ...]) -> None:
        folder = Path(folder)
        try:
            manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise CompletionError(
                f"{folder} holds no prepared data: run `python -m Training prepare` first."
            ) from error
        chosen = [case for case in manifest["cases"] if case["split"] == split]
        if not chosen:
            raise CompletionError(f"{folder} holds no {split} case.")
        columns = [manifest["structures"].index(key) for key in structures]
        self.name: str = manifest["data_set"]
        self.structures = structures
        self.sources = [Path(case["source"]) for case in chosen]
        self.cases = [CaseSamples.load(folder / "cases" / case["samples"]).columns(columns) for case in chosen]
        self._labels = {int(v): key for v, key in manifest["labels"].items() if key in structures}

    def heart(self, index: int) -> Heart:
        """The label map behind a case, as a heart."""
        return read_heart(self.sources[index], self._labels)

    def moments(self, index: int) -> dict[str, Moments]:
        """Moments in RAS mm of every structure a case has."""
        return dict(self.cases[index].moments(self.structures, self.cases[index].present))
