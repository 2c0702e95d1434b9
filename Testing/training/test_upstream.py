"""A start from an upstream checkpoint: a small one in upstream's own layout (VECSETX names and shapes)."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from CardiacCompletionLib.errors import CompletionError
from CardiacCompletionLib.model.config import HeartModelConfig
from CardiacCompletionLib.model.heart import HeartAutoEncoder
from CardiacCompletionLib.model.vecset import VecSetAutoEncoder
from Training.__main__ import main
from Training.run_folder import RunFolder
from Training.upstream import LEFT, NOT_THERE, OTHER_SHAPE, TAKEN, start_from_upstream


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """Width 64 and latent width 16, as the tiny preset; one self-attention layer, of which the preset has two."""
    torch.manual_seed(0)
    state = VecSetAutoEncoder(depth=1, dim=64, num_latents=32, num_inputs=128, latent_dim=16).state_dict()
    state = {name: torch.randn_like(value) if value.is_floating_point() else value for name, value in state.items()}
    torch.save({"model": state, "epoch": 3}, tmp_path / "upstream.pth")
    return tmp_path / "upstream.pth"


def network(latent_dim: int = 16) -> HeartAutoEncoder:
    return HeartAutoEncoder(
        HeartModelConfig(("left_ventricle", "aorta"), dim=64, depth=2, latents=8, latent_dim=latent_dim, shapes=4)
    )


def test_what_fits_is_taken_and_every_tensor_is_accounted_for(checkpoint: Path) -> None:
    model, upstream = network(), torch.load(checkpoint, weights_only=True)["model"]
    start = start_from_upstream(model, checkpoint)
    fate = {layer.name: layer.fate for layer in start.layers}
    for part in ("cross_attend_blocks.0.fn.to_kv.weight", "point_embed.mlp.weight", "bottleneck.gamma"):
        assert fate[part] == TAKEN
        assert torch.equal(model.state_dict()[part], upstream[part])
    assert fate["layers.0.0.fn.to_q.weight"] == fate["decoder_cross_attn.fn.to_out.bias"] == TAKEN
    assert fate["layers.1.0.fn.to_q.weight"] == fate["latents"] == NOT_THERE
    assert fate["to_outputs.1.weight"] == LEFT
    assert not model.to_outputs[1].weight.any()
    assert start.unknown == ("latents.weight",)
    assert len(start.report().splitlines()) == len(start.layers) + 2


def test_another_shape_is_left_and_said(checkpoint: Path) -> None:
    model = network(latent_dim=32)
    before = model.bottleneck.gamma.clone()
    start = start_from_upstream(model, checkpoint)
    assert {layer.name for layer in start.layers if layer.fate == OTHER_SHAPE} == {
        "bottleneck.gamma",
        "bottleneck.beta",
        "bottleneck.pre_bottleneck_proj.weight",
        "bottleneck.pre_bottleneck_proj.bias",
        "bottleneck.post_bottleneck_proj.weight",
    }
    assert torch.equal(model.bottleneck.gamma, before)
    assert "other shape  bottleneck.gamma [32], upstream [16]" in start.report()


def test_a_pickle_is_not_executed_and_other_files_are_refused(tmp_path: Path) -> None:
    torch.save({"model": {}, "args": argparse.Namespace(lr=1.0)}, tmp_path / "pickle.pth")
    torch.save({"weights": torch.zeros(1)}, tmp_path / "other.pth")
    (tmp_path / "text.pth").write_text("not a checkpoint")
    for name, sentence in (
        ("pickle", "tensors alone"),
        ("text", "tensors alone"),
        ("other", "no VecSetX checkpoint"),
        ("gone", "cannot be read"),
    ):
        with pytest.raises(CompletionError, match=sentence):
            start_from_upstream(network(), tmp_path / f"{name}.pth")


def test_a_fit_reports_what_it_took(
    prepared: Path,
    checkpoint: Path,
    tmp_path: Path,
    changed: Callable[..., str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Cross-attention in and out, point embedding, bottleneck and one layer: 12 + 6 + 3 + 6 + 12 tensors."""
    words = ["fit", "--preset", changed(steps=2), "--threads", "1", "--upstream", str(checkpoint)]
    assert main([*words, "--data", str(prepared), "--out", str(tmp_path / "run")]) == 0
    assert "39 taken, 0 other shape" in capsys.readouterr().out
    assert RunFolder(tmp_path / "run").trained()[2]["upstream"]["tensors_taken"] == 39
