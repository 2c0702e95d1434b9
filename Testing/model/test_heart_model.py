"""The multi-class form: any subset in, any subset out, and nothing leaks from what is not given."""

from __future__ import annotations

import math
from copy import deepcopy

import numpy as np
import pytest
import torch

from CardiacCompletionLib.geometry.shape_grid import NODES, REACH, node_positions, sparse_nodes
from CardiacCompletionLib.model import HeartAutoEncoder, HeartModelConfig

CONFIG = HeartModelConfig(
    structures=("a", "b", "c", "d"), dim=64, depth=2, latents=6, latent_dim=8, points=32, shapes=2, fine_shapes=3
)


def numbers() -> torch.Tensor:
    """Three hearts: structures in a row, the second heart larger, the third stretched along one axis; shapes vary."""
    table = torch.zeros(3, 4, 11)
    table[:, :, 0] = torch.tensor([-0.3, -0.1, 0.1, 0.3])
    table[0, :, 3:6] = math.log(0.1)
    table[1, :, 3:6] = math.log(0.2)
    table[2, :, 3:6] = torch.tensor([0.1, 0.1, 0.3]).log()
    table[:, :, 9:] = torch.linspace(-1, 1, 24).reshape(3, 4, 2)
    return table


SPREADS = (torch.eye(3) * 0.1, torch.eye(3) * 0.2, torch.diag(torch.tensor([0.1, 0.1, 0.3])))


@pytest.fixture
def model() -> HeartAutoEncoder:
    torch.manual_seed(0)
    model = HeartAutoEncoder(CONFIG).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
        model.prior.field.copy_(torch.randn_like(model.prior.field))
        model.prior.shapes.copy_(torch.randn_like(model.prior.shapes))
    return model


@pytest.fixture
def batch() -> tuple[torch.Tensor, ...]:
    """Points, given, queries, numbers and surroundings of three hearts, each with other structures."""
    generator = torch.Generator().manual_seed(1)
    given = torch.tensor([[1, 1, 0, 0], [0, 0, 1, 0], [1, 1, 1, 1]], dtype=torch.bool)
    queries = torch.rand(3, 4, 20, 3, generator=generator) - 0.5
    points = torch.randn(3, 4, 32, 3, generator=generator)
    around = torch.randn(3, 4, 20, 4, generator=generator) * 0.1
    return points, given, queries, numbers(), around.where(given[:, None, None], torch.inf)


def test_a_mixed_batch_is_its_hearts_one_by_one(model: HeartAutoEncoder, batch: tuple) -> None:
    together = model(*batch)
    assert together.shape == (3, 4, 20)
    for index in range(3):
        one = slice(index, index + 1)
        alone = model(*(part[one] for part in batch))
        assert torch.allclose(alone[0], together[index], atol=1e-5)


def test_what_is_not_given_is_never_read(model: HeartAutoEncoder, batch: tuple) -> None:
    points, given, queries, told, around = batch
    poisoned = points.clone()
    poisoned[~given] = torch.nan
    assert torch.equal(model(points, given, queries, told, around), model(poisoned, given, queries, told, around))


def test_what_is_given_matters(model: HeartAutoEncoder, batch: tuple) -> None:
    points, given, queries, told, around = batch
    moved = points.clone()
    moved[1, 2] += 0.3
    changed = (
        (model(points, given, queries, told, around) - model(moved, given, queries, told, around))
        .abs()
        .amax(dim=(1, 2))
    )
    assert changed[1] > 1e-4
    assert changed[0] == changed[2] == 0


def test_structures_inform_each_other(model: HeartAutoEncoder, batch: tuple) -> None:
    points, given, queries, told, around = batch
    moved = points.clone()
    moved[0, 0] += 0.3
    other = (model(points, given, queries, told, around) - model(moved, given, queries, told, around))[0, 3].abs().max()
    assert other > 1e-5


def test_wanted_structures_are_those_of_the_whole_answer(model: HeartAutoEncoder, batch: tuple) -> None:
    wanted = torch.tensor([3, 1])
    points, given, queries, told, around = batch
    asked = (points, given, queries[:, wanted], told, around[:, wanted], wanted)
    assert torch.allclose(model(*asked), model(*batch)[:, wanted], atol=1e-6)


