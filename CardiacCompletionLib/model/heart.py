"""The multi-class autoencoder: any subset of structures in, the signed distance fields of any subset out.

VecSetX's parts with three changes: every structure has its own learnable queries, so that its latents have a place of
their own; structures that are not given stand as learnt tokens; and self-attention alternates between the latents of
one structure and those of all, so that structures shape each other. The output corrects the articulated mean heart.
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
from CardiacCompletionLib.model.bottleneck import NormalisedBottleneck
from CardiacCompletionLib.model.config import HeartModelConfig
from CardiacCompletionLib.model.prior import MeanHeart

# Expected centroids [B, C, 3] and spreads [B, C, 3, 3] of all structures, in frame units.
Places = tuple[Tensor, Tensor]
# Frame units by which the last layer speaks: about a centimetre, so that its weights are of the size of all others.
CORRECTION_UNIT = 0.1


class HeartAutoEncoder(nn.Module):
    """Surface points of the given structures -> latent set -> signed distance per structure (frame units, inside < 0).

    Shapes: B hearts, C structures (``config.structures``), N points a structure, M latents a structure, D width,
    Q queries, W wanted structures.
    """

    def __init__(self, config: HeartModelConfig) -> None:
        super().__init__()
        self.config = config
        count, dim = len(config.structures), config.dim
        self.latents = nn.Parameter(torch.randn(count, config.latents, dim) * 0.5)
        self.missing = nn.Parameter(torch.randn(count, config.latents, dim) * 0.02)
        self.structure_embed = nn.Parameter(torch.randn(count, dim) * 0.02)
        self.cross_attend_blocks = nn.ModuleList([PreNorm(dim, Attention(dim)), PreNorm(dim, FeedForward(dim))])
        self.point_embed = PointEmbedding(dim)
        self.bottleneck = NormalisedBottleneck(dim, config.latent_dim)
        self.layers = nn.ModuleList(transformer_layer(dim) for _ in range(config.depth))
        self.decoder_cross_attn = PreNorm(dim, Attention(dim))
        self.to_outputs = nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, 1))
        nn.init.zeros_(self.to_outputs[1].weight)
        nn.init.zeros_(self.to_outputs[1].bias)
        self.prior = MeanHeart(count, config.prior_size, config.prior_reach)

    def encode(self, points: Tensor, given: Tensor) -> Tensor:
        """Frame points [B, C, N, 3] and which structures are given, bool [B, C] -> narrow latents [B, C, M, L].

        Points of structures that are not given are never read; their latents are zero.
        """
        heart, structure = given.nonzero(as_tuple=True)
        embedded = self.point_embed(points[heart, structure]) + self.structure_embed[structure, None]
        narrow = self.bottleneck.pre(apply_layer(self.cross_attend_blocks, self.latents[structure], embedded))
        everywhere = narrow.new_zeros(*given.shape, *narrow.shape[1:])
        return everywhere.index_put((heart, structure), narrow)

    def process(self, narrow: Tensor, given: Tensor) -> Tensor:
        """Narrow latents [B, C, M, L] -> the latents that queries read, [B, C, M, D]."""
        x = torch.where(given[..., None, None], self.bottleneck.post(narrow), self.missing) + self.latents
        batch, structures, latents, _ = x.shape
        for index, layer in enumerate(self.layers):
            sets = (batch * structures, latents) if index % 2 == 0 else (batch, structures * latents)
            x = apply_layer(layer, x.reshape(*sets, -1)).reshape(batch, structures, latents, -1)
        return x

    def decode(self, latents: Tensor, queries: Tensor, places: Places, wanted: Tensor | None = None) -> Tensor:
        """Signed distance [B, W, Q] of the wanted structures (indices [W]; all without) at queries [B, Q, 3]."""
        if wanted is None:
            wanted = torch.arange(latents.shape[1], device=latents.device)
        attention = self.decoder_cross_attn.fn
        asked = attention.to_q(self.decoder_cross_attn.norm(self.point_embed(queries)))
        read = [attention.attend(asked, latents[:, structure]) for structure in wanted.tolist()]
        correction = self.to_outputs(torch.stack(read, dim=1)).squeeze(-1)
        return self.prior(queries, *places, wanted) + CORRECTION_UNIT * correction

    def forward(
        self, points: Tensor, given: Tensor, queries: Tensor, places: Places, wanted: Tensor | None = None
    ) -> Tensor:
        """Points [B, C, N, 3], given [B, C], queries [B, Q, 3], expected places -> signed distance [B, W, Q]."""
        return self.decode(self.process(self.encode(points, given), given), queries, places, wanted)
