"""What a phase of training is made of, read from Training/configs/phaseN.yaml."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

import yaml

from CardiacCompletionLib.errors import CompletionError


@dataclass(frozen=True)
class Settings:
    """Size and schedule of one run.

    Attributes:
        structures: keys of the class axis.
        dim, depth, latents, latent_dim, points, prior_size, prior_reach: see HeartModelConfig.
        prior_hearts: how many training hearts the mean heart is made of.
        queries: points asked per heart and step.
        batch: hearts a step.
        steps: optimiser steps in all.
        learning_rate: peak of the cosine schedule.
        warmup: steps until the peak.
        weight_decay: of AdamW.
        near: mm; a query's weight falls with its distance from the surface on this length.
        averaging: decay of the exponential moving average of the weights.
        checkpoint_every: steps between checkpoints; a kill loses at most so many.
    """

    structures: tuple[str, ...]
    dim: int
    depth: int
    latents: int
    latent_dim: int
    points: int
    prior_size: int
    prior_reach: float
    prior_hearts: int
    queries: int
    batch: int
    steps: int
    learning_rate: float
    warmup: int
    weight_decay: float
    near: float
    averaging: float
    checkpoint_every: int

    @classmethod
    def read(cls, phase: int, preset: str) -> Settings:
        """Settings of a phase: its own, overlaid by the preset's size and schedule.

        Raises:
            CompletionError: if the phase has no such preset or names an unknown setting.
        """
        path = Path(__file__).with_name("configs") / f"phase{phase}.yaml"
        if not path.exists():
            raise CompletionError(f"There is no phase {phase}.")
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        if preset not in content["presets"]:
            raise CompletionError(
                f"Phase {phase} has no preset {preset}; choose from: {', '.join(content['presets'])}."
            )
        values = {**content["settings"], **content["presets"][preset]}
        unknown = values.keys() - {field.name for field in fields(cls)}
        if unknown:
            raise CompletionError(f"{path.name} has unknown settings: {', '.join(sorted(unknown))}.")
        return cls(**{**values, "structures": tuple(values["structures"])})
