"""The single-shape form is upstream's VecSetX: its parameters by name and shape, its arithmetic to the last step."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from CardiacCompletionLib.model import VecSetAutoEncoder
from CardiacCompletionLib.model.vecset import PRESETS, farthest_points

SMALL = {"depth": 2, "dim": 128, "num_latents": 32, "num_inputs": 256, "latent_dim": 16}
ATTENTION = {"to_q.weight": (128, 128), "to_kv.weight": (256, 128), "to_out.weight": (128, 128), "to_out.bias": (128,)}
FEED_FORWARD = {
    "net.0.weight": (1024, 128),
    "net.0.bias": (1024,),
    "net.2.weight": (128, 512),
    "net.2.bias": (128,),
}


def upstream_shapes() -> dict[str, tuple[int, ...]]:
    """The table of an upstream checkpoint, learnable queries, normalised bottleneck, depth 1."""
    shapes: dict[str, tuple[int, ...]] = {
        "latents.weight": (32, 128),
        "point_embed.basis": (3, 24),
        "point_embed.mlp.weight": (128, 51),
        "point_embed.mlp.bias": (128,),
        "to_outputs.0.weight": (128,),
        "to_outputs.0.bias": (128,),
        "to_outputs.1.weight": (1, 128),
        "to_outputs.1.bias": (1,),
        "bottleneck.gamma": (16,),
        "bottleneck.beta": (16,),
        "bottleneck.pre_bottleneck_proj.weight": (16, 128),
        "bottleneck.pre_bottleneck_proj.bias": (16,),
        "bottleneck.post_bottleneck_proj.weight": (128, 16),
        "bottleneck.post_bottleneck_proj.bias": (128,),
    }
    blocks = {
        "cross_attend_blocks.0": ATTENTION,
        "cross_attend_blocks.1": FEED_FORWARD,
        "layers.0.0": ATTENTION,
        "layers.0.1": FEED_FORWARD,
        "decoder_cross_attn": ATTENTION,
    }
    for prefix, parts in blocks.items():
        shapes |= {f"{prefix}.norm.weight": (128,), f"{prefix}.norm.bias": (128,)}
        shapes |= {f"{prefix}.fn.{name}": shape for name, shape in parts.items()}
    return shapes


def randomised(model: VecSetAutoEncoder) -> VecSetAutoEncoder:
    """Random values everywhere, also where training starts from zero."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.2)
    return model.eval()


