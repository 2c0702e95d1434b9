"""A fit survives a kill, ends when it gets no better, and stops at what is not a number."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from CardiacCompletionLib.anatomy.vocabulary import load_vocabulary
from CardiacCompletionLib.errors import CompletionError
from CardiacCompletionLib.model.weights import load_model
from Testing.training.conftest import Fit
from Training import settings
from Training.__main__ import main
from Training.data.prepare import checksum
from Training.data.samples import CaseSamples
from Training.run_folder import RunFolder

KEYS = load_vocabulary().keys[:10]
# The presets of this process in another one.
WITH_CONFIGS = """
import sys
from pathlib import Path
from Training import settings
from Training.__main__ import main
settings._CONFIGS = Path(sys.argv[1])
sys.exit(main(sys.argv[2:]))
"""


def checkpoint(run: Path) -> dict:
    return torch.load(RunFolder(run).checkpoint, weights_only=True)


def killed_after_a_checkpoint(process: subprocess.Popen[str], out: Path) -> int:
    """Steps that the killed run had done at its last checkpoint."""
    while not RunFolder(out).checkpoint.exists():
        assert process.poll() is None
        time.sleep(0.005)
    process.kill()
    process.communicate()
    return RunFolder(out).steps_done()


def test_a_killed_run_goes_on_to_the_same_weights_and_looks(
    prepared: Path, unbroken: Path, fit: Fit, tmp_path: Path
) -> None:
    for name in ("start.pt", "recipe.json"):
        shutil.copy(unbroken / name, tmp_path)
    assert 0 < killed_after_a_checkpoint(fit(prepared, tmp_path), tmp_path) < 60
    process = fit(prepared, tmp_path)
    _, said = process.communicate()
    assert process.returncode == 0
    assert "resum" not in said
    assert "not empty" not in said
    expected, found = checkpoint(unbroken), checkpoint(tmp_path)
    for name, value in expected["state_dict"].items():
        assert torch.equal(found["state_dict"][name], value), name
    looks = [
        next(state for name, state in c["callbacks"].items() if "EarlyStopping" in name) for c in (expected, found)
    ]
    assert looks[0] == looks[1]
    assert json.loads((tmp_path / "end.json").read_text()) == json.loads((unbroken / "end.json").read_text())


def test_the_exported_weights_load_and_name_their_recipe(unbroken: Path, tmp_path: Path) -> None:
    out = tmp_path / "w.safetensors"
    assert main(["export", str(unbroken), "--out", str(out)]) == 0
    model = load_model(out)
    assert model.network.config.structures == KEYS
    assert model.card["recipe"]["data_sets"] == ["virtual"]
    assert model.card["recipe"]["origins"] == {"virtual": {"sources": [], "limits": []}}
    assert model.card["recipe"]["steps_done"] == 60
    assert 0.1 < model.card["metrics"]["held_out_mm"] < 30.0
    assert set(model.card["metrics"]["hidden_mm"]) <= set(model.network.config.structures)
    assert model.network.prior.field.abs().max() > 0.1


def test_every_look_says_of_each_structure_how_far_it_is_off_where_hidden(unbroken: Path) -> None:
    log = EventAccumulator(str(unbroken / "log")).Reload()
    for key in ("left_atrium", "aorta", "pulmonary_veins"):
        errors = [look.value for look in log.Scalars(f"hidden_mm/{key}")]
        assert len(errors) == 6
        assert all(0.1 < error < 20.0 for error in errors)
        assert len(set(errors)) > 1


def test_a_run_that_gets_no_better_ends_and_is_done(
    prepared: Path, tmp_path: Path, changed: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    """With steps of no size the held-out loss never changes: the second look without a better one is the last."""
    preset, run = changed(learning_rate=0.0, patience=2), tmp_path / "run"
    words = ["fit", "--preset", preset, "--threads", "1", "--data", str(prepared), "--out", str(run)]
    assert main(words) == 0
    assert RunFolder(run).steps_done() == 30
    assert "ended after 30 steps" in capsys.readouterr().out
    assert main(words) == 0
    assert "is trained" in capsys.readouterr().out
    assert RunFolder(run).steps_done() == 30


def test_a_killed_run_remembers_its_looks_at_held_out_hearts(
    prepared: Path, tmp_path: Path, changed: Callable[..., str]
) -> None:
    """As above, but killed as soon as a checkpoint is there: it ends where an unbroken one does, at the third look.

    A checkpoint written before the look would lack it, and the run would end at the fourth.
    """
    preset, run = changed(learning_rate=0.0, patience=2), tmp_path / "run"
    words = ["fit", "--preset", preset, "--threads", "1", "--data", str(prepared), "--out", str(run)]
    process = subprocess.Popen(
        [sys.executable, "-c", WITH_CONFIGS, str(settings._CONFIGS), *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert 0 < killed_after_a_checkpoint(process, run) < 30
    assert main(words) == 0
    assert RunFolder(run).steps_done() == 30


def test_a_begun_run_goes_on_only_as_it_was_begun(
    prepared: Path, unbroken: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Path(shutil.copytree(unbroken, tmp_path / "run"))
    words = ["fit", "--preset", "tiny", "--threads", "1", "--out", str(run)]
    assert main([*words, "--data", str(prepared)]) == 0
    assert main([*words, "--data", str(prepared), "--seed", "1"]) == 2
    assert "was begun differently (seed 0, now 1)" in capsys.readouterr().err
    assert main([*words, "--data", str(prepared), "--preset", "quick"]) == 2
    assert "points 64, now 256" in capsys.readouterr().err
    (run / "end.json").unlink()
    RunFolder(run).checkpoint.unlink()
    assert main([*words, "--data", str(prepared), "--init", str(unbroken)]) == 2
    assert "was begun differently (init)" in capsys.readouterr().err
    fewer = part_of(prepared, tmp_path / "fewer", ("heart_000000", "heart_000001", "heart_000003"), weight=1)
    assert main([*words, "--data", str(fewer)]) == 2
    assert "was begun differently (hearts 3, now 2)" in capsys.readouterr().err
    assert json.loads((run / "recipe.json").read_text()) == json.loads((unbroken / "recipe.json").read_text())


def test_a_run_of_another_version_is_not_taken_for_one_of_this(unbroken: Path, tmp_path: Path) -> None:
    run = RunFolder(Path(shutil.copytree(unbroken, tmp_path / "run")))
    content = checkpoint(run.path)
    content["state_dict"]["network.of_old.weight"] = content["state_dict"].pop("network.missing")
    torch.save(content, run.checkpoint)
    with pytest.raises(CompletionError, match="another version"):
        run.trained()


def poison(data: Path, name: str) -> None:
    """All of a case's distances are not numbers."""
    case = CaseSamples.load(data / "cases" / f"{name}.safetensors")
    case.distances[:] = np.nan
    path, manifest = data / "cases" / f"{name}.safetensors", json.loads((data / "manifest.json").read_text())
    case.save(path)
    for entry in manifest["cases"]:
        if entry["samples"] == path.name:
            entry["sha256"] = checksum(path)
    (data / "manifest.json").write_text(json.dumps(manifest))


