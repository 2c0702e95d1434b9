"""Fitting: a heart of known factors is found again; real hearts are reached; fits recentre the population."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from CardiacCompletionLib.errors import CompletionError
from CardiacCompletionLib.geometry.label_map import LabelMap
from Training.cohort.atlas import read_atlas
from Training.cohort.factors import Population, population
from Training.cohort.fit_command import read_real, summary, weight_of
from Training.cohort.fitting import Fit, first_guess, fit
from Training.cohort.heart import heart
from Training.cohort.pose import Pose
from Training.cohort.real_heart import RealHeart
from Training.cohort.recentre import FittedHeart, recentred

REAL = Path(__file__).resolve().parents[3] / "shared" / "real"
real_hearts = pytest.mark.skipif(not REAL.is_dir(), reason="needs the real hearts in ../shared/real")


def test_a_pose_goes_there_and_back():
    pose = Pose(np.array([10.0, -20.0, 30.0, 12.0, -7.0, 4.0, 0.1]))
    points = np.random.default_rng(0).uniform(-50, 50, (20, 3))
    assert pytest.approx(points, abs=1e-3) == pose.to_heart(pose.to_patient(points)).T
    assert pose.rotation @ pose.rotation.T == pytest.approx(np.eye(3))


def test_a_virtual_heart_is_found_again_from_its_chambers():
    virtual = heart(4, spacing=2.5)
    voxels = np.where(virtual.label_map.voxels <= 5, virtual.label_map.voxels, 0)
    target = RealHeart(LabelMap(voxels, virtual.label_map.ijk_to_ras), samples=150)
    before = first_guess(target, virtual.factors.variants).dice(target)
    found = fit(target, virtual.factors.variants, rounds=3)
    after = found.dice(target)
    assert min(after.values()) > 0.87
    assert np.mean(list(after.values())) > np.mean(list(before.values())) + 0.03


def test_vessels_end_where_the_scan_ends():
    drawn = population().draw(3)
    smooth = replace(drawn, measures={**drawn.measures, "deformation_amplitude": 0.01})
    virtual = heart(3, smooth, spacing=2.0)
    truth = Fit(
        Pose(np.append(smooth.triple("chest_position"), np.zeros(4))), population().scores_of(smooth), smooth.variants
    )
    ring = truth.anatomy.landmarks.pulmonary
    ras = virtual.label_map.ras_from_ijk(np.argwhere(virtual.label_map.voxels == 7)[:, ::-1])
    beyond = (ras - truth.pose.values[:3] - ring.centre) @ ring.normal > 14.0
    voxels = virtual.label_map.voxels.copy()
    voxels[tuple(np.argwhere(voxels == 7)[beyond].T)] = 0
    target = RealHeart(LabelMap(voxels, virtual.label_map.ijk_to_ras), samples=150)
    assert truth.ends(target)["pulmonary_artery"][1:] == [0.0, 0.0]
    assert truth.dice(target)["pulmonary_artery"] > 0.85


def test_a_virtual_heart_is_found_again_with_vessels_that_the_scan_cuts():
    virtual = heart(4, spacing=2.5)
    voxels = np.where(virtual.label_map.voxels <= 7, virtual.label_map.voxels, 0)
    for vessel in (6, 7):
        k = np.nonzero(voxels == vessel)[0]
        above = voxels[int(np.median(k)) :]
        above[above == vessel] = 0
    target = RealHeart(LabelMap(voxels, virtual.label_map.ijk_to_ras), samples=150)
    found = fit(target, virtual.factors.variants, rounds=3).dice(target)
    assert min(found[key] for key in ("left_ventricle", "right_ventricle", "myocardium", "right_atrium")) > 0.9
    assert min(found["aorta"], found["pulmonary_artery"]) > 0.6


def test_fits_that_fall_short_are_named():
    overlaps = {"good": {"right_atrium": 0.9, "aorta": 0.72}, "poor": {"right_atrium": 0.82, "aorta": 0.64}}
    lines = summary(overlaps).splitlines()
    assert "right_atrium below 0.85: poor 0.82" in lines
    assert "aorta below 0.7: poor 0.64" in lines
    assert not any("good" in line for line in lines)


def test_doubtful_hearts_count_less():
    arguments = Namespace(same_patient=["twice_a", "twice_b"], half=["dead"])
    seen, unseen = ["left_ventricle", "myocardium"], ["left_ventricle"]
    weights = [weight_of(name, seen, arguments) for name in ("alive", "dead", "twice_a")]
    assert weights == [1.0, 0.5, 0.5]
    assert weight_of("twice_b", unseen, arguments) == 0.25


def test_a_heart_without_an_atrium_cannot_be_fitted():
    virtual = heart(4, spacing=4.0)
    voxels = np.where(virtual.label_map.voxels == 4, 0, virtual.label_map.voxels)
    with pytest.raises(CompletionError, match="four chambers"):
        RealHeart(LabelMap(voxels, virtual.label_map.ijk_to_ras))


@real_hearts
def test_a_real_heart_is_reached():
    whole = read_real(REAL / "rodero_05.nii.gz")
    chambers = LabelMap(np.where(whole.voxels <= 5, whole.voxels, 0), whole.ijk_to_ras)
    target = RealHeart(chambers, samples=150)
    found = fit(target, population().mean().variants, rounds=1).dice(target)
    assert min(found[key] for key in ("left_ventricle", "right_ventricle", "left_atrium", "right_atrium")) > 0.8


def test_fits_move_what_they_saw_and_leave_what_they_did_not():
    table = population()
    units = np.outer(table.spreads, table.spreads)
    certain, blind = 1e-4 * np.eye(len(table.names)) * units, table.correlation * units
    scores = np.zeros(len(table.names))
    scores[table.names.index("lv_length")] = 2.0
    seen = [FittedHeart("seen", 1.0, table.values(scores), certain)] * 12
    new = Population(recentred(table, seen))
    assert new.rows["lv_length"]["mean"] > 1.1 * table.rows["lv_length"]["mean"]
    unseen = [FittedHeart("unseen", 1.0, table.values(np.zeros(len(scores))), blind)] * 12
    same = Population(recentred(table, unseen))
    for name in ("lv_length", "rv_apical", "laa_bend", "tricuspid_radius"):
        assert same.rows[name]["mean"] == pytest.approx(table.rows[name]["mean"], rel=1e-3, abs=1e-3)
        assert same.rows[name]["sd"] == pytest.approx(table.rows[name]["sd"], rel=2e-2)
    assert np.linalg.eigvalsh(same.correlation).min() > 0


@real_hearts
def test_an_atlas_gives_back_its_hearts_and_makes_new_ones():
    atlas = read_atlas(REAL / "rodero_12subjects_correspondence.npz")
    alone = np.eye(len(atlas.points))[2]
    assert atlas.surface(alone) == pytest.approx(atlas.points[2], abs=1e-3)
    weights = atlas.mixture(np.random.default_rng(3))
    assert abs(weights.sum()) < 1e-6
    counts = np.bincount(atlas.label_map(atlas.surface(weights)).voxels.ravel(), minlength=7) / 1000
    for label, low, high in ((1, 60, 300), (2, 25, 140), (3, 50, 250), (4, 25, 180), (5, 60, 300)):
        assert low < counts[label] < high


def test_a_file_that_is_no_atlas_is_refused(tmp_path):
    np.savez(tmp_path / "other.npz", V=np.zeros((4, 3, 3)), n=np.array([3]), parts=np.array(["LV"]))
    with pytest.raises(CompletionError, match="lacks RV, LA, RA, AO, PA, F_LV"):
        read_atlas(tmp_path / "other.npz")
