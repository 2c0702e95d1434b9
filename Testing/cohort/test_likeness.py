"""Virtual and real hearts on the same left ventricle: a shift and a size of the whole heart do not count."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from CardiacCompletionLib.anatomy.vocabulary import load_vocabulary
from CardiacCompletionLib.geometry.label_map import LabelMap
from Training.cohort.factors import population
from Training.cohort.heart import heart
from Training.cohort.likeness import Comparison, compare, comparison_lines


@pytest.fixture(scope="module")
def cohort() -> list[LabelMap]:
    return [heart(seed, spacing=3.0).label_map for seed in (2, 3, 5)]


def moved(label_map: LabelMap, scale: float) -> LabelMap:
    """The same voxels elsewhere in space, and larger."""
    motion = np.diag([scale, scale, scale, 1.0])
    motion[:3, 3] = (30.0, -12.0, 55.0)
    return LabelMap(label_map.voxels, motion @ label_map.ijk_to_ras)


def by_key(comparisons: list[Comparison]) -> dict[str, Comparison]:
    return {found.key: found for found in comparisons}


def test_the_same_hearts_elsewhere_are_the_same_hearts(cohort):
    found = by_key(compare(cohort, [moved(label_map, 1.15) for label_map in cohort]))
    for key in ("right_ventricle", "left_atrium", "right_atrium"):
        assert found[key].offset == pytest.approx(np.zeros(3), abs=1.5)
        assert found[key].dice > found[key].real_dice  # the real mean leaves the heart itself out
    assert found["aorta"].offset is None


def test_a_chamber_in_another_place_is_found_there():
    factors = population().mean()
    away = replace(factors, measures={**factors.measures, "ra_centre_z": factors["ra_centre_z"] + 12.0})
    ours, theirs = ([heart(seed, given, 3.0).label_map for seed in (0, 1)] for given in (factors, away))
    found = by_key(compare(ours, theirs))
    assert np.linalg.norm(found["right_atrium"].offset) > 5.0
    assert np.linalg.norm(found["left_atrium"].offset) < 2.0


def test_what_few_real_hearts_label_is_left_out(cohort):
    label = load_vocabulary()["right_atrium"].label
    bare = [LabelMap(np.where(m.voxels == label, 0, m.voxels).astype(np.uint8), m.ijk_to_ras) for m in cohort]
    found = compare(cohort, bare)
    assert "right_atrium" not in by_key(found)
    assert len(comparison_lines(found)) == 2 + 3
