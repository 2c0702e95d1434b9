"""Distances to trusted surfaces from the lattice are those to the analytic surface."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from CardiacCompletionLib.completion.distance_lattice import DistanceLattice, step_for
from CardiacCompletionLib.completion.trusted_distances import TrustedDistances
from CardiacCompletionLib.geometry.region import Region
from CardiacCompletionLib.geometry.signed_distance import SignedDistance

CENTER = np.array([5.0, -8.0, 12.0])
RADIUS = 25.0


@pytest.fixture(scope="module")
def distances() -> TrustedDistances:
    """A ball as the second of three structures, of which nothing else is told."""
    spacing, side = 1.2, 61
    affine = np.diag([spacing, spacing, spacing, 1.0])
    affine[:3, 3] = CENTER - spacing * (side - 1) / 2
    kji = np.indices((side,) * 3).reshape(3, -1).T
    ball = np.linalg.norm(kji[:, ::-1] * spacing + affine[:3, 3] - CENTER, axis=1).reshape((side,) * 3) < RADIUS
    field = SignedDistance(Region.of_mask(ball), ball.shape, affine)
    return TrustedDistances({1: DistanceLattice.around(field, step_for(100.0))}, 3, "cpu")


def test_near_the_surface_they_are_exact_and_far_away_nearly_so(distances: TrustedDistances) -> None:
    points = np.random.default_rng(0).uniform(-80, 80, (4000, 3)).astype(np.float32)
    true = np.linalg.norm(points - CENTER, axis=1) - RADIUS
    said = distances(torch.from_numpy(points), torch.tensor([0]))[0, 0, :, 1].numpy()
    error = np.abs(said - true)
    assert error[np.abs(true) < 6].mean() < 0.2
    assert error[np.abs(true) < 6].max() < 0.6
    assert error[true > 10].mean() < 1.2
    assert (np.sign(said) == np.sign(true))[np.abs(true) > 1].all()


def test_beyond_its_lattice_a_distance_goes_on_from_there(distances: TrustedDistances) -> None:
    away = np.array([[1.0, 0, 0], [0, -1.0, 0], [0.6, 0, 0.8], [-0.6, 0.64, 0.48]])
    points = torch.from_numpy((CENTER + 150.0 * away).astype(np.float32))
    said = distances(points, torch.tensor([0]))[0, 0, :, 1].numpy()
    # From the face on as the crow flies, which is no shorter than straight to the ball.
    assert (said > 150.0 - RADIUS - 1.0).all()
    assert (said < 1.2 * (150.0 - RADIUS)).all()


def test_another_choice_of_trust_keeps_the_step() -> None:
    """The frame's scale differs a little with what is trusted; the step does not, but follows the heart's size."""
    assert step_for(96.0) == step_for(104.0)
    assert step_for(50.0) == pytest.approx(step_for(100.0) / 2)


def test_the_lattice_is_as_large_for_a_heart_of_metres() -> None:
    """Hearts of the wrong unit are refused, but can be forced: they take no more memory."""
    ball = np.linalg.norm(np.indices((21,) * 3) - 10, axis=0) < 6
    field = SignedDistance(Region.of_mask(ball), ball.shape, np.diag([1000.0, 1000.0, 1000.0, 1.0]))
    lattice = DistanceLattice.around(field, step_for(100.0))
    assert lattice.values.size <= 81**3
    far = TrustedDistances({0: DistanceLattice.around(field, step_for(20_000.0))}, 2, "cpu")
    said = far(torch.tensor([[10_000.0, 10_000.0, 18_000.0]]), torch.tensor([1]))[0, 0, 0, 0]
    assert float(said) == pytest.approx(2000.0, abs=500.0)


def test_nothing_is_told_of_others_nor_of_the_one_asked_for(distances: TrustedDistances) -> None:
    points = torch.zeros(7, 3)
    alone = distances(points, torch.tensor([0, 2]))
    assert alone.shape == (1, 1, 7, 3)
    assert alone[..., [0, 2]].isinf().all()
    assert alone[..., 1].isfinite().all()
    with_itself = distances(points, torch.tensor([0, 1]))
    assert with_itself.shape == (1, 2, 7, 3)
    assert with_itself[0, 0, :, 1].isfinite().all()
    assert with_itself[0, 1].isinf().all()
