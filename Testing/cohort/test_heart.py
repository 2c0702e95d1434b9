"""One virtual heart: what is where, what touches what, and what stays the same."""

from __future__ import annotations

import numpy as np
import pytest

from CardiacCompletionLib.anatomy.vocabulary import load_vocabulary
from Training.cohort.checks import faults
from Training.cohort.heart import VirtualHeart, heart

SEEDS = range(6)


@pytest.fixture(scope="module")
def hearts() -> list[VirtualHeart]:
    return [heart(seed, spacing=2.0) for seed in SEEDS]


def centroid(virtual: VirtualHeart, key: str) -> np.ndarray:
    """RAS mm [3]."""
    voxels = np.argwhere(virtual.label_map.voxels == load_vocabulary()[key].label)[:, ::-1]
    return virtual.label_map.ras_from_ijk(voxels).mean(axis=0)


def test_a_seed_gives_the_same_heart_bit_for_bit(hearts):
    again = heart(SEEDS[1], spacing=2.0)
    assert np.array_equal(again.label_map.voxels, hearts[1].label_map.voxels)
    assert again.factors == hearts[1].factors
    assert not np.array_equal(again.label_map.voxels.shape, hearts[2].label_map.voxels.shape)


def test_every_structure_is_there_whole_and_touches_its_neighbours(hearts):
    assert {virtual.seed: faults(virtual.label_map) for virtual in hearts} == {seed: [] for seed in SEEDS}


def test_structures_lie_where_they_lie_in_a_body(hearts):
    for virtual in hearts:
        at = {structure.key: centroid(virtual, structure.key) for structure in load_vocabulary()}
        right, front, up = 0, 1, 2
        assert at["right_ventricle"][right] > at["left_ventricle"][right]
        assert at["right_ventricle"][front] > at["left_ventricle"][front]
        assert at["left_atrium"][front] < at["left_ventricle"][front]
        assert at["left_atrium"][front] < at["right_atrium"][front]
        assert at["right_atrium"][right] > at["left_atrium"][right]
        assert at["superior_vena_cava"][up] > at["right_atrium"][up] > at["inferior_vena_cava"][up]
        assert at["pulmonary_artery"][up] > at["left_atrium"][up]
        assert at["left_atrial_appendage"][right] < at["left_atrium"][right]
        assert at["left_atrial_appendage"][front] > at["left_atrium"][front]


def test_the_shape_does_not_depend_on_the_voxels():
    coarse, fine = heart(3, spacing=2.0).volumes_ml, heart(3, spacing=1.2).volumes_ml
    thick = [
        "myocardium",
        "left_ventricle",
        "right_ventricle",
        "left_atrium",
        "right_atrium",
        "aorta",
        "pulmonary_artery",
    ]
    for key in thick:
        assert coarse[key] == pytest.approx(fine[key], rel=0.03), key
    for key in ("left_atrial_appendage", "superior_vena_cava", "inferior_vena_cava"):
        assert coarse[key] == pytest.approx(fine[key], rel=0.12), key


def test_an_appendage_finds_room_beside_a_wide_pulmonary_artery():
    assert faults(heart(80, spacing=2.0).label_map) == []


def test_given_factors_decide_the_heart(hearts):
    factors = hearts[0].factors
    same = heart(99, factors=factors, spacing=2.0)
    assert np.array_equal(same.label_map.voxels, hearts[0].label_map.voxels)
