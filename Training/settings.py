"""What a run of training is made of: the phase's own settings, and the preset's size and schedule."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

import yaml

from CardiacCompletionLib.errors import CompletionError
from CardiacCompletionLib.model.config import HeartModelConfig

_CONFIGS = Path(__file__).with_name("configs")


@dataclass(frozen=True)
class Settings:
    """One run, from Training/configs/phaseN.yaml and one entry of Training/configs/presets.yaml.

    Attributes:
        structures: keys of the class axis.
        task: ``reconstruct``: everything is given; ``complete``: some of it.
        dim, depth, latents, latent_dim, points, shapes, fine_shapes: see :class:`HeartModelConfig`.
        queries: points asked per structure of a heart and step.
        batch: hearts a step, on each device.
        share: of the preset's steps, how many the phase takes; fine-tuning takes few, at a rate less by the root of it.
        steps: optimiser steps in all, at a share of one.
        learning_rate: peak of the schedule, at a share of one.
        warmup: steps until the peak.
        weight_decay: of AdamW.
        near: mm; the chance of a query falls with its distance from the expected surface on this length.
        band: mm; how far from a surface its distance is learnt.
        given_share: weight of given structures against hidden ones.
        overlap: weight of the overlap of hidden vessels, in mm for a whole Dice.
        averaging: decay of the exponential moving average of the weights.
        checkpoint_every: steps between checkpoints, and between looks at held-out hearts; a kill loses at most so many.
        patience: looks in a row without a better loss after which the run ends; a run of fewer looks never does.
        precision: Lightning's name of it, e.g. ``bf16-mixed``.
        compile: whether the network goes through torch.compile.
    """

    structures: tuple[str, ...]
    task: str
    dim: int
    depth: int
    latents: int
    latent_dim: int
    points: int
    shapes: int
    fine_shapes: int
    queries: int
    batch: int
    share: float
    steps: int
    learning_rate: float
    warmup: int
    weight_decay: float
    near: float
    band: float
    given_share: float
    overlap: float
    averaging: float
    checkpoint_every: int
    patience: int
    precision: str
    compile: bool

    @classmethod
    def read(cls, phase: int, preset: str) -> Settings:
        """Settings of a phase at a preset's size, unless the phase has its own.

        Raises:
            CompletionError: for an unknown phase, preset or setting.
        """
        path = _CONFIGS / f"phase{phase}.yaml"
        if not path.exists():
            raise CompletionError(f"There is no phase {phase}: choose 0 to 4.")
        presets = yaml.safe_load((_CONFIGS / "presets.yaml").read_text(encoding="utf-8"))
        if preset not in presets:
            raise CompletionError(f"There is no preset {preset}; choose from: {', '.join(presets)}.")
        return cls.from_json({**presets[preset], **yaml.safe_load(path.read_text(encoding="utf-8"))})

    @property
    def total_steps(self) -> int:
        """Optimiser steps that this phase takes."""
        return max(round(self.share * self.steps), 1)

    @property
    def peak_rate(self) -> float:
        """Learning rate at the peak of the schedule: a phase that takes few steps takes small ones."""
        return self.learning_rate * self.share**0.5

    @classmethod
    def from_json(cls, content: dict) -> Settings:
        """Raises CompletionError for unknown or missing settings."""
        names = {field.name for field in fields(cls)}
        if content.keys() != names:
            odd = ", ".join(sorted(content.keys() ^ names))
            raise CompletionError(f"These training settings are unknown or missing: {odd}.")
        return cls(**{**content, "structures": tuple(content["structures"])})

    def model(self) -> HeartModelConfig:
        """The architecture these settings name."""
        return HeartModelConfig(
            structures=self.structures,
            dim=self.dim,
            depth=self.depth,
            latents=self.latents,
            latent_dim=self.latent_dim,
            points=self.points,
            shapes=self.shapes,
            fine_shapes=self.fine_shapes,
        )
