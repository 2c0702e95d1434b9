"""The Gaussian of hearts with gaps: what few hearts show together is known of all."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from CardiacCompletionLib.geometry.incomplete_gaussian import incomplete_gaussian

NOISE = 1e-4


def found(rows: np.ndarray, weights: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    weights = np.ones(len(rows)) if weights is None else weights
    return incomplete_gaussian(rows, weights / weights.sum(), np.full(rows.shape[1], NOISE))


def hearts(count: int, seed: int = 0) -> np.ndarray:
    """A wide number, one that follows it twice as far, and one that follows these two."""
    generator = np.random.default_rng(seed)
    first = generator.standard_normal(count)
    second = 2.0 * first + 0.3 * generator.standard_normal(count)
    return np.column_stack([first, second, first - second + 0.3 * generator.standard_normal(count)])


def test_without_gaps_it_is_the_weighted_mean_and_covariance() -> None:
    rows, weights = hearts(50), np.arange(1.0, 51.0)
    mean, covariance = found(rows, weights)
    assert mean == pytest.approx(np.average(rows, axis=0, weights=weights))
    assert covariance == pytest.approx(np.cov(rows.T, aweights=weights, bias=True), abs=1e-3)


def test_what_one_heart_in_fifty_shows_varies_with_the_rest_as_in_these() -> None:
    rows = hearts(2000)
    rows[40:, 1] = np.nan
    mean, covariance = found(rows)
    assert covariance[0, 1] / covariance[0, 0] == pytest.approx(2.0, abs=0.15)
    assert covariance[1, 1] == pytest.approx(4.09, rel=0.15)
    assert mean[1] == pytest.approx(2.0 * rows[:, 0].mean(), abs=0.15)


def test_hearts_that_lack_a_number_do_not_loosen_it_from_others() -> None:
    """Those that show few numbers count much; what the others know of the third is not forgotten for it."""
    rows, weights = hearts(400), np.ones(400)
    rows[300:, 2], weights[300:] = np.nan, 3.0
    _, covariance = found(rows, weights)
    assert np.linalg.solve(covariance[:2, :2], covariance[:2, 2]) == pytest.approx([1.0, -1.0], abs=0.15)


def test_numbers_that_no_heart_shows_together_follow_by_what_is_between_them() -> None:
    rows = hearts(3000)
    rows[:1500, 0], rows[1500:, 2] = np.nan, np.nan
    _, covariance = found(rows)
    through = covariance[0, 1] * covariance[1, 2] / covariance[1, 1]
    assert covariance[0, 2] == pytest.approx(through, rel=0.05)


@given(st.integers(0, 2**31), st.integers(2, 8), st.integers(2, 12))
def test_whatever_is_shown_the_covariance_is_one(seed: int, numbers: int, count: int) -> None:
    generator = np.random.default_rng(seed)
    rows = generator.standard_normal((count, numbers)) * 10.0 ** generator.integers(-2, 3, size=numbers)
    gaps = generator.random(rows.shape) < 0.5
    gaps[generator.integers(count, size=numbers), np.arange(numbers)] = False
    mean, covariance = found(np.where(gaps, np.nan, rows))
    assert np.isfinite(mean).all()
    assert covariance == pytest.approx(covariance.T)
    assert np.linalg.eigvalsh(covariance).min() > 0
