"""Asking the network only where a surface can be gives the field that asking everywhere gives."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy import ndimage

from CardiacCompletionLib import HeartCompleter
from CardiacCompletionLib.anatomy.heart import Heart
from CardiacCompletionLib.anatomy.vocabulary import load_vocabulary
from CardiacCompletionLib.completion.clock import Clock
from CardiacCompletionLib.completion.evidence import Evidence, measure, weigh
from CardiacCompletionLib.completion.field import coarse_lattice
from CardiacCompletionLib.completion.inference import REACH, Inference

VOCABULARY = load_vocabulary()
TRUSTED = ("myocardium", "left_ventricle")
SPACING = 3.0
THIN = ("coronary_arteries", "pulmonary_veins", "left_atrial_appendage")
HEARTS = 20


def inference_of(completer: HeartCompleter, whole: Heart) -> tuple[Inference, Evidence]:
    """A virtual heart no training used, seen by its left ventricle, on a tilted grid."""
    heart = whole.keep(TRUSTED)
    model = completer._model
    expectation = model.network.prior.expectation(completer.structures)
    evidence = weigh(measure(heart, model.reference, Clock()), {}, model.reference, expectation, VOCABULARY, Clock())
    expectation = expectation.in_frames_of(evidence.telling, model.reference)
    return Inference(model.network, evidence, expectation, "cpu", Clock()), evidence


@pytest.mark.parametrize("number", range(HEARTS))
def test_sparse_is_dense_and_no_piece_is_lost(
    completer: HeartCompleter, virtual: Callable[[int], Heart], number: int
) -> None:
    """Each heart checks one structure, in turn: every node within reach is asked."""
    inference, evidence = inference_of(completer, virtual(98_000_000 + number))
    hidden = [key for key in completer.structures if key not in TRUSTED]
    key = hidden[number % len(hidden)]
    field = inference.fields([key], SPACING, VOCABULARY).get(key)
    directions = evidence.heart.ijk_to_ras[:3, :3][:, ::-1]
    lattice, halvings = coarse_lattice(evidence.frame.origin, REACH * evidence.frame.scale, SPACING, directions)
    for _ in range(halvings):
        lattice = lattice.refined()
    dense = inference.distances([key], lattice.all_points())[0].reshape(lattice.shape) < 0
    sparse = np.zeros(lattice.shape, dtype=bool)
    if field is not None:
        first = np.linalg.solve(lattice.steps, field.lattice.origin - lattice.origin).round().astype(int)
        sparse[tuple(slice(a, a + n) for a, n in zip(first, field.values.shape, strict=True))] = field.values < 0
    if not dense.any():
        assert field is None
        return
    dice = 2 * (sparse & dense).sum() / (sparse.sum() + dense.sum())
    assert dice >= (0.99 if key in THIN else 0.999)
    assert ndimage.label(sparse, np.ones((3, 3, 3)))[1] == ndimage.label(dense, np.ones((3, 3, 3)))[1]
