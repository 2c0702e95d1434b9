"""How inferred structures take their place: they yield, they do not overlap, the grid grows for them."""

from __future__ import annotations

import numpy as np
import pytest

from CardiacCompletionLib.anatomy.heart import Heart
from CardiacCompletionLib.anatomy.vocabulary import load_vocabulary
from CardiacCompletionLib.completion.composition import compose, without_specks
from CardiacCompletionLib.completion.field import coarse_lattice, sample_field
from Testing.geometry.phantoms import ball, grid, voxelised

VOCABULARY = load_vocabulary()
SIZE = 40
GRID = grid((1.0, 1.4, 2.2), (15, 25, -35), SIZE, center=(30, -10, 60))
CENTER = np.array([30.0, -10.0, 60.0])


def field_of(radius: float, offset: tuple[float, float, float]):
    """The field of a ball, on a lattice along the grid's axes."""
    directions = GRID[:3, :3][:, ::-1]
    lattice, halvings = coarse_lattice(CENTER, 80.0, 1.0, directions)
    return sample_field(ball(radius, CENTER + offset), lattice, halvings)


@pytest.fixture
def trusted() -> Heart:
    return Heart({"left_ventricle": voxelised(ball(10, CENTER), GRID, SIZE)}, (SIZE,) * 3, GRID)


def test_trusted_voxels_stay_where_they_are(trusted: Heart) -> None:
    whole = compose(trusted, {"left_atrium": field_of(14, (4, 0, 0))}, VOCABULARY).heart
    offset = np.round(np.linalg.solve(whole.ijk_to_ras, GRID)[:3, 3]).astype(int)[::-1]
    region = trusted.regions["left_ventricle"].shifted(tuple(offset))
    assert whole.regions["left_ventricle"].start == region.start
    assert np.array_equal(whole.regions["left_ventricle"].mask, region.mask)


def test_nothing_overlaps_and_nothing_is_left_between(trusted: Heart) -> None:
    fields = {"left_atrium": field_of(14, (12, 0, 0)), "aorta": field_of(12, (12, 8, 0))}
    whole = compose(trusted, fields, VOCABULARY).heart
    count = np.zeros(whole.shape, dtype=int)
    for region in whole.regions.values():
        count[region.box] += region.mask
    assert count.max() == 1
    kji = np.indices(whole.shape).reshape(3, -1).T
    ras = kji[:, ::-1] @ whole.ijk_to_ras[:3, :3].T + whole.ijk_to_ras[:3, 3]
    deep = np.minimum(ball(14, np.add(CENTER, (12, 0, 0)))(ras), ball(12, np.add(CENTER, (12, 8, 0)))(ras)) < -0.3
    assert count.ravel()[deep].min() == 1


@pytest.mark.parametrize("order", [("left_atrium", "aorta"), ("aorta", "left_atrium")])
def test_where_two_overlap_the_deeper_one_stands(trusted: Heart, order: tuple[str, str]) -> None:
    offsets = {"left_atrium": (20, 0, 0), "aorta": (34, 0, 0)}
    whole = compose(trusted, {key: field_of(12, offsets[key]) for key in order}, VOCABULARY).heart
    for key, away in (("left_atrium", 24), ("aorta", 30)):
        ijk = np.linalg.solve(whole.ijk_to_ras, [*np.add(CENTER, (away, 0, 0)), 1.0])[:3].round().astype(int)
        region = whole.regions[key]
        assert region.mask[tuple(ijk[::-1] - region.start)]


def test_the_grid_grows_by_whole_voxels_to_hold_an_inferred_structure(trusted: Heart) -> None:
    far = field_of(12, (-45, 20, 30))
    whole = compose(trusted, {"aorta": far}, VOCABULARY).heart
    relative = np.linalg.solve(GRID, whole.ijk_to_ras)
    assert relative[:3, :3] == pytest.approx(np.eye(3), abs=1e-9)
    assert relative[:3, 3] == pytest.approx(np.round(relative[:3, 3]), abs=1e-6)
    volume = whole.volume_ml("aorta")
    assert volume == pytest.approx(4 / 3 * np.pi * 12**3 / 1000, rel=0.03)


def test_an_inferred_ball_lies_where_its_field_says(trusted: Heart) -> None:
    whole = compose(trusted, {"aorta": field_of(9, (-24, 12, 10))}, VOCABULARY).heart
    region = whole.regions["aorta"]
    kji = np.argwhere(region.mask).mean(axis=0) + region.start
    assert whole.ijk_to_ras[:3, :3] @ kji[::-1] + whole.ijk_to_ras[:3, 3] == pytest.approx(
        np.add(CENTER, (-24, 12, 10)), abs=0.15
    )


def test_specks_go_and_as_many_pieces_stay_as_anatomy_has() -> None:
    mask = np.zeros((30, 30, 30), dtype=bool)
    mask[2:12, 2:12, 2:12] = True
    mask[20:26, 20:26, 20:26] = True
    mask[2, 2, 28] = True
    assert without_specks(mask, 1).sum() == 1000
    assert without_specks(mask, 4).sum() == 1216
