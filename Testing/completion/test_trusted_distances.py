"""Distances to trusted surfaces from the lattice are those to the analytic surface."""

from __future__ import annotations

import numpy as np
import pytest
import torch

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
    return TrustedDistances({1: field}, 3, np.zeros(3), 100.0, "cpu", lambda: None)


def test_near_the_surface_they_are_exact_and_far_away_nearly_so(distances: TrustedDistances) -> None:
    points = np.random.default_rng(0).uniform(-80, 80, (4000, 3)).astype(np.float32)
    true = np.linalg.norm(points - CENTER, axis=1) - RADIUS
    said = distances(torch.from_numpy(points), torch.tensor([0]))[0, 0, :, 1].numpy()
    error = np.abs(said - true)
    assert error[np.abs(true) < 6].mean() < 0.2
    assert error[np.abs(true) < 6].max() < 0.6
    assert error[true > 10].mean() < 1.2
    assert (np.sign(said) == np.sign(true))[np.abs(true) > 1].all()


def test_the_lattice_is_as_large_for_a_heart_of_metres() -> None:
    """Hearts of the wrong unit are refused, but can be forced: they take no more memory."""
    ball = np.linalg.norm(np.indices((21,) * 3) - 10, axis=0) < 6
    field = SignedDistance(Region.of_mask(ball), ball.shape, np.diag([1000.0, 1000.0, 1000.0, 1.0]))
    far = TrustedDistances({0: field}, 2, np.full(3, 10_000.0), 20_000.0, "cpu", lambda: None)
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
