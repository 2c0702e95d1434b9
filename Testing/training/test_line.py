"""From label maps to training examples, at their smallest."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from CardiacCompletionLib.anatomy.vocabulary import load_vocabulary
from CardiacCompletionLib.errors import CompletionError
from CardiacCompletionLib.model.prior import MeanHeart
from Training.__main__ import main
from Training.data.description import DataSetDescription
from Training.data.examples import CompletionExamples, Jitter
from Training.data.field_of_view import cut_surface
from Training.data.hearts import PreparedHearts
from Training.data.samples import SURFACE_POINTS, CaseSamples
from Training.fit import drawn_from
from Training.schemes import draw_trusted, schemes
from Training.settings import Settings
from Training.starting_point import expectations_of_others, fill_mean_heart, parts_of, reference_of

KEYS = load_vocabulary().keys[:10]


def test_preparing_again_changes_nothing(prepared: Path) -> None:
    before = {path.name: path.stat().st_mtime_ns for path in (prepared / "cases").iterdir()}
    manifest = json.loads((prepared / "manifest.json").read_text())
    assert main(["prepare", str(prepared.parent / "virtual.yaml"), "--out", str(prepared), "--workers", "1"]) == 0
    assert before == {path.name: path.stat().st_mtime_ns for path in (prepared / "cases").iterdir()}
    assert manifest == json.loads((prepared / "manifest.json").read_text())


def test_test_hearts_are_kept_apart(prepared: Path) -> None:
    train, test = (PreparedHearts([prepared], split, KEYS) for split in ("train", "test"))
    assert len(train.cases) == 3
    assert len(test.cases) == 1
    assert not set(train.sources) & set(test.sources)


def test_samples_agree_with_the_label_map(prepared: Path) -> None:
    hearts = PreparedHearts([prepared], "train", KEYS)
    case, heart = hearts.cases[0], hearts.heart(0)
    ijk = np.round((case.queries - heart.ijk_to_ras[:3, 3]) @ np.linalg.inv(heart.ijk_to_ras[:3, :3]).T).astype(int)
    on_grid = ((ijk >= 0) & (ijk < heart.shape[::-1])).all(axis=1)
    for key in ("left_ventricle", "right_atrium", "aorta"):
        mask = np.zeros(heart.shape, dtype=bool)
        mask[heart.regions[key].box] = heart.regions[key].mask
        said = case.distances[KEYS.index(key)][on_grid].astype(float)
        inside = mask[tuple(ijk[on_grid].T[::-1])]
        sure = abs(said) > 3.0
        assert ((said < 0) == inside)[sure].mean() > 0.995


def test_examples_are_drawn_in_the_frame_of_the_trusted_and_never_show_the_hidden(prepared: Path) -> None:
    hearts = PreparedHearts([prepared], "train", KEYS)
    reference, prior = reference_of(hearts), MeanHeart(len(KEYS), shapes=2)
    fill_mean_heart(prior, hearts, reference)
    examples = CompletionExamples(
        hearts, reference, prior, [prior.expectation(KEYS)], 64, 128, 40, Jitter(), seed=1, near=6.0, complete=True
    )
    for index in range(12):
        item, again = examples[index], examples[index]
        assert all(torch.equal(item[name], again[name]) for name in item)
        assert item["given"].any()
        assert not item["points"][~item["given"]].any()
        assert item["points"][item["given"]].abs().max() < 2.5
        assert torch.isfinite(item["distances"]).all()
        assert torch.isfinite(item["numbers"]).all()
        told = torch.isfinite(item["surroundings"])
        assert not told[..., item["sought"]].any()
        assert not told.diagonal(dim1=0, dim2=2).any()
        assert told[..., item["given"] & ~item["sought"]].any()


def test_no_heart_helps_to_say_what_is_expected_of_it(prepared: Path) -> None:
    hearts = PreparedHearts([prepared], "train", KEYS)
    reference, prior = reference_of(hearts), MeanHeart(len(KEYS), shapes=2, fine_shapes=1)
    fill_mean_heart(prior, hearts, reference)
    before = expectations_of_others(prior, hearts, reference)
    assert parts_of(hearts).tolist() == [0, 1, 2]
    hearts.cases[1].spreads[:] *= 1.1
    after = expectations_of_others(prior, hearts, reference)
    unchanged = [np.array_equal(a.mean, b.mean) for a, b in zip(before, after, strict=True)]
    assert unchanged == [False, True, False, False]
    hearts.data_sets = [0, 0, 1]
    assert parts_of(hearts).tolist() == [0, 2, 0]


def test_phase_1_sees_surface_points_where_they_are_and_phase_2_a_little_off(prepared: Path) -> None:
    """A point that is drawn twice is seen at one place, or at two."""
    places = {}
    for phase in (1, 2):
        settings = replace(Settings.read(phase, "tiny"), points=2 * SURFACE_POINTS)
        hearts = PreparedHearts([prepared], "train", settings.structures)
        reference, prior = reference_of(hearts), MeanHeart(len(KEYS), settings.shapes)
        fill_mean_heart(prior, hearts, reference)
        item = drawn_from(hearts, reference, prior, [prior.expectation(KEYS)], settings, 8, seed=1)[0]
        places[phase] = len(item["points"][item["given"]][0].unique(dim=0))
    assert places[1] <= SURFACE_POINTS < 1.9 * SURFACE_POINTS < places[2]


def test_a_weight_of_training_says_how_often_a_heart_is_drawn(prepared: Path) -> None:
    """The first heart five times as often as each other one, and in the statistics as ever."""
    settings = Settings.read(2, "tiny")
    hearts = PreparedHearts([prepared], "train", settings.structures)
    hearts.training_weights[0] = 5.0
    reference, prior = reference_of(hearts), MeanHeart(len(KEYS), settings.shapes)
    fill_mean_heart(prior, hearts, reference)
    turns = len(hearts.cases) + 4
    examples = drawn_from(hearts, reference, prior, [prior.expectation(KEYS)], settings, turns, seed=1)
    drawn = torch.stack([examples[index]["heart"] for index in range(turns)])
    assert torch.bincount(drawn).tolist() == [5] + [1] * (len(hearts.cases) - 1)


def test_some_scans_end_within_a_trusted_chamber_which_is_then_sought(prepared: Path) -> None:
    hearts = PreparedHearts([prepared], "train", KEYS)
    reference, prior = reference_of(hearts), MeanHeart(len(KEYS), shapes=2)
    fill_mean_heart(prior, hearts, reference)
    examples = CompletionExamples(
        hearts, reference, prior, [prior.expectation(KEYS)], 64, 32, 80, Jitter(), seed=1, near=6.0, complete=True
    )
    chambers = torch.tensor([key in ("left_atrium", "right_atrium", "right_ventricle") for key in KEYS])
    cut = [item["given"] & item["sought"] & chambers for item in (examples[index] for index in range(80))]
    assert 4 <= sum(bool(one.any()) for one in cut) <= 40


def test_what_is_asked_does_not_tell_where_the_hidden_are(prepared: Path) -> None:
    """Hidden structures elsewhere, trusted ones the same: the same queries are asked."""
    asked = []
    for shift in (0.0, 30.0):
        hearts = PreparedHearts([prepared], "train", KEYS)
        reference, prior = reference_of(hearts), MeanHeart(len(KEYS), shapes=2)
        fill_mean_heart(prior, hearts, reference)
        examples = CompletionExamples(
            hearts, reference, prior, [prior.expectation(KEYS)], 64, 128, 40, Jitter(), seed=1, near=6.0, complete=True
        )
        hidden = ~examples[0]["given"].numpy()
        case = hearts.cases[int(examples[0]["heart"])]
        case.distances[hidden] += np.float16(shift)
        case.surface[hidden] += shift
        case.centroids[hidden] += shift
        asked.append(examples[0]["queries"])
    assert torch.equal(*asked)


def test_queries_lie_where_structures_are_expected(prepared: Path) -> None:
    hearts = PreparedHearts([prepared], "train", KEYS)
    reference, prior = reference_of(hearts), MeanHeart(len(KEYS), shapes=2)
    fill_mean_heart(prior, hearts, reference)
    item = CompletionExamples(
        hearts, reference, prior, [prior.expectation(KEYS)], 64, 2000, 40, Jitter(), seed=1, near=6.0, complete=True
    )[3]
    expected, _, unit = prior(item["queries"][None], item["numbers"][None], torch.arange(10))
    far = (expected * unit)[0].abs() * reference.scale
    near = (far[1] < 12.0).float()
    # Weighted by what they stand for, they are as spread over the heart as its uniform points are.
    weighted = near @ item["worth"][1] / item["worth"][1].sum()
    assert near.mean() > 3 * weighted
    assert weighted < 0.2


def test_folds_keep_a_patient_together_and_every_heart_is_tested_once(tmp_path: Path) -> None:
    for name in ("a", "b", "b_again", "c", "d", "e", "f"):
        (tmp_path / f"{name}.nii.gz").touch()
    (tmp_path / "real.yaml").write_text("name: real\nfolder: .\nfolds: 3\npatients: {b_again: b}\n")
    description = DataSetDescription.read(tmp_path / "real.yaml")
    splits = description.split.of(description.cases())
    assert splits["b"] == splits["b_again"]
    assert set(splits.values()) == {"fold 0", "fold 1", "fold 2"}


def test_a_fold_is_trained_on_or_tested_never_both(prepared: Path, tmp_path: Path) -> None:
    manifest = json.loads((prepared / "manifest.json").read_text())
    for index, case in enumerate(manifest["cases"]):
        case["split"] = f"fold {index % 2}"
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    (tmp_path / "cases").symlink_to(prepared / "cases")
    train, test = (PreparedHearts([tmp_path], split, KEYS, fold=1) for split in ("train", "test"))
    assert len(train.cases) == len(test.cases) == 2
    assert not set(train.sources) & set(test.sources)


def test_what_a_data_set_shows_in_part_is_no_target_beyond_its_end(prepared: Path, tmp_path: Path) -> None:
    hearts = prepared.parent / "hearts"
    (tmp_path / "stubs.yaml").write_text(f"name: stubs\nfolder: {hearts}\ntruncated: [aorta]\nweight: 3\n")
    assert main(["prepare", str(tmp_path / "stubs.yaml"), "--out", str(tmp_path / "out"), "--workers", "1"]) == 0
    part = PreparedHearts([tmp_path / "out"], "train", KEYS)
    assert "aorta" not in part.moments(0)
    assert set(part.weights) == {3.0}
    whole = PreparedHearts([prepared], "train", KEYS)
    reference, prior = reference_of(whole), MeanHeart(len(KEYS), shapes=2)
    fill_mean_heart(prior, whole, reference)
    item = CompletionExamples(
        part, reference, prior, [prior.expectation(KEYS)], 64, 128, 40, Jitter(), seed=1, near=6.0, complete=True
    )[0]
    assert not item["known"][KEYS.index("aorta")].all()
    assert item["known"][KEYS.index("left_atrium")].all()


def test_removal_schemes_name_known_structures_and_hide_something() -> None:
    generator = np.random.default_rng(0)
    for trusted in schemes().values():
        assert set(trusted) < set(KEYS)
    for _ in range(200):
        given = draw_trusted(np.ones(10, dtype=bool), KEYS, generator)
        assert 0 < given.sum() < 10


def test_a_cut_vessel_shows_its_part_near_the_heart() -> None:
    vessel = np.stack([np.zeros(500), np.zeros(500), np.linspace(20, 120, 500)], axis=1)
    shares = []
    for seed in range(50):
        seen = cut_surface(vessel, np.zeros(3), np.random.default_rng(seed))
        shares.append(len(seen) / 500)
        assert {tuple(point) for point in seen} <= {tuple(point) for point in vessel}
    assert 0.2 < min(shares) < 0.4
    assert 0.9 < max(shares) <= 1.0
    towards = np.mean([cut_surface(vessel, np.zeros(3), np.random.default_rng(s))[:, 2].mean() for s in range(50)])
    assert towards < vessel[:, 2].mean() - 5


def test_a_bad_case_is_left_out_and_named(prepared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hearts = tmp_path / "hearts"
    hearts.mkdir()
    shutil.copy(prepared.parent / "hearts" / "heart_000000.nii.gz", hearts / "heart_a.nii.gz")
    (hearts / "heart_b.nii.gz").write_bytes(b"not a heart")
    (tmp_path / "d.yaml").write_text("name: mixed\nfolder: hearts\n")
    assert main(["prepare", str(tmp_path / "d.yaml"), "--out", str(tmp_path / "out"), "--workers", "1"]) == 0
    printed = capsys.readouterr().out
    assert "1 hearts prepared" in printed
    assert "heart_b.nii.gz: heart_b.nii.gz cannot be read" in printed


def test_a_data_set_without_cases_or_with_unknown_structures_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.yaml").write_text("name: empty\nfolder: .\n")
    with pytest.raises(CompletionError, match="no file"):
        DataSetDescription.read(tmp_path / "empty.yaml").cases()
    (tmp_path / "odd.yaml").write_text("name: odd\nfolder: .\nlabels: {1: liver}\n")
    with pytest.raises(CompletionError, match="no structure named 'liver'"):
        DataSetDescription.read(tmp_path / "odd.yaml")


def test_samples_survive_the_disk(prepared: Path, tmp_path: Path) -> None:
    case = PreparedHearts([prepared], "test", KEYS).cases[0]
    case.save(tmp_path / "case.safetensors")
    back = CaseSamples.load(tmp_path / "case.safetensors")
    assert all(np.array_equal(getattr(back, name), value) for name, value in case.__dict__.items())
