"""What a training run leaves on disk: where it started, what it is made of, and how far it has come."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from CardiacCompletionLib.errors import CompletionError
from CardiacCompletionLib.files.replaced import replaced
from CardiacCompletionLib.geometry.frame import Reference
from CardiacCompletionLib.model.config import HeartModelConfig
from CardiacCompletionLib.model.heart import HeartAutoEncoder

_PREFIX = "network."


@dataclass(frozen=True)
class RunFolder:
    """Files of one run."""

    path: Path

    @property
    def checkpoint(self) -> Path:
        return self.path / "last.ckpt"

    @property
    def _start(self) -> Path:
        return self.path / "start.pt"

    @property
    def _recipe(self) -> Path:
        return self.path / "recipe.json"

    @property
    def _end(self) -> Path:
        return self.path / "end.json"

    def has_begun(self) -> bool:
        """Whether it is settled what the run starts from and what it is made of."""
        return self._start.exists() and self._recipe.exists()

    def read_start(self) -> tuple[Reference, dict[str, Tensor]]:
        """Reference frame and mean heart the run began with."""
        content = torch.load(self._start, weights_only=True)
        return Reference.from_json(json.loads(content["reference"])), content["mean_heart"]

    def write_start(self, reference: Reference, mean_heart: dict[str, Tensor]) -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        with replaced(self._start) as partial:
            torch.save({"mean_heart": mean_heart, "reference": json.dumps(reference.to_json())}, partial)

    def write_recipe(self, recipe: dict[str, Any]) -> None:
        with replaced(self._recipe) as partial:
            partial.write_text(json.dumps(recipe, indent=2) + "\n", encoding="utf-8")

    def refuse_other(self, recipe: Mapping[str, Any]) -> None:
        """Make sure that what is asked for now is what was begun here; of a part of a recipe, that part.

        Raises:
            CompletionError: if it is not, for a run that goes on under another recipe is neither of the two.
        """
        if not self.has_begun():
            return
        begun = _comparable(json.loads(self._recipe.read_text(encoding="utf-8")))
        asked = _comparable(json.loads(json.dumps(recipe)))
        differing = ", ".join(_differing({key: begun.get(key) for key in asked}, asked))
        if differing:
            raise CompletionError(
                f"{self.path} was begun differently ({differing}): ask for the same again, or choose another --out."
            )

    def steps_done(self) -> int:
        """Optimiser steps at the last checkpoint; 0 without one."""
        if not self.checkpoint.exists():
            return 0
        return torch.load(self.checkpoint, map_location="cpu", weights_only=True)["global_step"]

    def is_done(self, steps: int) -> bool:
        """Whether the run has taken all its steps, or ended before because it got no better."""
        return self._end.exists() or self.steps_done() >= steps

    def write_end(self, metrics: Mapping[str, Any]) -> None:
        """Say that the run is over, and how well it does on held-out hearts, if there were any."""
        end = {"steps": self.steps_done(), "metrics": dict(metrics)}
        with replaced(self._end) as partial:
            partial.write_text(json.dumps(end, indent=2) + "\n", encoding="utf-8")

    def metrics(self) -> dict[str, Any]:
        """What a run that is over said of itself; of any other nothing."""
        return json.loads(self._end.read_text(encoding="utf-8"))["metrics"] if self._end.exists() else {}

    def trained(self) -> tuple[HeartAutoEncoder, Reference, dict[str, Any]]:
        """Network with averaged weights, reference and recipe, whether the run is finished or not.

        Raises:
            CompletionError: if there is no checkpoint, or one of another version of the network.
        """
        try:
            recipe = json.loads(self._recipe.read_text(encoding="utf-8"))
            checkpoint = torch.load(self.checkpoint, map_location="cpu", weights_only=True)
        except OSError as error:
            raise CompletionError(
                f"{self.path} holds no checkpoint yet: run `python -m Training fit` first."
            ) from error
        settings = recipe["settings"]
        network = HeartAutoEncoder(
            HeartModelConfig.from_json({f.name: settings[f.name] for f in fields(HeartModelConfig)})
        )
        state = {k.removeprefix(_PREFIX): v for k, v in checkpoint["state_dict"].items() if k.startswith(_PREFIX)}
        try:
            network.load_state_dict(state)
        except RuntimeError as error:
            raise CompletionError(f"{self.path} was trained by another version: train it again.") from error
        recipe["steps_done"] = checkpoint["global_step"]
        return network.eval(), self.read_start()[0], recipe


def _comparable(recipe: Any) -> Any:
    """Without what may change while a run waits: how sources are stated, and how far what it started from has come."""
    if not isinstance(recipe, dict):
        return recipe
    return {key: _comparable(value) for key, value in recipe.items() if key not in ("origins", "steps_done")}


def _differing(begun: Any, asked: Any, name: str = "") -> Iterator[str]:
    """What differs, named by its innermost key."""
    if isinstance(begun, dict) and isinstance(asked, dict):
        for key in dict.fromkeys([*begun, *asked]):
            yield from _differing(begun.get(key), asked.get(key), key)
    elif begun != asked:
        whole = isinstance(begun, dict) or isinstance(asked, dict)
        yield name if whole else f"{name} {begun}, now {asked}"
