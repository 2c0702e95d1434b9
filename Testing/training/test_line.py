"""The training line at its smallest: label maps, samples, a fit that survives a kill, weights that load."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from CardiacCompletionLib.anatomy.vocabulary import load_vocabulary
from CardiacCompletionLib.errors import CompletionError
from CardiacCompletionLib.model.prior import MeanHeart
from CardiacCompletionLib.model.weights import load_model
from Training.__main__ import main
from Training.data.description import DataSetDescription
from Training.data.examples import CompletionExamples, Jitter
from Training.data.field_of_view import cut_surface
from Training.data.hearts import PreparedHearts
from Training.data.samples import CaseSamples
from Training.run_folder import RunFolder
from Training.schemes import draw_trusted, schemes
from Training.starting_point import fill_mean_heart, reference_of

KEYS = load_vocabulary().keys[:10]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four virtual hearts at 3 mm, prepared."""
    folder = tmp_path_factory.mktemp("line")
    assert main(["cohort", "--count", "4", "--spacing", "3", "--out", str(folder / "hearts"), "--workers", "1"]) == 0
    description = folder / "virtual.yaml"
    description.write_text("name: virtual\nfolder: hearts\npattern: 'heart_*.nii.gz'\ntest_fraction: 0.25\n")
    assert main(["prepare", str(description), "--out", str(folder / "prepared"), "--workers", "1"]) == 0
    return folder / "prepared"


def fit(prepared: Path, out: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "Training", "fit", "--preset", "tiny", "--threads", "1"]
    return subprocess.Popen(
        [*command, "--data", str(prepared), "--out", str(out)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


@pytest.fixture(scope="module")
def unbroken(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("unbroken")
    assert fit(prepared, out).wait() == 0
    return out


def weights(run: Path) -> dict[str, torch.Tensor]:
    return torch.load(RunFolder(run).checkpoint, weights_only=True)["state_dict"]


def test_a_killed_run_goes_on_to_the_same_weights(prepared: Path, unbroken: Path, tmp_path: Path) -> None:
    RunFolder(tmp_path).write_start(*RunFolder(unbroken).read_start())
    process = fit(prepared, tmp_path)
    while not RunFolder(tmp_path).checkpoint.exists():
        assert process.poll() is None
        time.sleep(0.005)
    process.kill()
    process.wait()
    assert 0 < RunFolder(tmp_path).steps_done() < 60
    assert fit(prepared, tmp_path).wait() == 0
    for name, value in weights(unbroken).items():
        assert torch.equal(weights(tmp_path)[name], value), name


def test_the_exported_weights_load_and_name_their_recipe(unbroken: Path, tmp_path: Path) -> None:
    out = tmp_path / "w.safetensors"
    assert main(["export", str(unbroken), "--out", str(out)]) == 0
    model = load_model(out)
    assert model.network.config.structures == KEYS
    assert model.card["recipe"]["data_sets"] == ["virtual"]
    assert model.card["recipe"]["steps_done"] == 60
    assert model.network.prior.field.abs().max() > 0.1


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
    examples = CompletionExamples(hearts, reference, prior, 64, 128, 40, Jitter(), seed=1, near=6.0, complete=True)
    for index in range(12):
        item, again = examples[index], examples[index]
        assert all(torch.equal(item[name], again[name]) for name in item)
        assert item["given"].any()
        assert not item["points"][~item["given"]].any()
        assert item["points"][item["given"]].abs().max() < 2.5
        assert torch.isfinite(item["distances"]).all()
        assert torch.isfinite(item["numbers"]).all()


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
