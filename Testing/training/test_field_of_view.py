"""Scans that end too soon: what is beyond their end is not shown, and is sought."""

from __future__ import annotations

import numpy as np
import pytest

from Training.data.field_of_view import ScanEnd

GENERATOR = np.random.default_rng(3)


def balls(*heights: float) -> np.ndarray:
    """Surface points of balls of 10 mm at these heights, [G, 500, 3]."""
    directions = GENERATOR.standard_normal((len(heights), 500, 3))
    directions /= np.linalg.norm(directions, axis=-1, keepdims=True)
    return 10 * directions + np.array(heights)[:, None, None] * [0, 0, 1]


def test_what_lies_across_the_end_is_cut_and_what_lies_beyond_is_gone() -> None:
    end = ScanEnd(np.array([0.0, 0.0, 1.0]), 0.0)
    cut, gone = end.lost(balls(-30.0, 2.0, 30.0))
    assert cut.tolist() == [False, True, False]
    assert gone.tolist() == [False, False, True]


@pytest.mark.parametrize("seed", range(20))
def test_an_end_leaves_at_least_half_of_what_is_trusted(seed: int) -> None:
    surfaces = balls(-20.0, 0.0, 20.0)
    end = ScanEnd.drawn(surfaces, np.random.default_rng(seed))
    assert end.sees(surfaces).mean() >= 0.499
    assert np.linalg.norm(end.normal) == pytest.approx(1.0)
