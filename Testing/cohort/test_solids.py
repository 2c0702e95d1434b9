"""Implicit solids: signs, distances, seams, cuts; and the grid that evaluates them box by box."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from Training.cohort.curves import Branches, Tube, spline_with_radii
from Training.cohort.deformation import Deformation
from Training.cohort.fields import REGIONS, StarBody, smooth_union
from Training.cohort.grid import Grid

SPHERE = StarBody(np.array([5.0, -3.0, 2.0]), np.eye(3), np.full((3, 2), 20.0))


def lattice(low: float, high: float, step: float) -> Grid:
    axes = [np.arange(low, high, step)] * 3
    points = Deformation(np.zeros((3, 17, 17, 17), dtype=np.float32)).carry(*axes)
    return Grid(np.full(3, low), step, points, slack=0.01)


def test_a_ball_is_measured_in_millimetres():
    points = np.array([[5.0, -3.0, 3.0], [5.0, -3.0, 27.0], [25.0, -3.0, 2.0]], dtype=np.float32).T
    assert SPHERE.field(points) == pytest.approx([-19.0, 5.0, 0.0], abs=1e-3)


def test_a_swollen_region_swells_there_and_not_on_the_other_side():
    regions = np.zeros(len(REGIONS))
    regions[7] = 0.2
    swollen = StarBody(SPHERE.centre, SPHERE.axes, SPHERE.half_axes, regions=regions)
    ends = (SPHERE.centre + 20.0 * np.stack([REGIONS[7], -REGIONS[7]])).T.astype(np.float32)
    assert swollen.field(ends) == pytest.approx([-4.0, 0.0], abs=1e-3)


@given(st.floats(-30, 30), st.floats(-30, 30), st.floats(0.5, 10))
def test_a_smooth_union_holds_both_and_little_more(a, b, width):
    joined = float(smooth_union(np.float64(a), np.float64(b), width))
    assert min(a, b) - width / 4 - 1e-5 <= joined <= min(a, b) + 1e-5


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.floats(2.0, 3.5))
def test_bounds_hold_the_body(seed, exponent):
    rng = np.random.default_rng(seed)
    axes = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    regions = rng.uniform(-0.2, 0.2, len(REGIONS))
    body = StarBody(rng.uniform(-10, 10, 3), axes, rng.uniform(10, 30, (3, 2)), exponent, regions)
    unit = rng.standard_normal((3, 500))
    unit = (unit / np.linalg.norm(unit, axis=0)).astype(np.float32)
    surface = body.centre[:, None] + axes.T @ (unit * body.radius(unit))
    low, high = body.bounds()
    assert (surface.min(axis=1) >= low - 0.1).all()
    assert (surface.max(axis=1) <= high + 0.1).all()


def test_a_curve_goes_through_its_ends_with_even_steps_and_its_radii_stay_between_the_given_ones():
    points = np.array([[0, 0, 0], [5, 20, 0], [30, 25, 10], [35, 60, 10]], dtype=float)
    curve, radii = spline_with_radii(points, np.array([8.0, 10.0, 6.0, 5.0]), 3.0)
    steps = np.linalg.norm(np.diff(curve, axis=0), axis=1)
    assert curve[[0, -1]] == pytest.approx(points[[0, -1]])
    assert steps.max() < 1.15 * steps.min()
    assert radii.min() >= 5.0 - 1e-9
    assert radii.max() <= 10.0 + 1e-9


def test_a_tube_is_cut_flat_where_asked_and_rounded_where_not():
    tube = Tube(np.array([[0.0, 0, 0], [0, 0, 30.0]]), np.array([10.0, 10.0]), cut_end=True)
    beyond = np.array([[0.0, 0, 33.0], [0, 0, -8.0]], dtype=np.float32).T
    field = tube.field(beyond)
    assert field[0] > 0 > field[1]


def test_a_shortened_tube_ends_between_its_samples():
    tube = Tube(np.array([[0.0, 0, 0], [0, 0, 10], [0, 0, 20], [0, 0, 30]]), np.array([10.0, 9.0, 8.0, 7.0]))
    cut = tube.shortened(1.5)
    assert cut.curve[-1] == pytest.approx([0, 0, 15.0])
    assert cut.radii[-1] == pytest.approx(8.5)
    field = cut.field(np.array([[0.0, 0, 14.0], [0, 0, 17.0]], dtype=np.float32).T)
    assert field[0] < 0 < field[1]
    assert tube.shortened(3.0) is tube


def test_the_grid_sees_a_vessel_as_it_is():
    curve, radii = spline_with_radii(np.array([[-20.0, 0, 0], [0, 15, 5], [20, 0, -10]]), np.array([6.0, 8, 5]), 4.0)
    vessel = Branches([Tube(curve, radii, cut_end=True), Tube(curve[:3], radii[:3])], round_over=3.0)
    grid = lattice(-40.0, 40.0, 2.0)
    box = grid.box_of(vessel, margin=4.0)
    exact = vessel.field(grid.points[(slice(None), *box)])
    windowed = grid.field(vessel, box, reach=4.0)
    near = exact < 3.0
    assert near.sum() > 500
    assert windowed[near] == pytest.approx(exact[near], abs=1e-4)
    assert (windowed[~near] > 0).all()


def test_a_deformation_is_smooth_and_the_same_on_any_grid():
    deformation = Deformation.random(np.random.default_rng(1), 3.5)
    coarse = deformation.carry(*[np.arange(-60.0, 60.0, 4.0)] * 3)
    fine = deformation.carry(*[np.arange(-60.0, 60.0, 2.0)] * 3)
    assert np.abs(coarse - fine[:, ::2, ::2, ::2]).max() < 1e-4
    points = np.array([[-60.0, 8.0], [20.0, -4.0], [0.0, 52.0]])
    carried = np.stack([coarse[:, 15, 20, 0], coarse[:, 28, 14, 17]], axis=1)
    assert np.abs(points + deformation.displacement(points) - carried).max() < 1e-4
    stretch = np.diff(fine[0], axis=2) / 2.0
    assert 0.5 < stretch.min() < 1.0 < stretch.max() < 1.5
