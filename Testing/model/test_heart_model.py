"""The multi-class form: any subset in, any subset out, and nothing leaks from what is not given."""

from __future__ import annotations

import pytest
import torch

from CardiacCompletionLib.model import HeartAutoEncoder, HeartModelConfig

CONFIG = HeartModelConfig(
    structures=("a", "b", "c", "d"), dim=64, depth=2, latents=6, latent_dim=8, points=32, prior_size=8
)


# Three hearts: structures in a row, the second heart larger, the third stretched along one axis.
PLACES = (
    torch.tensor([[[-0.3, 0, 0], [-0.1, 0, 0], [0.1, 0, 0], [0.3, 0, 0]]]).expand(3, -1, -1),
    torch.stack([torch.eye(3) * 0.1, torch.eye(3) * 0.2, torch.diag(torch.tensor([0.1, 0.1, 0.3]))])[:, None].expand(
        3, 4, 3, 3
    ),
)


@pytest.fixture
def model() -> HeartAutoEncoder:
    torch.manual_seed(0)
    model = HeartAutoEncoder(CONFIG).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
        model.prior.field.copy_(torch.randn_like(model.prior.field))
    return model


@pytest.fixture
def batch() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, tuple]:
    """Points, given, queries and places of three hearts, each with other structures."""
    generator = torch.Generator().manual_seed(1)
    given = torch.tensor([[1, 1, 0, 0], [0, 0, 1, 0], [1, 1, 1, 1]], dtype=torch.bool)
    queries = torch.rand(3, 20, 3, generator=generator) - 0.5
    return torch.randn(3, 4, 32, 3, generator=generator), given, queries, PLACES


def test_a_mixed_batch_is_its_hearts_one_by_one(model: HeartAutoEncoder, batch: tuple) -> None:
    together = model(*batch)
    assert together.shape == (3, 4, 20)
    for index in range(3):
        one = slice(index, index + 1)
        alone = model(*(part[one] for part in batch[:3]), tuple(part[one] for part in batch[3]))
        assert torch.allclose(alone[0], together[index], atol=1e-5)


def test_what_is_not_given_is_never_read(model: HeartAutoEncoder, batch: tuple) -> None:
    points, given, queries, places = batch
    poisoned = points.clone()
    poisoned[~given] = torch.nan
    assert torch.equal(model(points, given, queries, places), model(poisoned, given, queries, places))


def test_what_is_given_matters(model: HeartAutoEncoder, batch: tuple) -> None:
    points, given, queries, places = batch
    moved = points.clone()
    moved[1, 2] += 0.3
    changed = (model(points, given, queries, places) - model(moved, given, queries, places)).abs().amax(dim=(1, 2))
    assert changed[1] > 1e-4
    assert changed[0] == changed[2] == 0


def test_structures_inform_each_other(model: HeartAutoEncoder, batch: tuple) -> None:
    points, given, queries, places = batch
    moved = points.clone()
    moved[0, 0] += 0.3
    other = (model(points, given, queries, places) - model(moved, given, queries, places))[0, 3].abs().max()
    assert other > 1e-5


def test_wanted_structures_are_those_of_the_whole_answer(model: HeartAutoEncoder, batch: tuple) -> None:
    wanted = torch.tensor([3, 1])
    assert torch.allclose(model(*batch, wanted), model(*batch)[:, wanted], atol=1e-6)


def test_an_untrained_model_is_the_mean_heart(batch: tuple) -> None:
    model = HeartAutoEncoder(CONFIG)
    model.prior.field.copy_(torch.randn_like(model.prior.field))
    everything = torch.arange(4)
    assert torch.equal(model(*batch), model.prior(batch[2], *PLACES, everything))


def test_a_mean_shape_is_moved_and_stretched_to_its_place() -> None:
    """A plane x + 10 y + 100 z in the structure's own coordinates, read back through the place of each heart."""
    model = HeartAutoEncoder(CONFIG)
    nodes = model.prior.node_positions()
    field = nodes[:, 0] + 10 * nodes[:, 1] + 100 * nodes[:, 2]
    model.prior.field.copy_(field.reshape(1, 8, 8, 8).expand(4, -1, -1, -1))
    queries = torch.tensor([[0.11, -0.02, 0.03], [0.2, 0.05, -0.06]]).expand(3, -1, -1)
    said = model.prior(queries, *PLACES, torch.tensor([2]))[:, 0]
    own = (queries - torch.tensor([0.1, 0, 0])) @ torch.linalg.inv(PLACES[1][:, 2])
    unit = torch.linalg.det(PLACES[1][:, 2])[:, None] ** (1 / 3)
    assert torch.allclose(said, (own[..., 0] + 10 * own[..., 1] + 100 * own[..., 2]) * unit, atol=1e-3)


def test_beyond_its_grid_a_mean_shape_grows_with_the_distance() -> None:
    model = HeartAutoEncoder(CONFIG)
    far = torch.tensor([[[2.0, 0.0, 0.0], [3.0, 0.0, 0.0]]])
    said = model.prior(far, PLACES[0][:1], PLACES[1][:1], torch.tensor([0]))[0, 0]
    assert said[1] - said[0] == pytest.approx(1.0, abs=1e-4)


def test_settings_survive_json_and_unknown_ones_are_refused() -> None:
    assert HeartModelConfig.from_json(CONFIG.to_json()) == CONFIG
    with pytest.raises(TypeError, match="colour"):
        HeartModelConfig.from_json({**CONFIG.to_json(), "colour": "red"})


def test_a_width_that_is_no_multiple_of_a_head_is_refused() -> None:
    with pytest.raises(ValueError, match="multiple of 64"):
        HeartAutoEncoder(HeartModelConfig(structures=("a",), dim=100))
