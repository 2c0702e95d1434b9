"""Several plausible hearts: they agree where much is known, differ where little is, and touch nothing trusted."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from CardiacCompletionLib import HeartCompleter
from CardiacCompletionLib.anatomy.heart import Heart
from CardiacCompletionLib.anatomy.vocabulary import load_vocabulary
from CardiacCompletionLib.command_line.main import main
from CardiacCompletionLib.completion.regridding import on_lattice
from CardiacCompletionLib.completion.result import CompletionResult
from CardiacCompletionLib.completion.topology import Topology
from CardiacCompletionLib.errors import CompletionCancelled, CompletionError
from CardiacCompletionLib.resources import resource_path
from Training.calibrate import spread_of
from Training.evaluation.metrics import dice, on_grid_of

FEW = ("myocardium", "left_ventricle")
MANY = ("myocardium", "left_ventricle", "right_ventricle", "left_atrium")
CHAMBERS = ("left_atrium", "right_atrium", "right_ventricle")


@pytest.fixture(scope="module")
def result(completer: HeartCompleter, sample: Heart) -> CompletionResult:
    # Nodes farther apart would miss coronary arteries.
    return completer.complete(sample, FEW, spacing=2.0, samples=8)


def test_what_is_likely_is_what_the_samples_hold_and_as_much(result: CompletionResult) -> None:
    assert result.probability.keys() == set(result.inferred)
    for key, values in result.probability.items():
        share = result.samples.share(key)
        assert values.shape == share.shape == result.samples.lattice.shape
        assert set(np.unique(share * 8).round(3)) <= set(range(9))
        assert np.corrcoef(share.ravel(), values.ravel())[0, 1] > (0.95 if key in CHAMBERS else 0.7), key
        assert values.sum() == pytest.approx(share.sum(), rel=0.1), key


def test_structures_of_one_sample_do_not_overlap(result: CompletionResult) -> None:
    assert sum(result.probability.values()).max() <= 1.0 + 1e-5


def test_trusted_voxels_belong_to_no_sample(result: CompletionResult, sample: Heart) -> None:
    lattice = result.samples.lattice
    nodes = lattice.points(np.argwhere(sum(result.probability.values()) > 0))
    kji = np.round((nodes - sample.ijk_to_ras[:3, 3]) @ np.linalg.inv(sample.ijk_to_ras[:3, :3]).T).astype(int)[:, ::-1]
    within = ((kji >= 0) & (kji < sample.shape)).all(axis=1)
    held = np.zeros(sample.shape, dtype=bool)
    for key in FEW:
        held[sample.regions[key].box] |= sample.regions[key].mask
    assert not held[tuple(kji[within].T)].any()


def test_every_sample_is_a_heart(result: CompletionResult, sample: Heart) -> None:
    """No vein in mid-air: in pieces and contacts each sample is as sound as the completion itself."""
    vocabulary = load_vocabulary()
    kept = on_lattice(sample.keep(FEW), result.samples.lattice).regions
    assert result.topology.is_sound(result.inferred, vocabulary)
    for hidden in result.samples.hearts:
        assert Topology.of({**kept, **hidden}, vocabulary).is_sound(result.inferred, vocabulary)


def test_a_heart_that_comes_apart_is_drawn_again(completer: HeartCompleter, virtual: Callable[[int], Heart]) -> None:
    """Of this heart's first draws the third has its aorta off the left ventricle."""
    vocabulary = load_vocabulary()
    heart = virtual(917).keep(FEW)
    result = completer.complete(heart, FEW, spacing=2.0, samples=4)
    kept = on_lattice(heart, result.samples.lattice).regions
    for hidden in result.samples.hearts:
        assert Topology.of({**kept, **hidden}, vocabulary).is_sound(result.inferred, vocabulary)


def test_the_likeliest_voxels_are_the_result(result: CompletionResult) -> None:
    """Half the samples and more hold what the completion holds: the samples are about the same heart."""
    for key in CHAMBERS:
        volume = float((result.probability[key] >= 0.5).sum()) * abs(np.linalg.det(result.samples.lattice.steps)) / 1000
        assert volume == pytest.approx(result.volumes_ml[key], rel=0.3)
        low, high = result.samples.interval_ml(key)
        assert low < result.volumes_ml[key] < high


def test_what_more_is_known_leaves_less_open(
    completer: HeartCompleter, sample: Heart, result: CompletionResult
) -> None:
    more = completer.complete(sample, MANY, spacing=2.0, samples=8)
    assert more.confidence["right_atrium"] > result.confidence["right_atrium"]


def test_a_calibrated_spread_widens_what_is_drawn_of_its_structure(completer: HeartCompleter, sample: Heart) -> None:
    model, deviations, confidence = completer._model, [], []
    for spread in (1.0, 2.0):
        card = {**model.card, "calibration": {"spread": dict.fromkeys(("right_atrium", "pulmonary_veins"), spread)}}
        drawn = HeartCompleter(replace(model, card=card), "cpu").complete(sample, FEW, spacing=2.0, samples=8).samples
        deviations.append([drawn.log_volume(key)[1] for key in ("right_atrium", "right_ventricle")])
        confidence.append(drawn.confidence)
    assert deviations[1][0] > 1.5 * deviations[0][0]
    assert deviations[1][1] < 1.2 * deviations[0][1]
    # Calibration would have found that spread for a chamber, and for thin veins.
    for key in ("right_atrium", "pulmonary_veins"):
        assert spread_of([confidence[0][key]], [confidence[1][key]]) == pytest.approx(2.0, abs=0.4)


