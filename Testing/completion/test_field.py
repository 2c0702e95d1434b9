"""The sparse field is the dense one: same inside, no piece lost, asked far less often."""

from __future__ import annotations

import numpy as np
import pytest

from CardiacCompletionLib.completion.field import coarse_lattice, sample_field
from CardiacCompletionLib.geometry.lattice import Lattice, resampled, upsampled
from Testing.geometry.phantoms import grid


def two_balls_and_a_thread(ras: np.ndarray) -> np.ndarray:
    """A large ball, a small one far away, and a thread 2 mm wide that touches neither."""
    large = np.linalg.norm(ras - [-20.0, 5.0, 0.0], axis=1) - 22
    small = np.linalg.norm(ras - [45.0, -30.0, 30.0], axis=1) - 3
    along = np.clip(ras @ [0.6, 0.8, 0.0], -30, 30)[:, None] * np.array([0.6, 0.8, 0.0]) + [0, 0, 40.0]
    along[:, 2] = 40.0
    thread = np.linalg.norm(ras - along, axis=1) - 1.0
    return np.minimum(np.minimum(large, small), thread)


@pytest.mark.parametrize("angles", [(0, 0, 0), (25, -40, 10)])
def test_sparse_equals_dense_and_asks_less(angles: tuple[float, float, float]) -> None:
    directions = grid((1, 1, 1), angles, 2)[:3, :3][:, ::-1]
    lattice, halvings = coarse_lattice(np.zeros(3), 70.0, 1.0, directions)
    asked = []

    def ask(ras: np.ndarray) -> np.ndarray:
        asked.append(len(ras))
        return two_balls_and_a_thread(ras)

    field = sample_field(ask, lattice, halvings)
    dense = two_balls_and_a_thread(field.lattice.all_points()).reshape(field.values.shape)
    assert ((field.values < 0) == (dense < 0)).all()
    whole = Lattice.around(np.zeros(3), 70.0, 1.0, directions)
    everywhere = two_balls_and_a_thread(whole.all_points())
    assert (dense < 0).sum() == (everywhere < 0).sum()
    assert sum(asked) < 0.1 * len(everywhere)


def test_a_field_without_inside_is_nothing() -> None:
    lattice, halvings = coarse_lattice(np.zeros(3), 30.0, 2.0, np.eye(3))
    assert sample_field(lambda ras: np.full(len(ras), 5.0), lattice, halvings) is None


def test_refinement_keeps_known_nodes_and_interpolates_between() -> None:
    values = np.random.default_rng(0).normal(size=(3, 4, 5)).astype(np.float32)
    finer = upsampled(values)
    assert np.array_equal(finer[::2, ::2, ::2], values)
    assert finer[1, 0, 0] == pytest.approx((values[0, 0, 0] + values[1, 0, 0]) / 2)


def test_resampling_a_linear_field_is_exact() -> None:
    k, j, i = np.indices((6, 5, 4), dtype=np.float64)
    values = 2 * k - 3 * j + 0.5 * i
    positions = (np.array([0.0, 1.3, 4.9]), np.array([0.2, 3.7]), np.array([1.1, 2.2, 2.9]))
    k, j, i = np.meshgrid(*positions, indexing="ij")
    assert resampled(values, positions) == pytest.approx(2 * k - 3 * j + 0.5 * i)