def test_one_set_of_queries_serves_all_structures(model: HeartAutoEncoder, batch: tuple) -> None:
    points, given, queries, told, around = batch
    shared, near = queries[:, :1], around[:, :1]
    everywhere = (shared.expand(3, 4, 20, 3), told, near.expand(3, 4, 20, 4))
    assert torch.allclose(model(points, given, shared, told, near), model(points, given, *everywhere), atol=1e-6)


def test_what_lies_around_a_query_matters_there_and_only_there(model: HeartAutoEncoder, batch: tuple) -> None:
    """A trusted surface comes a few millimetres nearer to one query of one structure."""
    *asked, around = batch
    nearer = around.clone()
    nearer[0, 2, 5, 1] -= 0.03
    changed = (model(*asked, around) - model(*asked, nearer)).abs()
    assert changed[0, 2, 5] > 1e-4
    changed[0, 2, 5] = 0
    assert changed.max() == 0


def test_without_surroundings_every_trusted_surface_is_far(model: HeartAutoEncoder, batch: tuple) -> None:
    *asked, around = batch
    assert torch.allclose(model(*asked), model(*asked, torch.full_like(around, torch.inf)), atol=1e-6)


def test_a_muted_model_says_what_it_said_where_nothing_is_told(model: HeartAutoEncoder, batch: tuple) -> None:
    *asked, around = batch
    before, muted = model(*asked), deepcopy(model)
    muted.surroundings_embed.mute()
    assert torch.allclose(muted(*asked), before, atol=1e-5)
    assert torch.equal(muted(*asked), muted(*asked, around))
    assert not torch.allclose(model(*asked, around), before, atol=1e-5)


def test_where_structures_are_expected_matters_to_the_correction(model: HeartAutoEncoder, batch: tuple) -> None:
    """Two hearts that differ in nothing but the expected place of a hidden structure are corrected differently."""
    points, given, _, told, _ = batch
    moved = told.clone()
    moved[0, 3, :3] += 0.05
    latents = [model.process(model.encode(points, given, n), given, n)[0, 0] for n in (told, moved)]
    assert (latents[0] - latents[1]).abs().max() > 1e-5


def test_a_surface_reads_the_same_wherever_its_structure_is_expected(model: HeartAutoEncoder) -> None:
    """Own coordinates: moved and stretched with what is expected of it, a surface has the same latents."""
    own = torch.randn(4, 32, 3, generator=torch.Generator().manual_seed(2))
    centroids, given = numbers()[:, :, :3], torch.ones(3, 4, dtype=torch.bool)
    points = torch.stack([own @ spread for spread in SPREADS]) + centroids[:, :, None]
    alike = numbers()
    alike[:, :, 9:] = 0.5
    latents = model.encode(points, given, alike)
    assert torch.allclose(latents[1:], latents[:1].expand(2, -1, -1, -1), atol=1e-3)
    assert (latents[0, 0] - latents[0, 1]).abs().max() > 0.1


def test_a_surface_tells_by_how_much_the_expected_one_missed_it(model: HeartAutoEncoder, batch: tuple) -> None:
    points, given, _, told, _ = batch
    before = model.encode(points, given, told)
    model.prior.field[0] += 0.2
    change = (model.encode(points, given, told) - before).abs().amax(dim=(0, 2, 3))
    assert change[0] > 1e-3
    assert change[1:].max() == 0


def test_an_untrained_model_is_the_mean_heart(batch: tuple) -> None:
    model = HeartAutoEncoder(CONFIG)
    model.prior.field.copy_(torch.randn_like(model.prior.field))
    expected, _, unit = model.prior(batch[2], batch[3], torch.arange(4))
    assert torch.equal(model(*batch), expected * unit)