def test_coronary_arteries_slide_as_far_as_their_calibrated_spread_says(
    completer: HeartCompleter, sample: Heart
) -> None:
    """Nothing else moves otherwise, and they stay on the heart: no less of them is left."""
    model, drawn = completer._model, []
    for spread in (0.5, 2.0):
        card = {**model.card, "calibration": {"spread": {"coronary_arteries": spread}}}
        drawn.append(
            HeartCompleter(replace(model, card=card), "cpu").complete(sample, MANY, spacing=2.0, samples=5).samples
        )
    narrow, wide = drawn
    assert wide.confidence["coronary_arteries"] < narrow.confidence["coronary_arteries"] - 0.08
    assert wide.volumes_ml["coronary_arteries"].mean() > 0.8 * narrow.volumes_ml["coronary_arteries"].mean()
    for key in ("aorta", "right_atrium", "pulmonary_veins"):
        assert wide.confidence[key] == pytest.approx(narrow.confidence[key], abs=0.01)


def test_a_calibrated_reach_moves_the_interval_and_nothing_else(completer: HeartCompleter, sample: Heart) -> None:
    """Structures that always come out too small have their interval above what is drawn; voxels stay as they are."""
    model, drawn = completer._model, []
    for calibration in ({}, {"reach": {"right_atrium": [1.0, 3.0]}}):
        card = {**model.card, "calibration": calibration}
        drawn.append(HeartCompleter(replace(model, card=card), "cpu").complete(sample, FEW, spacing=4.0, samples=4))
    plain, moved = (result.samples for result in drawn)
    mean, deviation = plain.log_volume("right_atrium")
    assert plain.interval_ml("right_atrium") == pytest.approx(
        np.exp([mean - 1.645 * deviation, mean + 1.645 * deviation]), rel=1e-3
    )
    assert moved.interval_ml("right_atrium") == pytest.approx(np.exp([mean + deviation, mean + 3 * deviation]))
    assert moved.interval_ml("right_ventricle") == plain.interval_ml("right_ventricle")
    assert drawn[0].volumes_ml == drawn[1].volumes_ml
    assert plain.confidence == moved.confidence


def test_confidence_is_about_the_overlap_with_the_truth(result: CompletionResult, sample: Heart) -> None:
    truth = on_grid_of(sample, result.heart)
    found = np.mean([dice(result.heart.regions[key], truth.regions[key]) for key in CHAMBERS])
    assert np.mean([result.confidence[key] for key in CHAMBERS]) == pytest.approx(found, abs=0.15)


def test_the_same_heart_gives_the_same_samples(
    completer: HeartCompleter, sample: Heart, result: CompletionResult
) -> None:
    again = completer.complete(sample, FEW, spacing=2.0, samples=8)
    assert again.confidence == result.confidence


def test_a_cancel_is_looked_for_often_while_hearts_are_drawn(completer: HeartCompleter, sample: Heart) -> None:
    looks, stage = {}, [""]

    def progress(_: float, text: str) -> None:
        stage[0] = text

    def cancel() -> bool:
        looks[stage[0]] = looks.get(stage[0], 0) + 1
        return stage[0].startswith("Plausible heart 2") and looks[stage[0]] > 2

    with pytest.raises(CompletionCancelled):
        completer.complete(sample, FEW, spacing=4.0, samples=3, progress=progress, cancel=cancel)
    assert looks["Drawing plausible hearts"] > 10
    assert looks["Plausible heart 1 of 3"] > 2


def test_one_sample_is_refused(completer: HeartCompleter, sample: Heart) -> None:
    with pytest.raises(CompletionError, match="2 and more"):
        completer.complete(sample, FEW, samples=1)


def test_the_command_writes_maps_and_says_how_sure_it_is(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    words = ["complete", str(resource_path("SampleData/PartialHeart.seg.nrrd")), "--trusted", ",".join(MANY)]
    words += ["--output", str(tmp_path / "whole.seg.nrrd"), "--report", str(tmp_path / "report.json"), "--spacing", "3"]
    assert main([*words, "--probability", str(tmp_path / "maps")]) == 2
    assert "--samples" in capsys.readouterr().err
    assert main([*words, "--probability", str(tmp_path / "maps"), "--samples", "4"]) == 0
    assert "90 % between" in capsys.readouterr().out
    report = json.loads((tmp_path / "report.json").read_text())
    inferred = {s["key"] for s in report["structures"] if "confidence" in s}
    assert {path.stem for path in (tmp_path / "maps").iterdir()} == inferred
    image = sitk.ReadImage(str(tmp_path / "maps" / "right_atrium.nrrd"))
    assert 0.9 < sitk.GetArrayViewFromImage(image).max() <= 1.0