class WrittenOut:
    """VecSetX step by step from a state dict: loops over heads, explicit softmax, nothing shared with the library."""

    def __init__(self, state: dict[str, Tensor], depth: int) -> None:
        self.state = {name: value.double() for name, value in state.items()}
        self.depth = depth

    def linear(self, name: str, x: Tensor) -> Tensor:
        y = x @ self.state[f"{name}.weight"].T
        return y + self.state[f"{name}.bias"] if f"{name}.bias" in self.state else y

    def norm(self, name: str, x: Tensor) -> Tensor:
        centred = x - x.mean(dim=-1, keepdim=True)
        scaled = centred / (centred.square().mean(dim=-1, keepdim=True) + 1e-5).sqrt()
        return scaled * self.state[f"{name}.weight"] + self.state[f"{name}.bias"]

    def attention(self, name: str, x: Tensor, context: Tensor | None = None) -> Tensor:
        x = self.norm(f"{name}.norm", x)
        context = x if context is None else context
        q, kv = self.linear(f"{name}.fn.to_q", x), self.linear(f"{name}.fn.to_kv", context)
        width = q.shape[-1]
        heads = []
        for head in range(width // 64):
            part = slice(64 * head, 64 * head + 64)
            k, v = kv[..., :width][..., part], kv[..., width:][..., part]
            heads.append(torch.softmax(q[..., part] @ k.transpose(1, 2) / 8.0, dim=-1) @ v)
        return self.linear(f"{name}.fn.to_out", torch.cat(heads, dim=-1))

    def feed_forward(self, name: str, x: Tensor) -> Tensor:
        first, second = self.linear(f"{name}.fn.net.0", self.norm(f"{name}.norm", x)).chunk(2, dim=-1)
        gelu = second * 0.5 * (1 + torch.erf(second / math.sqrt(2)))
        return self.linear(f"{name}.fn.net.2", first * gelu)

    def embed(self, points: Tensor) -> Tensor:
        angles = torch.cat([points[..., [axis]] * math.pi * 2.0 ** torch.arange(8) for axis in range(3)], dim=-1)
        return self.linear("point_embed.mlp", torch.cat([angles.sin(), angles.cos(), points], dim=-1))

    def __call__(self, points: Tensor, queries: Tensor, starts: Tensor | None) -> Tensor:
        points, queries = points.double(), queries.double()
        learnt = starts is None
        x = self.state["latents.weight"].expand(len(points), -1, -1) if learnt else self.embed(starts.double())
        x = x + self.attention("cross_attend_blocks.0", x, self.embed(points))
        x = x + self.feed_forward("cross_attend_blocks.1", x)
        if "bottleneck.gamma" in self.state:
            x = self.linear("bottleneck.pre_bottleneck_proj", x)
            x = (x - x.mean(-1, keepdim=True)) / (x.var(-1, keepdim=True, unbiased=False) + 1e-6).sqrt()
            x = self.linear(
                "bottleneck.post_bottleneck_proj", x * self.state["bottleneck.gamma"] + self.state["bottleneck.beta"]
            )
        elif "bottleneck.proj.weight" in self.state:
            x = self.linear("bottleneck.proj", self.linear("bottleneck.mean_fc", x))
        if learnt:
            x = x + self.state["latents.weight"]
        for layer in range(self.depth):
            x = x + self.attention(f"layers.{layer}.0", x)
            x = x + self.feed_forward(f"layers.{layer}.1", x)
        x = self.attention("decoder_cross_attn", self.embed(queries), x)
        return self.linear("to_outputs.1", self.norm("to_outputs.0", x))[..., 0]


def test_parameters_have_upstreams_names_and_shapes() -> None:
    model = VecSetAutoEncoder(**{**SMALL, "depth": 1}, query_type="learnable")
    assert {name: tuple(value.shape) for name, value in model.state_dict().items()} == upstream_shapes()


@pytest.mark.parametrize("query_type", ["learnable", "point"])
@pytest.mark.parametrize("bottleneck", ["normalised", "kl", None])
def test_the_distance_is_upstreams(query_type: str, bottleneck: str | None) -> None:
    settings = {**SMALL, "latent_dim": 16 if bottleneck else None}
    model = randomised(VecSetAutoEncoder(**settings, query_type=query_type, bottleneck=bottleneck or "normalised"))
    generator = torch.Generator().manual_seed(1)
    points = torch.rand(2, 256, 3, generator=generator) * 2 - 1
    queries = torch.rand(2, 100, 3, generator=generator) * 2 - 1
    starts = None if query_type == "learnable" else farthest_points(points, 32)
    with torch.no_grad():
        expected = WrittenOut(model.state_dict(), depth=2)(points, queries, starts)
        assert (model(points, queries) - expected).abs().max() < 1e-4 * expected.abs().max().clamp(min=1)


@pytest.mark.parametrize(
    ("name", "millions"),
    [
        ("learnable_vec1024x16_dim1024_depth24_nb", 425.1),
        ("learnable_vec1024x32_dim1024_depth24_nb", 425.2),
        ("learnable_vec1024_dim1024_depth24", 425.1),
        ("point_vec1024x16_dim1024_depth24_nb", 424.1),
        ("point_vec1024x32_dim1024_depth24_nb", 424.1),
        ("point_vec1024_dim1024_depth24", 424.0),
    ],
)
def test_presets_have_upstreams_size(name: str, millions: float) -> None:
    with torch.device("meta"):
        model = VecSetAutoEncoder.from_preset(name)
    assert round(sum(parameter.numel() for parameter in model.parameters()) / 1e6, 1) == millions
    assert name in PRESETS


def test_an_untrained_model_says_zero_everywhere() -> None:
    model = VecSetAutoEncoder(**SMALL)
    assert (model(torch.randn(1, 256, 3), torch.randn(1, 10, 3)) == 0).all()


def test_farthest_points_spread_out() -> None:
    line = torch.linspace(0, 1, 101)[None, :, None] * torch.tensor([1.0, 0.0, 0.0])
    chosen = farthest_points(line, 5)[0, :, 0].sort().values
    assert functional.l1_loss(chosen, torch.tensor([0.0, 0.25, 0.5, 0.75, 1.0])) < 1e-6
