"""The shape of a multi-class model: everything needed to build it again, stored beside its weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any


@dataclass(frozen=True)
class HeartModelConfig:
    """Architecture of a :class:`HeartAutoEncoder`.

    Attributes:
        structures: keys of the structures it knows; their order is the order of the class axis.
        dim: width, a multiple of 64.
        depth: self-attention layers; even ones within a structure, odd ones across all.
        latents: latent vectors per structure.
        latent_dim: width inside the normalised bottleneck.
        points: surface points per trusted structure.
        shapes: principal shapes per structure of the mean heart that the network corrects.
        fine_shapes: further ones that are read of given structures, to tell where and how hidden ones are.
    """

    structures: tuple[str, ...]
    dim: int = 128
    depth: int = 4
    latents: int = 24
    latent_dim: int = 32
    points: int = 256
    shapes: int = 16
    fine_shapes: int = 48

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "structures": list(self.structures)}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> HeartModelConfig:
        """Raises TypeError for fields this version does not know."""
        unknown = content.keys() - {field.name for field in fields(cls)}
        if unknown:
            raise TypeError(f"unknown model settings: {', '.join(sorted(unknown))}")
        return cls(**{**content, "structures": tuple(content["structures"])})