def test_a_mean_shape_is_moved_and_stretched_to_its_place() -> None:
    """A plane x + 10 y + 100 z in the structure's own coordinates, read back through the place of each heart."""
    model = HeartAutoEncoder(CONFIG)
    nodes = torch.from_numpy(node_positions()).float()
    plane = (nodes[:, 0] + 10 * nodes[:, 1] + 100 * nodes[:, 2]).reshape(NODES, NODES, NODES)
    model.prior.field.copy_(plane.expand(4, -1, -1, -1))
    queries = torch.tensor([[0.11, -0.02, 0.03], [0.2, 0.05, -0.06]]).expand(3, 1, -1, -1)
    said, places, unit = model.prior(queries, numbers(), torch.tensor([2]))
    for index, spread in enumerate(SPREADS):
        own = (queries[index, 0] - torch.tensor([0.1, 0, 0])) @ torch.linalg.inv(spread)
        assert torch.allclose(places[index, 0] * REACH, own, atol=1e-5)
        assert torch.allclose(said[index, 0], own @ torch.tensor([1.0, 10.0, 100.0]), atol=1e-2)
        assert unit[index] == pytest.approx(float(torch.linalg.det(spread)) ** (1 / 3), rel=1e-5)


def test_principal_shapes_are_added_as_the_numbers_say_and_read_back() -> None:
    model = HeartAutoEncoder(CONFIG)
    generator = torch.Generator().manual_seed(2)
    for shapes in (model.prior.shapes, model.prior.fine_shapes):
        shapes.copy_(torch.randn(shapes.shape, generator=generator) * 0.2)
    mixture, finer = np.array([0.8, -1.3]), np.array([0.4, -0.2, 0.1])
    field = (mixture @ model.prior.shapes[1].reshape(2, -1).numpy()).reshape(NODES, NODES, NODES)
    read = model.prior.shape_numbers(1, sparse_nodes(field) + finer @ model.prior.fine_shapes[1].reshape(3, -1).numpy())
    assert read == pytest.approx(np.append(mixture, finer), abs=1e-2)


def test_small_shapes_are_read_less_well_than_large_ones() -> None:
    model = HeartAutoEncoder(CONFIG)
    model.prior.shapes.fill_(0.1)
    model.prior.fine_shapes.fill_(0.01)
    assert model.prior.misread[0, 2] == pytest.approx(10 * model.prior.misread[0, 0])


def test_half_precision_is_for_what_is_learnt_not_for_places() -> None:
    """Trained in bfloat16, a heart is where it is: neither its mean shapes nor the phases of a point are rounded."""
    model = HeartAutoEncoder(CONFIG)
    model.prior.field.copy_(torch.randn_like(model.prior.field))
    queries = torch.rand(1, 4, 50, 3, generator=torch.Generator().manual_seed(3)) - 0.5
    expected, wanted = model.prior(queries, numbers()[:1], torch.arange(4)), model.point_embed(queries)
    with torch.autocast("cpu", torch.bfloat16):
        halved, embedded = model.prior(queries, numbers()[:1], torch.arange(4)), model.point_embed(queries)
    assert all(torch.equal(a, b) for a, b in zip(expected, halved, strict=True))
    assert (embedded - wanted).abs().max() < 0.02 * wanted.abs().max()


def test_beyond_its_grid_a_mean_shape_grows_with_the_distance() -> None:
    model = HeartAutoEncoder(CONFIG)
    far = torch.tensor([[[[2.0, 0.0, 0.0], [3.0, 0.0, 0.0]]]])
    expected, _, unit = model.prior(far, numbers()[:1], torch.tensor([0]))
    assert float((expected[0, 0, 1] - expected[0, 0, 0]) * unit) == pytest.approx(1.0, abs=1e-4)


def test_settings_survive_json_and_unknown_ones_are_refused() -> None:
    assert HeartModelConfig.from_json(CONFIG.to_json()) == CONFIG
    with pytest.raises(TypeError, match="colour"):
        HeartModelConfig.from_json({**CONFIG.to_json(), "colour": "red"})


def test_a_width_that_is_no_multiple_of_a_head_is_refused() -> None:
    with pytest.raises(ValueError, match="multiple of 64"):
        HeartAutoEncoder(HeartModelConfig(structures=("a",), dim=100))
