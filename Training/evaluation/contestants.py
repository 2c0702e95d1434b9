"""What is compared, all through the same engine: two baselines, the model before training, the model."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import torch

from CardiacCompletionLib import HeartCompleter
from CardiacCompletionLib.anatomy.heart import Heart
from CardiacCompletionLib.geometry.expectation import Places
from CardiacCompletionLib.geometry.frame import fit_frame, moments_of
from CardiacCompletionLib.geometry.shape_grid import node_positions
from CardiacCompletionLib.model.weights import TrainedModel
from Training.baselines.mean_heart import mean_fields
from Training.baselines.shape_model import PosteriorShapeModel
from Training.baselines.stiff_mean_heart import blank_network, stiff_model
from Training.data.hearts import PreparedHearts


@dataclass(frozen=True)
class Question:
    """What contestants are asked.

    Attributes:
        heart: the whole heart; nothing but its trusted structures may be looked at.
        source: the label map it was read from.
        trusted: keys of what is given.
        spacing: mm at which surfaces are resolved.
    """

    heart: Heart
    source: Path
    trusted: tuple[str, ...]
    spacing: float

    def put_to(self, completer: HeartCompleter) -> Heart:
        """The whole heart as an engine sees it."""
        return completer.complete(self.heart, self.trusted, self.spacing).heart


class Contestant(Protocol):
    """Whoever answers: with one whole heart, or with several, which count the same."""

    name: str

    def answers(self, question: Question) -> Iterable[Heart]: ...


class AlignedMeanHeart:
    """The cohort's mean distance fields, moved and scaled onto the trusted structures; named where there are several.

    The mean is taken over training hearts aligned by the same trusted structures as the test heart will be.
    """

    name = "aligned mean heart"

    def __init__(
        self, model: TrainedModel, training: PreparedHearts, trusted: Sequence[str], count: int, name: str = name
    ) -> None:
        self.name = name
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

    def answers(self, question: Question) -> list[Heart]:
        return [question.put_to(self._completer)]


class ShapeModel:
    """The posterior shape model: the likeliest combination of principal components, given the trusted structures."""

    name = "posterior shape model"

    def __init__(self, model: TrainedModel, training: PreparedHearts, trusted: Sequence[str], count: int) -> None:
        self._model = stiff_model(model)
        prior = self._model.network.prior
        places = Places.of(prior.expectation(training.structures).posterior({}).mean)
        nodes = node_positions()
        self._shapes = PosteriorShapeModel.fit(training, trusted, model.reference, places, nodes, count, workers=1)

    def answers(self, question: Question) -> list[Heart]:
        heart, trusted = question.heart, question.trusted
        moments = {key: moments_of(heart.regions[key], heart.ijk_to_ras) for key in trusted}
        fields = self._shapes.posterior_mean(heart, trusted, fit_frame(moments, self._model.reference))
        prior = self._model.network.prior
        prior.field.copy_(torch.from_numpy(fields).reshape(prior.field.shape))
        return [question.put_to(HeartCompleter(self._model, "cpu"))]


class Untrained:
    """The model before training: the articulated mean heart that its network corrects."""

    name = "untrained model"

    def __init__(self, model: TrainedModel) -> None:
        self._completer = HeartCompleter(replace(model, network=blank_network(model)), "cpu")

    def answers(self, question: Question) -> list[Heart]:
        return [question.put_to(self._completer)]


class Trained:
    """A trained model, under a name where there are several."""

    name = "model"

    def __init__(self, model: TrainedModel, name: str = name) -> None:
        self.name = name
        self._completer = HeartCompleter(model, "cpu")

    def answers(self, question: Question) -> list[Heart]:
        return [question.put_to(self._completer)]


def baselines(model: TrainedModel, training: PreparedHearts, trusted: Sequence[str], count: int) -> list[Contestant]:
    """Both, learnt from at most ``count`` hearts of each data set."""
    return [AlignedMeanHeart(model, training, trusted, count), ShapeModel(model, training, trusted, count)]
