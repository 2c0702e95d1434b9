"""What is compared, all through the same engine: two baselines, the model before training, the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from CardiacCompletionLib import HeartCompleter
from CardiacCompletionLib.anatomy.heart import Heart
from CardiacCompletionLib.completion.result import CompletionResult
from CardiacCompletionLib.geometry.expectation import Places
from CardiacCompletionLib.geometry.frame import fit_frame, moments_of
from CardiacCompletionLib.geometry.shape_grid import node_positions
from CardiacCompletionLib.model.weights import TrainedModel
from Training.baselines.mean_heart import mean_fields
from Training.baselines.shape_model import PosteriorShapeModel
from Training.baselines.stiff_mean_heart import blank_network, stiff_model
from Training.data.hearts import PreparedHearts


class AlignedMeanHeart:
    """The cohort's mean distance fields, moved and scaled onto the trusted structures.

    The mean is taken over training hearts aligned by the same trusted structures as the test heart will be.
    """

    name = "aligned mean heart"

    def __init__(self, model: TrainedModel, training: PreparedHearts, trusted: Sequence[str], count: int) -> None:
        stiff = stiff_model(model)
        prior = stiff.network.prior
        chosen = training.spread_evenly(count, trusted)
        moments = [training.moments(index) for index in chosen]
        frames = [fit_frame({key: heart[key] for key in trusted}, model.reference) for heart in moments]
        places = Places.of(prior.expectation(training.structures).posterior({}).mean)
        nodes = node_positions()
        fields = mean_fields(training, chosen, frames, [places] * len(chosen), nodes, workers=1)
        prior.field.copy_(torch.from_numpy(fields).reshape(prior.field.shape))
        self._completer = HeartCompleter(stiff, "cpu")

    def complete(self, heart: Heart, trusted: Sequence[str], spacing: float) -> CompletionResult:
        return self._completer.complete(heart, trusted, spacing)


class ShapeModel:
    """The posterior shape model: the likeliest combination of principal components, given the trusted structures."""

    name = "posterior shape model"

    def __init__(self, model: TrainedModel, training: PreparedHearts, trusted: Sequence[str], count: int) -> None:
        self._model = stiff_model(model)
        prior = self._model.network.prior
        places = Places.of(prior.expectation(training.structures).posterior({}).mean)
        nodes = node_positions()
        self._shapes = PosteriorShapeModel.fit(training, trusted, model.reference, places, nodes, count, workers=1)

    def complete(self, heart: Heart, trusted: Sequence[str], spacing: float) -> CompletionResult:
        moments = {key: moments_of(heart.regions[key], heart.ijk_to_ras) for key in trusted}
        fields = self._shapes.posterior_mean(heart, trusted, fit_frame(moments, self._model.reference))
        prior = self._model.network.prior
        prior.field.copy_(torch.from_numpy(fields).reshape(prior.field.shape))
        return HeartCompleter(self._model, "cpu").complete(heart, trusted, spacing)


class Untrained:
    """The model before training: the articulated mean heart that its network corrects."""

    name = "untrained model"

    def __init__(self, model: TrainedModel) -> None:
        self._completer = HeartCompleter(replace(model, network=blank_network(model)), "cpu")

    def complete(self, heart: Heart, trusted: Sequence[str], spacing: float) -> CompletionResult:
        return self._completer.complete(heart, trusted, spacing)


class Trained:
    """The model as it ships."""

    name = "model"

    def __init__(self, model: TrainedModel) -> None:
        self._completer = HeartCompleter(model, "cpu")

    def complete(self, heart: Heart, trusted: Sequence[str], spacing: float) -> CompletionResult:
        return self._completer.complete(heart, trusted, spacing)


Contestant = AlignedMeanHeart | ShapeModel | Untrained | Trained
