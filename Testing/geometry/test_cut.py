"""Cut faces: found where a plane or the grid's border cuts, and not where a structure ends by itself."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from CardiacCompletionLib.geometry.cut import border_cuts, off_faces, planar_caps
from CardiacCompletionLib.geometry.region import Region
from CardiacCompletionLib.geometry.surface import extract_surface
from Testing.geometry.phantoms import ball, grid, tube, voxelised

OBLIQUE = (20.0, -30.0, 40.0)


def caps_of(distance: Callable, ijk_to_ras: np.ndarray, size: int) -> list:
    region = voxelised(distance, ijk_to_ras, size)
    return planar_caps(extract_surface(region, (size,) * 3, ijk_to_ras), ijk_to_ras)


def cut_tube(normal: np.ndarray, height: float, radius: float) -> Callable:
    """A vessel with one round end and one that a plane cuts off at ``height`` mm."""

    def distance(ras: np.ndarray) -> np.ndarray:
        axis = ras - np.array([0, 0, 1.0]) * np.maximum(ras[:, 2:], -25.0)
        return np.maximum(np.linalg.norm(axis, axis=1) - radius, ras @ normal - height)

    return distance


@settings(max_examples=20, deadline=None, derandomize=True)
@given(
    lean=st.floats(0.0, 35.0),
    around=st.floats(0.0, 360.0),
    height=st.floats(-5.0, 15.0),
    radius=st.floats(7.0, 14.0),
    spacing=st.floats(0.8, 1.4),
)
def test_the_plane_that_cuts_a_vessel_is_found(
    lean: float, around: float, height: float, radius: float, spacing: float
) -> None:
    lean, around = np.radians([lean, around])
    normal = np.array([np.sin(lean) * np.cos(around), np.sin(lean) * np.sin(around), np.cos(lean)])
    size = int(90 / spacing)
    caps = caps_of(cut_tube(normal, height, radius), grid((spacing,) * 3, OBLIQUE, size), size)
    assert len(caps) == 1
    assert caps[0].normal @ normal > 0.995
    assert caps[0].point @ normal == pytest.approx(height, abs=spacing)
    assert caps[0].area == pytest.approx(np.pi * radius**2 / np.cos(lean), rel=0.3)


def ellipsoid(ras: np.ndarray) -> np.ndarray:
    return (np.linalg.norm(ras / np.array([30.0, 25.0, 12.0]), axis=1) - 1) * 12


@pytest.mark.parametrize("shape", [ball(20), ball(8), ellipsoid], ids=["ball", "small ball", "flat ellipsoid"])
@pytest.mark.parametrize(
    ("spacing", "angles"),
    [((1, 1, 1), (0, 0, 0)), ((1, 1, 1), OBLIQUE), ((0.8, 0.8, 2.5), OBLIQUE), ((3, 3, 3), OBLIQUE)],
)
def test_a_rounded_structure_has_no_cap(shape: Callable, spacing: tuple, angles: tuple) -> None:
    size = int(90 / min(spacing))
    assert caps_of(shape, grid(spacing, angles, size), size) == []


def test_points_on_a_cut_are_no_evidence() -> None:
    size, ijk_to_ras = 80, grid((1, 1, 1), OBLIQUE, 80)
    region = voxelised(tube(10, 25), ijk_to_ras, size)
    surface = extract_surface(region, (size,) * 3, ijk_to_ras)
    faces = planar_caps(surface, ijk_to_ras)
    assert len(faces) == 2
    rest = off_faces(surface, faces, ijk_to_ras)
    assert np.abs(rest.points[:, 2]).max() < 25.3
    assert np.hypot(rest.points[:, 0], rest.points[:, 1]).min() > 8.5
    wall = np.abs(surface.points[:, 2]) < 22
    assert len(rest.points) >= wall.sum()


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("end", [0, -1])
def test_the_border_of_the_image_is_a_cut_where_a_structure_leaves_it(axis: int, end: int) -> None:
    size, ijk_to_ras = 60, grid((1.0, 1.2, 1.5), OBLIQUE, 60)
    lattice = ijk_to_ras[:3, :3][:, ::-1]
    middle = ijk_to_ras[:3, :3] @ np.full(3, size / 2) + ijk_to_ras[:3, 3]
    outward = lattice[:, axis] / np.linalg.norm(lattice[:, axis]) * (1 if end == -1 else -1)
    place = middle + outward * (size / 2) * np.linalg.norm(lattice[:, axis])
    faces = border_cuts(voxelised(ball(15, place - 5 * outward), ijk_to_ras, size), (size,) * 3, ijk_to_ras)
    assert len(faces) == 1
    assert faces[0].certain
    assert faces[0].normal @ outward > 0.999
    assert np.linalg.norm(faces[0].point - place) < 1.5
    assert faces[0].area == pytest.approx(np.pi * (15**2 - 5**2), rel=0.1)


def test_a_round_end_that_just_touches_the_border_is_not_cut() -> None:
    size, ijk_to_ras = 60, grid((1, 1, 1), (0, 0, 0), 60)
    region = voxelised(ball(12), ijk_to_ras, size)
    touching = Region(region.mask, (0, *region.start[1:]))
    assert border_cuts(touching, (size,) * 3, ijk_to_ras) == []
    assert len(border_cuts(touching, (size,) * 3, ijk_to_ras, flat=False)) == 1


def test_two_legs_of_a_vessel_that_leave_the_image_are_two_faces() -> None:
    mask = np.zeros((30, 40, 40), dtype=bool)
    mask[10:, 5:12, 5:12] = mask[10:, 25:32, 25:32] = mask[10:14, 5:32, 5:32] = True
    faces = border_cuts(Region.of_mask(mask), mask.shape, np.eye(4))
    assert len(faces) == 2
    assert all(face.normal @ [0, 0, 1] == pytest.approx(1) for face in faces)
    assert all(face.point[2] == pytest.approx(29.5) for face in faces)
