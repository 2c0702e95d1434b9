"""What a training run leaves on disk: where it started, what it is made of, and how far it has come."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from CardiacCompletionLib.errors import CompletionError
from CardiacCompletionLib.geometry.frame import Reference
from CardiacCompletionLib.model.heart import HeartAutoEncoder
from Training.settings import Settings

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

    def has_start(self) -> bool:
        return self._start.exists()

    def read_start(self) -> tuple[Reference, dict[str, Tensor]]:
        """Reference frame and mean heart the run began with."""
        content = torch.load(self._start, weights_only=True)
        return Reference.from_json(json.loads(content["reference"])), content["mean_heart"]

    def write_start(self, reference: Reference, mean_heart: dict[str, Tensor]) -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        partial = self._start.with_suffix(".partial")
        torch.save({"mean_heart": mean_heart, "reference": json.dumps(reference.to_json())}, partial)
        partial.replace(self._start)

    def write_recipe(self, recipe: dict[str, Any]) -> None:
        self._recipe.write_text(json.dumps(recipe, indent=2) + "\n", encoding="utf-8")

    def steps_done(self) -> int:
        """Optimiser steps at the last checkpoint; 0 without one."""
        if not self.checkpoint.exists():
            return 0
        return torch.load(self.checkpoint, map_location="cpu", weights_only=True)["global_step"]

    def trained(self) -> tuple[HeartAutoEncoder, Reference, dict[str, Any]]:
        """Network with averaged weights, reference and recipe, whether the run is finished or not.

        Raises:
            CompletionError: if there is no checkpoint.
        """
        try:
            recipe = json.loads(self._recipe.read_text(encoding="utf-8"))
            checkpoint = torch.load(self.checkpoint, map_location="cpu", weights_only=True)
        except OSError as error:
            raise CompletionError(
                f"{self.path} holds no checkpoint yet: run `python -m Training fit` first."
            ) from error
        network = HeartAutoEncoder(Settings.from_json(recipe["settings"]).model())
        state = checkpoint["state_dict"].items()
        network.load_state_dict({k.removeprefix(_PREFIX): v for k, v in state if k.startswith(_PREFIX)})
        recipe["steps_done"] = checkpoint["global_step"]
        return network.eval(), self.read_start()[0], recipe
