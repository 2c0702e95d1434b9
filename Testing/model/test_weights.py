"""Weights are what their card says, or they are not loaded."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from CardiacCompletionLib.errors import CompletionError, lack_of_memory_explained
from CardiacCompletionLib.geometry.frame import Reference, TypicalPlace
from CardiacCompletionLib.model import HeartAutoEncoder, HeartModelConfig
from CardiacCompletionLib.model.weights import load_model, pick_device, save_model

REFERENCE = Reference(
    {"a": TypicalPlace((0.1, 0.2, 0.3), ((0.2, 0.0, 0.0), (0.0, 0.1, 0.0), (0.0, 0.0, 0.3)), 0.01, 0.02, True)}, 88.0
)


@pytest.fixture
def saved(tmp_path: Path) -> tuple[HeartAutoEncoder, Path]:
    torch.manual_seed(0)
    network = HeartAutoEncoder(HeartModelConfig(structures=("a", "b"), dim=64, depth=1, latents=4, shapes=2))
    path = tmp_path / "weights.safetensors"
    save_model(network, REFERENCE, {"limits": ["a test"]}, path)
    return network, path


def test_a_saved_model_comes_back(saved: tuple[HeartAutoEncoder, Path]) -> None:
    network, path = saved
    loaded = load_model(path)
    assert loaded.reference == REFERENCE
    assert loaded.card["limits"] == ["a test"]
    network.prior.shapes.uniform_(-0.5, 0.5)
    network.prior.fine_shapes.uniform_(-0.1, 0.1)
    save_model(network, REFERENCE, {"limits": ["a test"]}, path)
    loaded = load_model(path)
    for name, value in network.state_dict().items():
        assert torch.allclose(loaded.network.state_dict()[name], value, atol=4e-3), name
    for exact in ("point_embed.basis", "prior.number_mean", "prior.size_mean", "prior.number_covariance"):
        assert torch.equal(loaded.network.state_dict()[exact], network.state_dict()[exact])


def test_shapes_are_rounded_and_saved_again_the_same(saved: tuple[HeartAutoEncoder, Path]) -> None:
    network, path = saved
    network.prior.shapes.uniform_(-1.0, 1.0)
    save_model(network, REFERENCE, {}, path)
    loaded, content = load_model(path).network, path.read_bytes()
    assert (loaded.prior.shapes - network.prior.shapes).abs().max() <= 1 / 128
    assert load_file(path)["prior.shapes"].dtype == torch.int8
    save_model(loaded, REFERENCE, {}, path)
    assert path.read_bytes() == content


def test_changed_weights_are_refused(saved: tuple[HeartAutoEncoder, Path]) -> None:
    path = saved[1]
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(CompletionError, match="do not match their card"):
        load_model(path)


def test_a_pickle_is_never_read(saved: tuple[HeartAutoEncoder, Path]) -> None:
    network, path = saved
    torch.save(network.state_dict(), path)
    card = json.loads(path.with_suffix(".json").read_text())
    with pytest.raises(CompletionError, match="do not match"):
        load_model(path)
    import hashlib

    card["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    path.with_suffix(".json").write_text(json.dumps(card))
    with pytest.raises(CompletionError, match="damaged"):
        load_model(path)


@pytest.mark.parametrize("change", [{"card_version": 99}, {"architecture": {"structures": ["a"], "new": 1}}])
def test_a_card_of_another_version_is_refused(saved: tuple[HeartAutoEncoder, Path], change: dict) -> None:
    path = saved[1]
    card = json.loads(path.with_suffix(".json").read_text())
    path.with_suffix(".json").write_text(json.dumps({**card, **change}))
    with pytest.raises(CompletionError, match="another version"):
        load_model(path)


def test_weights_for_which_memory_lacks_are_not_said_to_be_of_another_version(
    saved: tuple[HeartAutoEncoder, Path],
) -> None:
    path = saved[1].with_suffix(".json")
    card = json.loads(path.read_text())
    path.write_text(json.dumps({**card, "architecture": {**card["architecture"], "latents": 2**44}}))
    with pytest.raises(CompletionError, match="not enough memory"), lack_of_memory_explained():
        load_model(saved[1])


def test_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(CompletionError, match=r"nowhere\.json"):
        load_model(tmp_path / "nowhere.safetensors")


def test_a_device_the_computer_lacks_is_refused() -> None:
    assert pick_device("cpu") == "cpu"
    if not torch.cuda.is_available():
        with pytest.raises(CompletionError, match="no cuda device"):
            pick_device("cuda")


def test_auto_is_a_device_on_which_hearts_have_been_completed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert pick_device("auto") == ("cuda" if torch.cuda.is_available() else "cpu")
    assert pick_device("mps") == "mps"
