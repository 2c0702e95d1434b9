"""The rivals: each is the shipped network but for one choice. Shapes as in ``model/heart``."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from CardiacCompletionLib.model.attention import Attention, PointEmbedding, PreNorm, apply_layer
from CardiacCompletionLib.model.config import HeartModelConfig
from CardiacCompletionLib.model.heart import HeartAutoEncoder


class EachAlone(HeartAutoEncoder):
    """One network per structure, as far as one set of weights can be: no structure's latents see another's.

    What it knows of the others is the same as for the shipped one: expected numbers, and distances at a query.
    """

    def process(self, narrow: Tensor, given: Tensor, numbers: Tensor) -> Tensor:
        x = self._begun(narrow, given, numbers)
        shape = x.shape
        x = x.flatten(0, 1)
        for layer in self.layers:
            x = apply_layer(layer, x)
        return x.reshape(shape)


class QueriesReadAll(HeartAutoEncoder):
    """A query reads the latents of all structures alike."""

    def _read(self, embedded: Tensor, latents: Tensor, wanted: Tensor) -> Tensor:
        coded = embedded + self.structure_embed[wanted, None]
        return coded + self.decoder_cross_attn(coded.flatten(1, 2), latents.flatten(1, 2)).reshape(coded.shape)


class QueriesReadOwnThenAll(HeartAutoEncoder):
    """A query reads the latents of its structure, and then those of all."""

    def __init__(self, config: HeartModelConfig) -> None:
        super().__init__(config)
        self.others_cross_attn = PreNorm(config.dim, Attention(config.dim))

    def _read(self, embedded: Tensor, latents: Tensor, wanted: Tensor) -> Tensor:
        told = super()._read(embedded, latents, wanted) + self.structure_embed[wanted, None]
        return told + self.others_cross_attn(told.flatten(1, 2), latents.flatten(1, 2)).reshape(told.shape)


class OneSetOfQueries(QueriesReadAll):
    """Plain VecSetX over several classes: one latent set for all, a class code on every point and every query.

    As many latents in all; every one of them reads all given points.
    """

    def encode(self, points: Tensor, given: Tensor, numbers: Tensor) -> Tensor:
        structure = given.nonzero()[:, 1]
        embedded = self._embedded(points, given, numbers) + self.structure_embed[structure, None]
        asking = self.latents.flatten(0, 1)[None]
        # Hearts differ in how many points they have.
        hearts = embedded.split(given.sum(dim=1).tolist())
        sets = [apply_layer(self.cross_attend_blocks, asking, told.flatten(0, 1)[None]) for told in hearts]
        return self.bottleneck.pre(torch.cat(sets)).reshape(*given.shape, self.config.latents, -1)

    def process(self, narrow: Tensor, given: Tensor, numbers: Tensor) -> Tensor:
        x = self._begun(narrow, torch.ones_like(given), numbers)
        shape = x.shape
        x = x.flatten(1, 2)
        for layer in self.layers:
            x = apply_layer(layer, x)
        return x.reshape(shape)


class WithoutSurroundings(HeartAutoEncoder):
    """No query knows how far it is from what is trusted."""

    def forward(self, points: Tensor, given: Tensor, queries: Tensor, numbers: Tensor, surroundings: Tensor) -> Tensor:
        return super().forward(points, given, queries, numbers)


class PointsInTheFrame(HeartAutoEncoder):
    """Surface points speak in the heart's frame, not in their structure's own coordinates, nor of what was expected."""

    def _embedded(self, points: Tensor, given: Tensor, numbers: Tensor) -> Tensor:
        return self.point_embed(points[given])


class WithNormals(HeartAutoEncoder):
    """Surface points come with the outward normals there: points are [B, C, N, 6] (see ``rivals/examples``)."""

    def __init__(self, config: HeartModelConfig) -> None:
        super().__init__(config)
        self.normal_embed = nn.Linear(3, config.dim)

    def _embedded(self, points: Tensor, given: Tensor, numbers: Tensor) -> Tensor:
        places, normals = points.split(3, dim=-1)
        return super()._embedded(places, given, numbers) + self.normal_embed(normals[given])


class OneTokenForAll(HeartAutoEncoder):
    """What is hidden stands as one learnt token at its structure's latents, as in masked autoencoders (He 2022)."""

    def __init__(self, config: HeartModelConfig) -> None:
        super().__init__(config)
        self.missing = nn.Parameter(torch.randn(1, 1, config.dim) * 0.02)


class CoarserPlaces(HeartAutoEncoder):
    """Places are told in two octaves fewer."""

    _OCTAVES = 6

    def __init__(self, config: HeartModelConfig) -> None:
        super().__init__(config)
        self.point_embed = PointEmbedding(config.dim, self._OCTAVES)


class FinerPlaces(CoarserPlaces):
    """Places are told in two octaves more."""

    _OCTAVES = 10
