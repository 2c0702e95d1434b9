"""The multi-class form: any subset in, any subset out, and nothing leaks from what is not given."""

from __future__ import annotations

import pytest
import torch

from CardiacCompletionLib.model import HeartAutoEncoder, HeartModelConfig

CONFIG = HeartModelConfig(
    structures=("a", "b", "c", "d"), dim=64, depth=2, latents=6, latent_dim=8, points=32, prior_size=8
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
def batch() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Points, given and queries of three hearts, each with other structures."""
    generator = torch.Generator().manual_seed(1)
    given = torch.tensor([[1, 1, 0, 0], [0, 0, 1, 0], [1, 1, 1, 1]], dtype=torch.bool)
    return torch.randn(3, 4, 32, 3, generator=generator), given, torch.rand(3, 20, 3, generator=generator) - 0.5


def test_a_mixed_batch_is_its_hearts_one_by_one(model: HeartAutoEncoder, batch: tuple) -> None:
    together = model(*batch)
    assert together.shape == (3, 4, 20)
    for index in range(3):
        alone = model(*(part[index : index + 1] for part in batch))
        assert torch.allclose(alone[0], together[index], atol=1e-5)


def test_what_is_not_given_is_never_read(model: HeartAutoEncoder, batch: tuple) -> None:
    points, given, queries = batch
    poisoned = points.clone()
    poisoned[~given] = torch.nan
    assert torch.equal(model(points, given, queries), model(poisoned, given, queries))


def test_what_is_given_matters(model: HeartAutoEncoder, batch: tuple) -> None:
    points, given, queries = batch
    moved = points.clone()
    moved[1, 2] += 0.3
    changed = (model(points, given, queries) - model(moved, given, queries)).abs().amax(dim=(1, 2))
    assert changed[1] > 1e-4
    assert changed[0] == changed[2] == 0


def test_structures_inform_each_other(model: HeartAutoEncoder, batch: tuple) -> None:
    points, given, queries = batch
    moved = points.clone()
    moved[0, 0] += 0.3
    other = (model(points, given, queries) - model(moved, given, queries))[0, 3].abs().max()
    assert other > 1e-5


def test_wanted_structures_are_those_of_the_whole_answer(model: HeartAutoEncoder, batch: tuple) -> None:
    wanted = torch.tensor([3, 1])
    assert torch.allclose(model(*batch, wanted), model(*batch)[:, wanted], atol=1e-6)


def test_an_untrained_model_is_the_mean_heart(batch: tuple) -> None:
    model = HeartAutoEncoder(CONFIG)
    model.prior.field.copy_(torch.randn_like(model.prior.field))
    everything = torch.arange(4)
    assert torch.equal(model(*batch), model.prior(batch[2], everything))


def test_the_mean_heart_keeps_its_axes() -> None:
    model = HeartAutoEncoder(CONFIG)
    nodes = model.prior.node_positions()
    field = nodes[:, 0] + 10 * nodes[:, 1] + 100 * nodes[:, 2]
    model.prior.field.copy_(field.reshape(1, 8, 8, 8).expand(4, -1, -1, -1))
    queries = torch.tensor([[[0.1, -0.2, 0.3], [-0.4, 0.5, -0.6]]])
    expected = queries[..., 0] + 10 * queries[..., 1] + 100 * queries[..., 2]
    assert torch.allclose(model.prior(queries, torch.tensor([2]))[:, 0], expected, atol=1e-4)


def test_settings_survive_json_and_unknown_ones_are_refused() -> None:
    assert HeartModelConfig.from_json(CONFIG.to_json()) == CONFIG
    with pytest.raises(TypeError, match="colour"):
        HeartModelConfig.from_json({**CONFIG.to_json(), "colour": "red"})


def test_a_width_that_is_no_multiple_of_a_head_is_refused() -> None:
    with pytest.raises(ValueError, match="multiple of 64"):
        HeartAutoEncoder(HeartModelConfig(structures=("a",), dim=100))
