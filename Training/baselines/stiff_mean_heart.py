"""A mean heart that only moves and scales as a whole: the ground on which both baselines stand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields, replace

import numpy as np

from CardiacCompletionLib.geometry.expectation import PLACE_NUMBERS, Expectation, Posterior
from CardiacCompletionLib.geometry.frame import Reference
from CardiacCompletionLib.model.heart import HeartAutoEncoder
from CardiacCompletionLib.model.prior import MeanHeart
from CardiacCompletionLib.model.weights import TrainedModel


class StiffExpectation(Expectation):
    """Every structure is expected at the cohort's mean, whatever is given."""

    def in_frames_of(self, given: Iterable[str], reference: Reference) -> StiffExpectation:
        return self

    def posterior(self, given: Mapping[str, np.ndarray], scale: float | None = None) -> Posterior:
        mean = self.mean[:, : self._said].copy()
        mean[:, PLACE_NUMBERS:] = 0.0
        return Posterior(mean, np.zeros((mean.size, mean.size)))


class StiffMeanHeart(MeanHeart):
    """Mean shapes at mean places."""

    def expectation(self, structures: tuple[str, ...]) -> StiffExpectation:
        measured = super().expectation(structures)
        return StiffExpectation(**{field.name: getattr(measured, field.name) for field in fields(measured)})


def stiff_model(model: TrainedModel) -> TrainedModel:
    """An untrained network over a stiff mean heart whose shapes are still to be set."""
    network = blank_network(model)
    stiff = StiffMeanHeart(len(network.config.structures), network.config.shapes, network.config.fine_shapes)
    stiff.set_expectation(network.prior.expectation(network.config.structures))
    network.prior = stiff
    return replace(model, network=network)


def blank_network(model: TrainedModel) -> HeartAutoEncoder:
    """The model without what its network learnt: all it says is its mean heart."""
    config = model.network.config
    network = HeartAutoEncoder(replace(config, dim=64, depth=0, latents=1)).eval()
    network.prior.load_state_dict(model.network.prior.state_dict())
    return network
