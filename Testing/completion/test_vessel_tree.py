"""Coronary arteries that a field breaks off: along a valley they are led together, over nothing trusted."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial import cKDTree

from CardiacCompletionLib.anatomy.heart import Heart
from CardiacCompletionLib.anatomy.vocabulary import load_vocabulary
from CardiacCompletionLib.completion.composition import compose
from CardiacCompletionLib.completion.field import SampledField, coarse_lattice, sample_field
from CardiacCompletionLib.geometry.lattice import Lattice
from Testing.geometry.phantoms import ball, voxelised

VOCABULARY = load_vocabulary()
KEY = "coronary_arteries"
ANGLES = np.radians(np.linspace(0.0, 240.0, 200))
# An artery of 1.5 mm that runs around a ventricle, from an aorta at its beginning.
COURSE = 30.0 * np.stack([np.cos(ANGLES), np.sin(ANGLES), np.zeros_like(ANGLES)], axis=1)
VENTRICLE, AORTA = ball(27.5), ball(4, (33.0, 0, 0))


def artery(height: Callable[[np.ndarray], np.ndarray]) -> Callable[[np.ndarray], np.ndarray]:
    """Distance to the artery, raised by so many mm at each point of its course: height(degrees)."""
    tree, raised = cKDTree(COURSE), height(np.degrees(ANGLES))

    def distance(ras: np.ndarray) -> np.ndarray:
        away, nearest = tree.query(ras)
        return (away - 1.5 + raised[nearest]).astype(np.float32)

    return distance


def between(*ends: tuple[float, float], height: float) -> Callable[[np.ndarray], np.ndarray]:
    """Raised between some degrees and others."""

    def raised(degrees: np.ndarray) -> np.ndarray:
        return sum((height * ((low < degrees) & (degrees < high)) for low, high in ends), np.zeros_like(degrees))

    return raised


def completed(distance: Callable, spacing: float, **trusted: Callable) -> tuple[Heart, Heart]:
    """The trusted heart, and the whole one."""
    size, start = round(110 / spacing), -55.0
    grid = np.diag([spacing, spacing, spacing, 1.0])
    grid[:3, 3] = start
    heart = Heart({key: voxelised(shape, grid, size) for key, shape in trusted.items()}, (size,) * 3, grid)
    lattice, halvings = coarse_lattice(np.zeros(3), 60.0, spacing, grid[:3, :3][:, ::-1])
    field = sample_field(distance, lattice, halvings)
    return heart, compose(heart, {KEY: field}, VOCABULARY).heart


def places(heart: Heart) -> np.ndarray:
    """RAS mm [N, 3] of the artery's voxels."""
    region = heart.regions[KEY]
    return (np.argwhere(region.mask) + region.start)[:, ::-1] * heart.spacing + heart.ijk_to_ras[:3, 3]


@pytest.mark.parametrize("spacing", [0.8, 1.5, 2.5])
def test_pieces_along_a_valley_are_one_vessel_that_reaches_the_aorta(spacing: float) -> None:
    broken = artery(between((-1, 12), (50, 80), (120, 130), (160, 200), height=2.5))
    _, whole = completed(broken, spacing, left_ventricle=VENTRICLE, aorta=AORTA)
    voxels = places(whole)
    assert ndimage.label(whole.regions[KEY].mask, structure=np.ones((3, 3, 3)))[1] == 1
    assert cKDTree(voxels).query(COURSE[10:])[0].max() < 2.5, "all of its course is there"
    assert AORTA(voxels).min() < 2.0 * spacing
    away = voxels[AORTA(voxels) > 4.0]
    assert cKDTree(COURSE).query(away)[0].max() < 3.0 + spacing, "and nothing else"


def test_a_tip_that_the_field_keeps_just_above_nought_is_drawn() -> None:
    tree = cKDTree(COURSE)

    def faint_towards_its_tip(ras: np.ndarray) -> np.ndarray:
        away, nearest = tree.query(ras)
        return np.maximum(away - 1.5, np.where(nearest > 180, 0.3, -9.0)).astype(np.float32)

    _, whole = completed(faint_towards_its_tip, 1.0, left_ventricle=VENTRICLE, aorta=AORTA)
    assert cKDTree(places(whole)).query(COURSE)[0].max() < 4.0


