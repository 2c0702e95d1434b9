"""Rival architectures differ from the shipped one in the one thing that their names say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from CardiacCompletionLib.model import HeartAutoEncoder, HeartModelConfig
from Training.__main__ import main
from Training.rivals.examples import normals_from
from Training.rivals.lineup import RIVALS
from Training.rivals.networks import (
    EachAlone,
    OneSetOfQueries,
    PointsInTheFrame,
    WithNormals,
    WithoutSurroundings,
)

CONFIG = HeartModelConfig(structures=("a", "b", "c"), dim=64, depth=2, latents=4, latent_dim=8, points=16, shapes=2)
Asked = dict[str, torch.Tensor]


@pytest.fixture
def asked() -> Asked:
    """Two hearts; the second structure of the first one is hidden."""
    generator = torch.Generator().manual_seed(1)
    return {
        "points": torch.randn(2, 3, 16, 3, generator=generator),
        "given": torch.tensor([[True, False, True], [True, True, True]]),
        "queries": torch.rand(2, 3, 9, 3, generator=generator) - 0.5,
        "numbers": torch.randn(2, 3, 11, generator=generator) * 0.1,
        "surroundings": torch.randn(2, 3, 9, 3, generator=generator) * 0.1,
    }


def made(kind: type[HeartAutoEncoder]) -> HeartAutoEncoder:
    torch.manual_seed(0)
    network = kind(CONFIG).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
        network.prior.field.copy_(torch.randn_like(network.prior.field))
    return network


def answer(network: HeartAutoEncoder, asked: Asked) -> torch.Tensor:
    with torch.inference_mode():
        return network(**asked)


def effect(kind: type[HeartAutoEncoder], asked: Asked, name: str, index: tuple) -> torch.Tensor:
    """By how much the answers [B, C, Q] of a network change with what it is told there."""
    network = made(kind)
    changed = asked[name].clone()
    changed[index] += 0.1
    return (answer(network, {**asked, name: changed}) - answer(network, asked)).abs()


@pytest.mark.parametrize("kind", dict.fromkeys(rival.network for rival in RIVALS.values()))
def test_hidden_structures_are_not_read(kind: type[HeartAutoEncoder], asked: Asked) -> None:
    if kind is WithNormals:
        asked["points"] = torch.cat([asked["points"], asked["points"]], dim=-1)
    assert effect(kind, asked, "points", (0, 1)).max() == 0
    assert effect(kind, asked, "points", (0, 2))[0].max() > 1e-6


def test_alone_a_structure_tells_others_nothing(asked: Asked) -> None:
    alone, together = (effect(kind, asked, "points", (1, 0)) for kind in (EachAlone, HeartAutoEncoder))
    assert alone[1, 0].max() > 1e-5
    assert alone[1, 1:].max() == 0
    assert together[1, 1:].max() > 1e-6


def test_one_set_is_read_whole_by_every_structure(asked: Asked) -> None:
    """Without any self-attention at all, what is given reaches the others."""
    network = made(OneSetOfQueries)
    network.layers = torch.nn.ModuleList()
    changed = asked["points"].clone()
    changed[1, 0] += 0.1
    assert (answer(network, {**asked, "points": changed}) - answer(network, asked)).abs()[1, 1:].min() > 0


def test_without_surroundings_they_are_not_read(asked: Asked) -> None:
    assert effect(WithoutSurroundings, asked, "surroundings", (0, 0, 0, 0)).max() == 0
    assert effect(HeartAutoEncoder, asked, "surroundings", (0, 0, 0, 0)).max() > 1e-5


def test_in_the_frame_points_do_not_speak_of_what_was_expected(asked: Asked) -> None:
    for kind, least in ((PointsInTheFrame, 0.0), (HeartAutoEncoder, 1e-3)):
        network = made(kind)
        with torch.inference_mode():
            before = network.encode(asked["points"], asked["given"], asked["numbers"])
            after = network.encode(asked["points"], asked["given"], asked["numbers"] + 0.1)
        assert (after - before).abs().max() >= least
        assert least or torch.equal(after, before)


def test_normals_face_outwards() -> None:
    """Of a ball, from distances scattered around its surface, even where points lie half a millimetre off it."""
    generator = np.random.default_rng(0)
    directions = generator.standard_normal((1200, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    around = directions * generator.uniform(18, 22, (1200, 1))
    points = directions[:100] * 20 + generator.standard_normal((100, 3)) * 0.3
    facing = normals_from(points, around, np.linalg.norm(around, axis=1) - 20)
    assert (facing * directions[:100]).sum(axis=1).min() > 0.95


def test_normals_are_told_to_the_encoder(asked: Asked) -> None:
    asked["points"] = torch.cat([asked["points"], asked["points"]], dim=-1)
    assert effect(WithNormals, asked, "points", (1, 0, slice(None), slice(3, 6)))[1].max() > 1e-5


def test_all_are_trained_and_told_in_one_table(prepared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["rivals", "--data", str(prepared), "--preset", "tiny", "--steps", "2", "--first-steps", "1"]
    assert main(words) == 0
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| ")]
    assert [row.split(" | ")[0].strip("| ") for row in rows[1:]] == ["untrained", *RIVALS]
