"""What a network starts from: the reference frame and the articulated mean heart, measured on the training hearts."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from scipy.linalg import eigh

from CardiacCompletionLib.anatomy.vocabulary import load_vocabulary
from CardiacCompletionLib.errors import CompletionError
from CardiacCompletionLib.geometry.expectation import PLACE_NUMBERS, Expectation, place_numbers
from CardiacCompletionLib.geometry.frame import Reference, TypicalPlace, fit_frame
from CardiacCompletionLib.geometry.reference import measure_reference
from CardiacCompletionLib.geometry.shape_grid import BAND, NODES, sparse_nodes
from CardiacCompletionLib.model.prior import MeanHeart
from Training.data.hearts import PreparedHearts

# Frame units squared: no place is known better than that.
_LEAST_VARIANCE = 1e-4
# In how many parts hearts are, of which each is expected by the others.
_PARTS = 4


def reference_of(hearts: PreparedHearts) -> Reference:
    """The mean place and spread of every structure; the frame comes from the hearts that have all anchors.

    Raises:
        CompletionError: if there is no such heart.
    """
    vocabulary = load_vocabulary()
    anchors = frozenset(key for key in hearts.structures if vocabulary[key].anchor)
    moments = [hearts.moments(index) for index in range(len(hearts.cases))]
    complete = [heart for heart in moments if anchors <= heart.keys()]
    if not complete:
        raise CompletionError("No training heart has all of the chambers and the myocardium, which fix the frame.")
    return with_new_places(measure_reference(complete, anchors), hearts)


def with_new_places(reference: Reference, hearts: PreparedHearts) -> Reference:
    """The reference, and places of structures it lacks, measured in the frames that it gives; the others stay."""
    vocabulary, places = load_vocabulary(), dict(reference.places)
    moments = [hearts.moments(index) for index in range(len(hearts.cases))]
    for key in hearts.structures:
        having = [(heart[key], fit_frame(heart, reference)) for heart in moments if key in heart]
        if key in places or not having:
            continue
        centroids = np.array([frame.from_ras(moment.centroid) for moment, frame in having])
        spreads = np.array([moment.spread / frame.scale for moment, frame in having])
        places[key] = TypicalPlace(
            centroid=tuple(centroids.mean(axis=0).tolist()),
            spread=tuple(map(tuple, spreads.mean(axis=0).tolist())),
            centroid_variance=float(centroids.var(axis=0).sum()) + _LEAST_VARIANCE,
            spread_variance=float(spreads.var(axis=0).sum()) + _LEAST_VARIANCE,
            anchor=vocabulary[key].anchor,
        )
    return Reference(places, reference.scale)


def fill_mean_heart(prior: MeanHeart, hearts: PreparedHearts, reference: Reference) -> None:
    """Mean shapes, principal shapes and the joint distribution of all numbers, hearts weighted by data set.

    Raises:
        CompletionError: if none of these hearts shows some structure in full.
    """
    _check_all_shown(hearts)
    fill_shapes(prior, hearts, range(len(hearts.structures)))
    _measure_expectation(prior, hearts, reference)


def fill_shapes(prior: MeanHeart, hearts: PreparedHearts, structures: Iterable[int]) -> None:
    """Mean and principal shapes of some columns of the class axis, hearts weighted by data set."""
    weights = np.array(hearts.weights)
    for structure in structures:
        having = [index for index, case in enumerate(hearts.cases) if case.whole[structure]]
        if having:
            shapes = np.stack([hearts.cases[index].shapes[structure] for index in having]).astype(np.float32)
            large, fine = prior.shapes.shape[1], prior.fine_shapes.shape[1]
            field, modes = _principal_shapes(shapes, weights[having], large + fine)
            prior.field[structure] = torch.from_numpy(field)
            prior.shapes[structure] = torch.from_numpy(modes[:large])
            prior.fine_shapes[structure] = torch.from_numpy(
                sparse_nodes(modes[large:]).reshape(prior.fine_shapes[0].shape)
            )


def measure_again(prior: MeanHeart, hearts: PreparedHearts, reference: Reference) -> None:
    """The joint distribution of all numbers alone, on other hearts; mean and principal shapes stay.

    Raises:
        CompletionError: if none of these hearts shows some structure in full.
    """
    _check_all_shown(hearts)
    _measure_expectation(prior, hearts, reference)


def _check_all_shown(hearts: PreparedHearts) -> None:
    nowhere = ~np.any([case.whole for case in hearts.cases], axis=0)
    if nowhere.any():
        name = load_vocabulary()[hearts.structures[int(np.argmax(nowhere))]].name
        raise CompletionError(f"No training heart shows all of {name}: add a data set that does.")


def _measure_expectation(prior: MeanHeart, hearts: PreparedHearts, reference: Reference) -> None:
    measured = _expectation(prior, hearts, *_table(prior, hearts, reference), np.array(hearts.weights))
    prior.set_expectation(measured)


def expectations_of_others(prior: MeanHeart, hearts: PreparedHearts, reference: Reference) -> list[Expectation]:
    """For each of a few parts of the hearts, in their order, what all the others make one expect.

    A heart that helped to say what is to be expected of it is expected too well, a real one that counts often most of
    all, and a network that learns to correct it learns to correct too little (cross-fitting; Chernozhukov et al. 2018,
    Econom. J. 21, C1). Structures that a part of the hearts alone shows are expected as all hearts have them.
    """
    table, scales = _table(prior, hearts, reference)
    weights, part = np.array(hearts.weights), parts_of(hearts)
    expectations = []
    for left_out in range(_PARTS):
        others = part != left_out
        if not np.isfinite(table[others]).any(axis=(0, 2)).all():
            others = np.ones_like(others)
        expectations.append(_expectation(prior, hearts, table[others], scales[others], weights[others]))
    return expectations


def parts_of(hearts: PreparedHearts) -> np.ndarray:
    """To which part each heart belongs, int [H]: every data set is dealt into all, for it is others of its kind that
    tell of a heart; hearts of it that follow each other go together, as those of one patient do.
    """
    part = np.zeros(len(hearts.cases), dtype=int)
    for number in set(hearts.data_sets):
        own = np.flatnonzero(np.array(hearts.data_sets) == number)
        part[own] = np.arange(len(own)) * _PARTS // len(own)
    return part


def _expectation(
    prior: MeanHeart, hearts: PreparedHearts, table: np.ndarray, scales: np.ndarray, weights: np.ndarray
) -> Expectation:
    anchors = np.array([load_vocabulary()[key].anchor for key in hearts.structures])
    fine = prior.fine_shapes.shape[1]
    return Expectation.measure(hearts.structures, anchors, table, scales, weights, prior.misread, fine)


def _table(prior: MeanHeart, hearts: PreparedHearts, reference: Reference) -> tuple[np.ndarray, np.ndarray]:
    """Of every heart its numbers [H, C, 9 + K + F] in its frame, NaN for what it does not show in full.

    And the scales of these frames [H], mm per unit.
    """
    scales = np.zeros(len(hearts.cases))
    table = np.full((len(hearts.cases), len(hearts.structures), prior.number_mean.shape[1]), np.nan)
    shapes = shape_numbers(prior, hearts)
    for index in range(len(hearts.cases)):
        moments = hearts.moments(index)
        frame = fit_frame(moments, reference)
        scales[index] = frame.scale
        for key, moment in moments.items():
            structure = hearts.structures.index(key)
            table[index, structure] = np.concatenate([place_numbers(moment, frame), shapes[index][structure]])
    return table, scales


def shape_numbers(prior: MeanHeart, hearts: PreparedHearts) -> list[np.ndarray]:
    """Of every heart, which mixture of all principal shapes its structures are: float64 [C, K + F].

    Zero where it lacks one.
    """
    count = prior.number_mean.shape[1] - PLACE_NUMBERS
    told = np.zeros((len(hearts.cases), len(hearts.structures), count))
    for structure in range(len(hearts.structures)):
        having = [index for index, case in enumerate(hearts.cases) if case.present[structure]]
        if having:
            values = np.stack([sparse_nodes(hearts.cases[index].shapes[structure]) for index in having])
            told[having, structure] = prior.shape_numbers(structure, values.astype(np.float64))
    return list(told)


def _principal_shapes(shapes: np.ndarray, weights: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean field [z, y, x] and ``count`` principal shapes [count, z, y, x], each times its standard deviation.

    Only what lies within BAND of a surface tells shapes apart. Fewer hearts than shapes leave the last ones zero.
    """
    weights = weights / weights.sum()
    mean = np.tensordot(weights, shapes, axes=1)
    offset = (np.clip(shapes, -BAND, BAND) - np.clip(mean, -BAND, BAND)).reshape(len(shapes), -1)
    offset *= np.sqrt(weights)[:, None].astype(np.float32)
    # Principal components through the Gram matrix of the hearts.
    gram, found = (offset @ offset.T).astype(np.float64), min(count, len(offset))
    _, vectors = eigh(gram, subset_by_index=[len(gram) - found, len(gram) - 1])
    modes = np.zeros((count, NODES**3), dtype=np.float32)
    modes[:found] = vectors[:, ::-1].T @ offset
    # A mean of thin shapes that lie a little apart is thinner than any of them: it is made as large as they are.
    inside = weights @ (shapes.reshape(len(shapes), -1) < 0).mean(axis=1)
    mean -= np.quantile(mean, inside)
    return mean, modes.reshape(count, NODES, NODES, NODES)
