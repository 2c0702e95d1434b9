"""Surface points and signed distances against shapes whose answers are known."""

from __future__ import annotations

import numpy as np
import pytest

from CardiacCompletionLib.geometry.region import Region
from CardiacCompletionLib.geometry.signed_distance import SignedDistance
from CardiacCompletionLib.geometry.surface import extract_surface
from Testing.geometry.phantoms import ball, grid, tube, voxelised

SIZE = 48
GRIDS = {
    "straight": ((1.5, 1.5, 1.5), (0, 0, 0), (0, 0, 0)),
    "oblique": ((1.5, 1.5, 1.5), (20, 30, -15), (40, -20, 7)),
    "anisotropic oblique": ((1.0, 1.2, 2.5), (-35, 10, 50), (-60, 5, 30)),
}


@pytest.fixture(params=GRIDS.values(), ids=GRIDS.keys())
def placed(request: pytest.FixtureRequest) -> tuple[np.ndarray, np.ndarray]:
    """A grid and the RAS point in its middle."""
    spacing, angles, center = request.param
    return grid(spacing, angles, SIZE, center), np.array(center, dtype=float)


def test_points_lie_on_a_sphere_with_outward_normals(placed: tuple[np.ndarray, np.ndarray]) -> None:
    ijk_to_ras, center = placed
    surface = extract_surface(voxelised(ball(15, center), ijk_to_ras, SIZE), (SIZE,) * 3, ijk_to_ras)
    radius = np.linalg.norm(surface.points - center, axis=1)
    assert abs(radius - 15).mean() < 0.3
    assert radius.mean() == pytest.approx(15, abs=0.12)
    outward = ((surface.points - center) / radius[:, None] * surface.normals).sum(axis=1)
    assert np.quantile(outward, 0.02) > 0.85
    assert surface.areas.sum() == pytest.approx(4 * np.pi * 15**2, rel=0.06)


def test_sampling_is_uniform_by_area(placed: tuple[np.ndarray, np.ndarray]) -> None:
    ijk_to_ras, center = placed
    surface = extract_surface(voxelised(ball(15, center), ijk_to_ras, SIZE), (SIZE,) * 3, ijk_to_ras)
    sampled = surface.resampled(2000)
    assert len(sampled.points) == 2000
    for axis in range(3):  # Archimedes: equal slabs of a sphere have equal area
        slabs = np.histogram(sampled.points[:, axis] - center[axis], bins=np.linspace(-15, 15, 5))[0]
        assert slabs / slabs.sum() == pytest.approx([0.25] * 4, abs=0.03)


def test_signed_distance_of_a_sphere(placed: tuple[np.ndarray, np.ndarray]) -> None:
    ijk_to_ras, center = placed
    field = SignedDistance(voxelised(ball(15, center), ijk_to_ras, SIZE), (SIZE,) * 3, ijk_to_ras)
    queries = np.random.default_rng(0).uniform(-24, 24, (4000, 3)) + center
    error = field(queries) - ball(15, center)(queries)
    assert abs(error).mean() < 0.3
    assert abs(error.mean()) < 0.12


def test_signed_distance_of_a_thin_tube() -> None:
    ijk_to_ras = grid((1.5, 1.5, 1.5), (20, 30, -15), SIZE)
    field = SignedDistance(voxelised(tube(1.8, 20), ijk_to_ras, SIZE), (SIZE,) * 3, ijk_to_ras)
    queries = np.random.default_rng(0).uniform(-6, 6, (4000, 3))
    assert abs(field(queries) - tube(1.8, 20)(queries)).mean() < 0.35


def test_distances_of_a_larger_structure_are_larger_alike() -> None:
    """Near and far, the same points of the surface are asked, whatever a millimetre is to the structure."""
    ijk_to_ras = grid((1.5, 1.5, 1.5), (10, 0, 0), SIZE)
    points = np.random.default_rng(0).uniform(-60, 60, (2000, 3))
    region, larger = voxelised(ball(28), ijk_to_ras, SIZE), ijk_to_ras.copy()
    larger[:3] *= 1.25
    usual, scaled = (SignedDistance(region, (SIZE,) * 3, matrix) for matrix in (ijk_to_ras, larger))
    assert scaled(1.25 * points) == pytest.approx(1.25 * usual(points), abs=1e-3)


def test_a_vessel_one_voxel_wide_keeps_a_surface() -> None:
    mask = np.zeros((20, 20, 20), dtype=bool)
    mask[4:16, 10, 10] = True
    surface = extract_surface(Region.of_mask(mask), mask.shape, np.eye(4))
    radius = np.hypot(surface.points[:, 0] - 10, surface.points[:, 1] - 10)
    assert 0.15 < np.median(radius) < 0.85


def test_a_cut_at_the_border_of_the_image_is_not_a_surface() -> None:
    mask = np.zeros((20, 20, 20), dtype=bool)
    mask[:12, 5:15, 5:15] = True
    surface = extract_surface(Region.of_mask(mask), mask.shape, np.eye(4))
    assert not (surface.normals[:, 2] < -0.9).any()
    assert (surface.normals[:, 2] > 0.9).any()
    at_border = surface.points[:, 2] < 0.5
    assert at_border.any()
    assert abs(surface.normals[at_border, 2]).max() < 0.05


def test_left_stays_left() -> None:
    """A large ball on the left and a small one on the right: a mirrored or transposed axis would swap them."""
    ijk_to_ras = grid((1.0, 1.2, 2.5), (-35, 10, 50), SIZE, (-60, 5, 30))
    for radius, offset in ((12, (-9, 4, 2)), (6, (11, -6, -5))):
        place = np.array((-60, 5, 30)) + offset
        region = voxelised(ball(radius, place), ijk_to_ras, SIZE)
        surface = extract_surface(region, (SIZE,) * 3, ijk_to_ras)
        assert surface.resampled(500).points.mean(axis=0) == pytest.approx(place, abs=0.4)