def test_three_arteries_spring_from_the_aorta_in_two_places_and_none_is_lost() -> None:
    """Two begin beside each other, each a little off the aorta: nearer to it than to each other."""
    aorta = ball(10)
    ways = []
    for degrees in (0.0, 50.0, 180.0):
        toward = np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees)), 0.0])
        ways.append(toward * np.linspace(14.0, 40.0, 60)[:, None])
    tree = cKDTree(np.concatenate(ways))
    _, whole = completed(lambda ras: (tree.query(ras)[0] - 1.5).astype(np.float32), 1.0, aorta=aorta)
    assert cKDTree(places(whole)).query(np.concatenate(ways))[0].max() < 2.5
    assert ndimage.label(whole.regions[KEY].mask, structure=np.ones((3, 3, 3)))[1] == 2


@pytest.mark.parametrize("wide", [0.0, 3.0])
def test_a_smear_becomes_a_vessel_in_its_middle(wide: float) -> None:
    """A field that does not know where within some millimetres a vessel runs is wide there: a vessel is not."""
    _, whole = completed(artery(between((-1, 241), height=-wide)), 1.0, aorta=AORTA)
    voxels = places(whole)
    assert cKDTree(voxels).query(COURSE)[0].max() < 2.5
    turned = np.degrees(np.arctan2(voxels[:, 1], voxels[:, 0])) % 360.0
    assert cKDTree(COURSE).query(voxels[(turned > 20.0) & (turned < 220.0)])[0].max() < 3.5


def test_what_no_valley_leads_to_is_left_out() -> None:
    """Two thirds of the way the field says nothing: no vessel is invented there."""
    _, whole = completed(artery(between((60, 180), height=8.0)), 1.0, left_ventricle=VENTRICLE)
    middle = COURSE[(np.degrees(ANGLES) > 70) & (np.degrees(ANGLES) < 170)]
    assert cKDTree(places(whole)).query(middle)[0].min() > 4.0


def test_trusted_voxels_on_the_way_stay_trusted() -> None:
    atrium = ball(4, 30.0 * np.array([np.cos(np.radians(65)), np.sin(np.radians(65)), 0.0]))
    heart, whole = completed(
        artery(between((50, 80), height=2.5)), 1.0, left_ventricle=VENTRICLE, left_atrium=atrium, aorta=AORTA
    )
    for key, region in heart.regions.items():
        offset = np.round((heart.ijk_to_ras[:3, 3] - whole.ijk_to_ras[:3, 3]) / whole.spacing).astype(int)[::-1]
        moved = region.shifted(tuple(offset))
        assert whole.regions[key].start == moved.start
        assert np.array_equal(whole.regions[key].mask, moved.mask)


def test_what_fills_the_chest_is_no_vessel_and_stays_as_its_field_says() -> None:
    size, spacing = 80, 2.0
    grid = np.diag([spacing] * 3 + [1.0])
    grid[:3, 3] = -spacing * (size - 1) / 2
    lattice = Lattice(grid[:3, 3], spacing * np.eye(3)[:, ::-1], (size,) * 3)
    field = SampledField(ball(76)(lattice.all_points()).reshape(lattice.shape).astype(np.float32), lattice)
    trusted = Heart({"aorta": voxelised(ball(4), grid, size)}, (size,) * 3, grid)
    region = compose(trusted, {KEY: field}, VOCABULARY).heart.regions[KEY]
    assert region.mask.sum() * spacing**3 == pytest.approx(4 / 3 * np.pi * 76**3, rel=0.01)


@pytest.mark.parametrize(("apart", "courses"), [(8, 0), (36, 8)])
def test_a_few_crumbs_are_vessels_and_mere_dust_is_not(apart: int, courses: int) -> None:
    size = 72
    heights = np.full((size,) * 3, 20.0, dtype=np.float32)
    for length in range(6):
        heights[8 + length :: apart, 8::apart, 8::apart] = -1.0
    lattice = Lattice(np.zeros(3), np.eye(3)[:, ::-1], (size,) * 3)
    trusted = Heart({"aorta": voxelised(ball(1.5), np.eye(4), size)}, (size,) * 3, np.eye(4))
    found = compose(trusted, {KEY: SampledField(heights, lattice)}, VOCABULARY).courses[KEY]
    assert len(found) == courses
