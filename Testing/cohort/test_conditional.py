"""Hearts that share what is trusted and differ in what that leaves open."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from CardiacCompletionLib.anatomy.vocabulary import load_vocabulary
from CardiacCompletionLib.errors import CompletionError
from Training.cohort.anatomy import Anatomy
from Training.cohort.conditional import conditional
from Training.cohort.deformation import Deformation
from Training.cohort.factors import population
from Training.cohort.heart import VirtualHeart, heart
from Training.cohort.left_open import left_open


def inside(virtual: VirtualHeart, key: str, ras: np.ndarray) -> np.ndarray:
    """Whether positions [N, 3] lie in a structure."""
    index = np.round(virtual.label_map.ijk_from_ras(ras)).astype(int)[:, ::-1]
    held = np.all((index >= 0) & (index < virtual.label_map.voxels.shape), axis=1)
    labels = np.zeros(len(ras), dtype=int)
    labels[held] = virtual.label_map.voxels[tuple(index[held].T)]
    return labels == load_vocabulary()[key].label


def dice(first: VirtualHeart, second: VirtualHeart, key: str) -> float:
    """Overlap of a structure in two hearts on grids of the same spacing, over positions that hold both."""
    ras = [
        v.label_map.ras_from_ijk(np.argwhere(v.label_map.voxels == load_vocabulary()[key].label)[:, ::-1])
        for v in (first, second)
    ]
    return (inside(second, key, ras[0]).sum() + inside(first, key, ras[1]).sum()) / (len(ras[0]) + len(ras[1]))


def test_trusted_structures_stay_and_hidden_ones_vary():
    truth = heart(5, spacing=3.0)
    others = list(conditional(5, ["myocardium", "left_ventricle"], 3, spacing=3.0))
    assert min(dice(truth, other, "left_ventricle") for other in others) > 0.95
    assert min(dice(truth, other, "myocardium") for other in others) > 0.93
    assert max(dice(truth, other, "right_atrium") for other in others) < 0.94
    assert len({other.factors["ra_up"] for other in others}) == 3


def test_the_random_deformation_is_known_only_where_a_trusted_surface_shows_it():
    """With all measures known, what moves a trusted surface is seen; elsewhere it is as in any heart."""
    table, truth = population(), population().draw(5)
    unknown = left_open(table, truth, ["left_ventricle"])
    measures = len(unknown.root) - len(unknown.seen)
    precision = (unknown.root.T @ unknown.root)[measures:, measures:]
    known = replace(unknown, root=np.linalg.cholesky(precision).T)
    shifts = [Deformation(known.draw(np.random.default_rng(seed))[1]) for seed in range(40)]
    ventricle = Anatomy(truth).left_ventricle
    low, high = ventricle.bounds()
    points = low[:, None] + (high - low)[:, None] * np.random.default_rng(1).random((3, 4000))
    points = points[:, np.abs(ventricle.field(points)) < 1.0]
    steps = 0.5 * np.eye(3)[:, :, None]
    normals = np.stack([ventricle.field(points + step) - ventricle.field(points - step) for step in steps])
    beside = np.std([(shift.displacement(points) * normals).sum(axis=0) for shift in shifts])
    away = np.std([shift.displacement(np.array([[0.0, 60.0, 100.0]]).T) for shift in shifts])
    assert beside < 0.3
    assert away == pytest.approx(truth["deformation_amplitude"] / 3, rel=0.3)


def test_the_same_question_has_the_same_answers():
    first, second = (next(conditional(3, ["right_ventricle"], 1, spacing=4.0)) for _ in range(2))
    assert np.array_equal(first.label_map.voxels, second.label_map.voxels)


def test_what_is_trusted_must_exist():
    with pytest.raises(CompletionError, match="left_ventricle"):
        next(conditional(0, ["spleen"], 1))
