"""From few hearts to how likely every place is: walls whose places are known, and trusted structures in the way."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from CardiacCompletionLib.completion.likelihood import likelihood, margin

SPACING = np.array([1.5, 1.0, 2.0])
ANYWHERE = np.ones((40, 30, 20), dtype=bool)
HEIGHTS = np.arange(40) * SPACING[0]


def below(height: float) -> np.ndarray:
    """Nodes below a height in mm, float32 [k, j, i]."""
    return np.broadcast_to((HEIGHTS - height < 0)[:, None, None], ANYWHERE.shape).astype(np.float32)


def test_beside_a_wall_that_was_drawn_once_others_are_likely() -> None:
    said = likelihood(below(30.0), ANYWHERE, SPACING)[:, 15, 10]
    # The wall lies between two nodes.
    expected = norm.cdf((30.0 - SPACING[0] / 2 - HEIGHTS) / 2.5)
    np.testing.assert_allclose(said[10:-10], expected[10:-10], atol=0.02)
    assert said.dtype == np.float32


def test_a_few_draws_come_nearer_to_the_truth() -> None:
    """A wall that lies 30 mm high, give or take 4, drawn 16 times: how far what is said is off what is so."""
    generator, truth = np.random.default_rng(0), 1.0 - norm.cdf(HEIGHTS, 30.0, 4.0)
    off = []
    for _ in range(20):
        share = np.mean([below(height) for height in generator.normal(30.0, 4.0, 16)], axis=0)
        said = likelihood(share, ANYWHERE, SPACING)
        off.append([np.mean((values[:, 15, 10] - truth) ** 2) for values in (said, share)])
    said, share = np.mean(off, axis=0)
    assert said < 0.8 * share


def test_what_fills_the_room_beside_a_trusted_wall_is_certain_up_to_the_wall() -> None:
    free = HEIGHTS[:, None, None] < 30.0
    said = likelihood(below(30.0), np.broadcast_to(free, ANYWHERE.shape), SPACING)
    np.testing.assert_allclose(said[HEIGHTS < 30.0], 1.0, atol=1e-5)
    assert not said[HEIGHTS >= 30.0].any()


def test_beyond_the_margin_nothing_is_likely() -> None:
    share = np.zeros(ANYWHERE.shape, dtype=np.float32)
    share[20, 15, 10] = 1.0
    far = np.abs(np.indices(share.shape) - np.array([20, 15, 10])[:, None, None, None])
    beyond = (far > margin(SPACING)[:, None, None, None]).any(axis=0)
    said = likelihood(share, ANYWHERE, SPACING)
    assert not said[beyond].any()
    assert said[20, 15, 10] == said.max()
    assert said[20 + margin(SPACING)[0], 15, 10] > 0


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.floats(0.0, 1.0))
def test_structures_share_what_is_likely_and_trusted_nodes_have_none(seed: int, count: int, taken: float) -> None:
    generator = np.random.default_rng(seed)
    shape = tuple(generator.integers(1, 12, size=3))
    free = generator.random(shape) >= taken
    owners = generator.integers(-2, count, size=(4, *shape))
    spacing = generator.uniform(0.1, 20.0, size=3)
    said = [likelihood((owners == number).mean(axis=0), free, spacing) for number in range(count)]
    assert np.isfinite(said).all()
    assert np.min(said) >= 0.0
    assert np.sum(said, axis=0).max() <= 1.0 + 1e-5
    assert not np.sum(said, axis=0)[~free].any()
