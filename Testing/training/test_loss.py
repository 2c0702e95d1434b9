"""What a batch costs: distances of everything, overlap of vessels alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from CardiacCompletionLib.model.heart import HeartAutoEncoder
from Training.completion_module import CompletionModule
from Training.settings import Settings

SETTINGS = replace(Settings.read(2, "tiny"), structures=("left_ventricle", "left_atrium", "aorta"))
CHAMBER, VESSEL = 1, 2


def batch_with_hidden(structure: int) -> dict[str, Tensor]:
    """A heart of three equal balls in the middle, one of which is hidden."""
    hidden = torch.zeros(1, 3, dtype=torch.bool)
    hidden[0, structure] = True
    generator = torch.Generator().manual_seed(1)
    queries = torch.rand(1, 3, 200, 3, generator=generator) - 0.5
    return {
        "points": torch.zeros(1, 3, SETTINGS.points, 3),
        "given": ~hidden,
        "numbers": torch.zeros(1, 3, 9 + SETTINGS.shapes),
        "queries": queries,
        "surroundings": torch.full((1, 3, 200, 3), torch.inf),
        "distances": queries.norm(dim=-1) - 0.3,
        "worth": torch.ones(1, 3, 200),
        "sought": hidden,
        "known": torch.ones(1, 3, dtype=torch.bool),
        "heart": torch.tensor([0]),
    }


def loss(structure: int, overlap: float) -> float:
    torch.manual_seed(0)
    network = HeartAutoEncoder(SETTINGS.model())
    network.prior.anchors.copy_(torch.tensor([True, True, False]))
    module = CompletionModule(network, replace(SETTINGS, overlap=overlap), unit=100.0)
    return float(module.training_step(batch_with_hidden(structure), 0).detach())


def test_overlap_counts_of_hidden_vessels_alone() -> None:
    assert loss(VESSEL, overlap=4.0) > loss(VESSEL, overlap=0.0) + 0.1
    assert loss(CHAMBER, overlap=4.0) == pytest.approx(loss(CHAMBER, overlap=0.0))
