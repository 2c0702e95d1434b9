"""What a batch costs: distances of everything, overlap of vessels alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from CardiacCompletionLib.model.heart import HeartAutoEncoder
from Training.completion_module import CompletionModule
from Training.settings import Settings

SETTINGS = replace(Settings.read(2, "tiny"), structures=("left_ventricle", "aorta", "pulmonary_veins"))
CHAMBER, AORTA, VEINS = range(3)


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
        "known": torch.ones(1, 3, 200, dtype=torch.bool),
        "heart": torch.tensor([0]),
    }


def loss(structure: int, overlap: float) -> float:
    torch.manual_seed(0)
    network = HeartAutoEncoder(SETTINGS.model())
    network.prior.anchors.copy_(torch.tensor([True, False, False]))
    module = CompletionModule(network, replace(SETTINGS, overlap=overlap), unit=100.0)
    return float(module.training_step(batch_with_hidden(structure), 0).detach())


def test_overlap_counts_of_hidden_vessels_alone() -> None:
    for vessel in (AORTA, VEINS):
        assert loss(vessel, overlap=4.0) > loss(vessel, overlap=0.0) + 0.1
    assert loss(CHAMBER, overlap=4.0) == pytest.approx(loss(CHAMBER, overlap=0.0))


def test_overlap_of_a_great_vessel_counts_half() -> None:
    """The three balls are alike, and so are the distances of an untrained network: its overlap is, too."""
    aorta, veins = (loss(vessel, overlap=4.0) - loss(vessel, overlap=0.0) for vessel in (AORTA, VEINS))
    assert aorta == pytest.approx(veins / 2, rel=0.2)


def test_what_lies_beyond_the_end_of_what_is_shown_costs_nothing() -> None:
    torch.manual_seed(0)
    network = HeartAutoEncoder(SETTINGS.model())
    network.prior.anchors.copy_(torch.tensor([True, False, False]))
    module = CompletionModule(network, replace(SETTINGS, overlap=4.0), unit=100.0)
    batch = batch_with_hidden(VEINS)
    batch["known"][0, VEINS, 100:] = False
    cost = float(module.training_step(batch, 0).detach())
    batch["distances"][0, VEINS, 100:] = -0.1
    assert float(module.training_step(batch, 0).detach()) == pytest.approx(cost)
    batch["distances"][0, VEINS, :100] = -0.1
    assert float(module.training_step(batch, 0).detach()) != pytest.approx(cost, rel=0.01)
