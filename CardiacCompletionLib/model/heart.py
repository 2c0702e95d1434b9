"""The multi-class autoencoder: any subset of structures in, the signed distance fields of any subset out.

VecSetX's parts with five changes: every structure has its own learnable queries, so that its latents have a place of
their own; structures that are not given stand as learnt tokens; self-attention alternates between the latents of one
structure and those of all, so that structures shape each other; the output corrects the articulated mean heart, asked
in each structure's own coordinates, so that a correction means the same in every heart; and a query knows how far it is
from every trusted surface, for what touches a wall or runs along a groove is told by these better than by any latent.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from CardiacCompletionLib.geometry.expectation import PLACE_NUMBERS
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
from CardiacCompletionLib.model.surroundings import SurroundingsEmbedding

# In own units, by which the last layer speaks: half a centimetre or so, so that its weights are of the size of others'.
CORRECTION_UNIT = 0.3


class HeartAutoEncoder(nn.Module):
    """Surface points of the given structures -> latent set -> signed distance per structure (frame units, inside < 0).

    Shapes: B hearts, C structures (``config.structures``), N points a structure, M latents a structure, D width,
    Q queries, W wanted structures, K principal shapes. A heart's numbers [B, C, 9 + K] say where, how stretched and how
    shaped its structures are to be expected (geometry/expectation). Surroundings [B, W or 1, Q, C] are the signed
    distances (frame units) of a query to the trusted structures, infinite for all others; without them, none is told.
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
        self.number_embed = nn.Linear(PLACE_NUMBERS + config.shapes, dim)
        self.expected_embed = nn.Linear(1, dim)
        self.missed_embed = nn.Linear(1, dim)
        self.surroundings_embed = SurroundingsEmbedding(count, dim)
        self.bottleneck = NormalisedBottleneck(dim, config.latent_dim)
        self.layers = nn.ModuleList(transformer_layer(dim) for _ in range(config.depth))
        self.decoder_cross_attn = PreNorm(dim, Attention(dim))
        self.query_feed_forward = PreNorm(dim, FeedForward(dim, widening=1))
        self.to_outputs = nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, 1))
        nn.init.zeros_(self.to_outputs[1].weight)
        nn.init.zeros_(self.to_outputs[1].bias)
        self.prior = MeanHeart(count, config.shapes, config.fine_shapes)

    def encode(self, points: Tensor, given: Tensor, numbers: Tensor) -> Tensor:
        """Frame points [B, C, N, 3] and which structures are given, bool [B, C] -> narrow latents [B, C, M, L].

        A point speaks in its structure's own coordinates, and of how far it lies from the surface that was expected:
        there the correction is known. Points of structures that are not given say nothing; their latents are zero.
        """
        heart, structure = given.nonzero(as_tuple=True)
        embedded = self._embedded(points, given, numbers) + self.structure_embed[structure, None]
        narrow = self.bottleneck.pre(apply_layer(self.cross_attend_blocks, self.latents[structure], embedded))
        everywhere = narrow.new_zeros(*given.shape, *narrow.shape[1:])
        return everywhere.index_put((heart, structure), narrow)

    def process(self, narrow: Tensor, given: Tensor, numbers: Tensor) -> Tensor:
        """Narrow latents [B, C, M, L] and the heart's numbers -> the latents that queries read, [B, C, M, D]."""
        x = self._begun(narrow, given, numbers)
        batch, structures, latents, _ = x.shape
        for index, layer in enumerate(self.layers):
            sets = (batch * structures, latents) if index % 2 == 0 else (batch, structures * latents)
            x = apply_layer(layer, x.reshape(*sets, -1)).reshape(batch, structures, latents, -1)
        return x

    def decode(
        self,
        latents: Tensor,
        queries: Tensor,
        numbers: Tensor,
        surroundings: Tensor | None = None,
        wanted: Tensor | None = None,
    ) -> Tensor:
        """Signed distance [B, W, Q] of the structures ``wanted`` [W] (without, all) at queries [B, W or 1, Q, 3]."""
        if wanted is None:
            wanted = torch.arange(latents.shape[1], device=latents.device)
        expected, places, unit = self.prior(queries, numbers, wanted)
        hearts, count, asked, _ = places.shape
        if surroundings is None:
            surroundings = queries.new_full((1, 1, 1, latents.shape[1]), torch.inf)
        embedded = self.point_embed(places) + self.expected_embed(expected.tanh()[..., None])
        read = self._read(embedded + self.surroundings_embed(surroundings), latents, wanted)
        read = read + self.query_feed_forward(read)
        correction = self.to_outputs(read).reshape(hearts, count, asked)
        return (expected + CORRECTION_UNIT * correction) * unit

    def forward(
        self,
        points: Tensor,
        given: Tensor,
        queries: Tensor,
        numbers: Tensor,
        surroundings: Tensor | None = None,
        wanted: Tensor | None = None,
    ) -> Tensor:
        """Points [B, C, N, 3], given [B, C], queries [B, W or 1, Q, 3], numbers, surroundings -> distance [B, W, Q]."""
        latents = self.process(self.encode(points, given, numbers), given, numbers)
        return self.decode(latents, queries, numbers, surroundings, wanted)

    def _embedded(self, points: Tensor, given: Tensor, numbers: Tensor) -> Tensor:
        """Surface points [B, C, N, 3] -> what the latents read of the S given structures, in turn [S, N, D]."""
        missed, places, _ = self.prior(points, numbers, torch.arange(points.shape[1], device=points.device))
        told = (missed[given][..., None] / CORRECTION_UNIT).tanh()
        return self.point_embed(places[given]) + self.missed_embed(told)

    def _begun(self, narrow: Tensor, given: Tensor, numbers: Tensor) -> Tensor:
        """What self-attention starts from: the given latents or the learnt tokens, and the heart's numbers."""
        x = torch.where(given[..., None, None], self.bottleneck.post(narrow), self.missing) + self.latents
        return x + self.number_embed(self._standardised(numbers))[:, :, None]

    def _read(self, embedded: Tensor, latents: Tensor, wanted: Tensor) -> Tensor:
        """Queries [B, W, Q, D] with what they read of their structure's latents, [B, W, Q, D]."""
        own = self.decoder_cross_attn(embedded.flatten(0, 1), latents[:, wanted].flatten(0, 1))
        return embedded + own.unflatten(0, embedded.shape[:2])

    def _standardised(self, numbers: Tensor) -> Tensor:
        usual, count = self.prior.number_mean, numbers.shape[-1]
        deviation = self.prior.number_covariance.diagonal()[:-1].reshape(usual.shape)[:, :count].sqrt()
        return ((numbers - usual[:, :count]) / (deviation + 1e-3)).clamp(-4.0, 4.0)
