"""VecSetX: the single-shape autoencoder from surface points to a signed distance field.

Compatible with upstream checkpoints (github.com/1zb/VecSetX, MIT, Biao Zhang 2025), parameter for parameter.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from CardiacCompletionLib.model.attention import (
    Attention,
    FeedForward,
    PointEmbedding,
    PreNorm,
    apply_layer,
    transformer_layer,
)
from CardiacCompletionLib.model.bottleneck import KLBottleneck, NoBottleneck, NormalisedBottleneck


class VecSetAutoEncoder(nn.Module):
    """Surface points in, signed distance at query points out; positive outside, in the units of the points.

    Args:
        depth: self-attention layers.
        dim: width, a multiple of 64.
        num_latents: vectors in the latent set.
        num_inputs: surface points the model was made for; the point form samples ``num_latents`` of them.
        latent_dim: width inside the bottleneck; None for no bottleneck.
        query_type: ``learnable`` queries, or ``point``: farthest-point samples of the input.
        bottleneck: ``normalised`` or ``kl``; unused without ``latent_dim``.
    """

    def __init__(
        self,
        depth: int = 24,
        dim: int = 1024,
        num_latents: int = 1024,
        num_inputs: int = 8192,
        latent_dim: int | None = None,
        query_type: str = "learnable",
        bottleneck: str = "normalised",
    ) -> None:
        super().__init__()
        if query_type not in ("learnable", "point"):
            raise ValueError(f"query_type is 'learnable' or 'point', not {query_type!r}.")
        self.query_type = query_type
        self.num_latents = num_latents
        self.num_inputs = num_inputs
        if query_type == "learnable":
            self.latents = nn.Embedding(num_latents, dim)
        self.cross_attend_blocks = nn.ModuleList([PreNorm(dim, Attention(dim)), PreNorm(dim, FeedForward(dim))])
        self.point_embed = PointEmbedding(dim)
        self.bottleneck = _bottleneck(bottleneck, dim, latent_dim)
        self.layers = nn.ModuleList(transformer_layer(dim) for _ in range(depth))
        self.decoder_cross_attn = PreNorm(dim, Attention(dim))
        self.to_outputs = nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, 1))
        nn.init.zeros_(self.to_outputs[1].weight)
        nn.init.zeros_(self.to_outputs[1].bias)

    @classmethod
    def from_preset(cls, name: str) -> VecSetAutoEncoder:
        """A model of an upstream preset, e.g. ``learnable_vec1024x16_dim1024_depth24_nb``, with random weights."""
        if name not in PRESETS:
            raise ValueError(f"There is no preset named {name!r}; choose from: {', '.join(PRESETS)}.")
        return cls(**PRESETS[name])

    def encode(self, points: Tensor) -> Tensor:
        """Surface points [B, N, 3] -> narrow latent set [B, num_latents, latent_dim or dim]."""
        embedded = self.point_embed(points)
        if self.query_type == "learnable":
            x = self.latents.weight.expand(len(points), -1, -1)
        else:
            x = self.point_embed(farthest_points(points, self.num_latents))
        return self.bottleneck.pre(apply_layer(self.cross_attend_blocks, x, embedded))

    def process(self, narrow: Tensor) -> Tensor:
        """Narrow latent set -> the latent set that queries read, [B, num_latents, dim]."""
        x = self.bottleneck.post(narrow)
        if self.query_type == "learnable":
            x = x + self.latents.weight
        for layer in self.layers:
            x = apply_layer(layer, x)
        return x

    def decode(self, latents: Tensor, queries: Tensor) -> Tensor:
        """Signed distance [B, Q] at query points [B, Q, 3]."""
        return self.to_outputs(self.decoder_cross_attn(self.point_embed(queries), latents)).squeeze(-1)

    def forward(self, points: Tensor, queries: Tensor) -> Tensor:
        """Surface points [B, N, 3], query points [B, Q, 3] -> signed distance [B, Q]."""
        return self.decode(self.process(self.encode(points)), queries)


def farthest_points(points: Tensor, count: int) -> Tensor:
    """Greedy farthest-point sampling [B, N, 3] -> [B, count, 3], from the first point on."""
    batch = torch.arange(len(points), device=points.device)
    chosen = torch.zeros(len(points), count, dtype=torch.long, device=points.device)
    distance = torch.full(points.shape[:2], torch.inf, device=points.device)
    for step in range(1, count):
        last = points[batch, chosen[:, step - 1]][:, None]
        distance = torch.minimum(distance, (points - last).square().sum(dim=-1))
        chosen[:, step] = distance.argmax(dim=-1)
    return points[batch[:, None], chosen]


def _bottleneck(kind: str, dim: int, latent_dim: int | None) -> nn.Module:
    if latent_dim is None:
        return NoBottleneck()
    if kind == "normalised":
        return NormalisedBottleneck(dim, latent_dim)
    if kind == "kl":
        return KLBottleneck(dim, latent_dim)
    raise ValueError(f"bottleneck is 'normalised' or 'kl', not {kind!r}.")


PRESETS = {
    "learnable_vec1024x16_dim1024_depth24_nb": {"latent_dim": 16, "query_type": "learnable"},
    "learnable_vec1024x32_dim1024_depth24_nb": {"latent_dim": 32, "query_type": "learnable"},
    "learnable_vec1024_dim1024_depth24": {"query_type": "learnable"},
    "point_vec1024x16_dim1024_depth24_nb": {"latent_dim": 16, "query_type": "point"},
    "point_vec1024x32_dim1024_depth24_nb": {"latent_dim": 32, "query_type": "point"},
    "point_vec1024_dim1024_depth24": {"query_type": "point"},
}
