"""What is compared: the trained network and the two baselines, all through the same engine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from CardiacCompletionLib import HeartCompleter
from CardiacCompletionLib.anatomy.heart import Heart
from CardiacCompletionLib.completion.result import CompletionResult
from CardiacCompletionLib.geometry.frame import fit_frame, moments_of
from CardiacCompletionLib.model.config import HeartModelConfig
from CardiacCompletionLib.model.heart import HeartAutoEncoder
from CardiacCompletionLib.model.weights import TrainedModel
from Training.baselines.mean_heart import mean_fields
from Training.baselines.shape_model import PosteriorShapeModel
from Training.data.hearts import PreparedHearts


class MeanHeart:
    """The aligned mean heart: an untrained network, whose answer is its mean field.

    The mean is taken over training hearts aligned by the same trusted structures as the test heart will be.
    """

    name = "mean heart"

    def __init__(self, model: TrainedModel, training: PreparedHearts, trusted: Sequence[str], count: int) -> None:
        frames = [
            fit_frame({key: moments[key] for key in trusted}, model.reference)
            for moments in (training.moments(index) for index in range(len(training.cases)))
        ]
        network = blank_network(model)
        nodes = network.prior.node_positions().numpy().astype(np.float64)
        fields = mean_fields(training, frames, nodes, count, workers=1)
        network.prior.field.copy_(torch.from_numpy(fields).reshape(network.prior.field.shape))
        self._completer = HeartCompleter(replace(model, network=network), "cpu")

    def complete(self, heart: Heart, trusted: Sequence[str], spacing: float) -> CompletionResult:
        return self._completer.complete(heart, trusted, spacing)


class ShapeModel:
    """The posterior shape model, its posterior mean shown through the same engine."""

    name = "shape model"

    def __init__(self, model: TrainedModel, training: PreparedHearts, trusted: Sequence[str], count: int) -> None:
        self._model = replace(model, network=blank_network(model))
        nodes = self._model.network.prior.node_positions().numpy().astype(np.float64)
        self._shapes = PosteriorShapeModel.fit(training, trusted, model.reference, nodes, count, workers=1)

    def complete(self, heart: Heart, trusted: Sequence[str], spacing: float) -> CompletionResult:
        moments = {key: moments_of(heart.regions[key], heart.ijk_to_ras) for key in trusted}
        fields = self._shapes.posterior_mean(heart, trusted, fit_frame(moments, self._model.reference))
        prior = self._model.network.prior
        prior.field.copy_(torch.from_numpy(fields).reshape(prior.field.shape))
        return HeartCompleter(self._model, "cpu").complete(heart, trusted, spacing)


class Network:
    """The trained model as it ships."""

    name = "model"

    def __init__(self, model: TrainedModel) -> None:
        self._completer = HeartCompleter(model, "cpu")

    def complete(self, heart: Heart, trusted: Sequence[str], spacing: float) -> CompletionResult:
        return self._completer.complete(heart, trusted, spacing)


def blank_network(model: TrainedModel) -> HeartAutoEncoder:
    """An untrained network of the same structures, with the smallest body there is: all it says is its mean field."""
    config: HeartModelConfig = model.network.config
    return HeartAutoEncoder(replace(config, dim=64, depth=0, latents=1)).eval()