def part_of(prepared: Path, out: Path, names: tuple[str, ...], weight: int) -> Path:
    """A prepared data set of some of the hearts."""
    shutil.copytree(prepared, out)
    manifest = json.loads((out / "manifest.json").read_text())
    manifest["cases"] = [case for case in manifest["cases"] if case["samples"].split(".")[0] in names]
    (out / "manifest.json").write_text(json.dumps({**manifest, "weight": weight, "training_weight": weight}))
    return out


def test_a_poisoned_case_stops_the_run_and_keeps_the_last_good_checkpoint(
    prepared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One heart in sixty is poisoned; seed 0 comes to it in the middle of the run."""
    good = part_of(prepared, tmp_path / "good", ("heart_000000", "heart_000001", "heart_000003"), weight=30)
    bad = part_of(prepared, tmp_path / "bad", ("heart_000002",), weight=1)
    poison(bad, "heart_000002")
    run = tmp_path / "run"
    words = ["fit", "--preset", "tiny", "--threads", "1", "--data", str(good), str(bad)]
    assert main([*words, "--out", str(run)]) == 2
    said = capsys.readouterr().err
    step, hearts = re.search(r"The loss is not a number at step (\d+), hearts \[([\d, ]+)\]", said).groups()
    assert "2" in hearts.split(", ")
    assert 10 <= RunFolder(run).steps_done() == int(step) // 10 * 10
    assert all(torch.isfinite(value).all() for value in checkpoint(run)["state_dict"].values())


def test_a_poisoned_held_out_case_stops_the_run(
    prepared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = Path(shutil.copytree(prepared, tmp_path / "data"))
    poison(data, "heart_000003")
    words = ["fit", "--preset", "tiny", "--threads", "1", "--data", str(data), "--out", str(tmp_path / "run")]
    assert main(words) == 2
    assert "held-out hearts is not a number, among [0, 0]" in capsys.readouterr().err
    assert not (tmp_path / "run" / "end.json").exists()
