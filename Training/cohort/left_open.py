"""What trusted surfaces leave open of a virtual heart: measures and random deformation, linear around the truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import cholesky, solve_triangular
from scipy.sparse import csr_array, diags_array, hstack, vstack

from Training.cohort.anatomy import Anatomy
from Training.cohort.compose import GAPS, composed_field, shaped_by
from Training.cohort.deformation import Deformation, influence
from Training.cohort.factors import Factors, Population
from Training.cohort.heart import own_deformation

_TOLERANCE = 0.5  # mm: how well a trusted surface is known, about what two readers of one scan agree on
_WEIGHT = 120.0  # independent measurements of that tolerance that a structure's surface amounts to
_BAND = 3.0  # mm: a surface is probed this far around itself
_LATTICE = 4.0  # mm between probes
_STEP = 0.2  # of a standard score, for slopes
_SHIFT = 0.5  # mm, for gradients

# Structures that are drawn on the others: to trust them is to trust these measures and variants.
DRAWN_ON = {
    "coronary_arteries": ("coronaries", "dominance"),
    "coronary_sinus": ("cavae", None),
    "right_ventricle_wall": ("right_ventricle", None),
    "left_atrium_wall": ("left_atrium", None),
}


@dataclass(frozen=True)
class LeftOpen:
    """Deviations from the true heart that its trusted surfaces do not tell, jointly Gaussian about nought.

    A surface's place comes from measures and from the deformation, and a scan does not tell the two apart.

    Attributes:
        root: upper triangular [M + A, M + A], its square the precision of the M scores and of the seen controls (mm).
        seen: [A] which displacements of control points, flattened [3 n³], reach a trusted surface; the others are free.
        lattice: true displacements (mm) [3, n, n, n] of the control points.
        amplitude: their standard deviation, mm.
    """

    root: np.ndarray
    seen: np.ndarray
    lattice: np.ndarray
    amplitude: float

    def draw(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Deviations of the scores [M] and of the control points' displacements (mm) [3, n, n, n]."""
        told = solve_triangular(self.root, rng.standard_normal(len(self.root)))
        shifts = self.amplitude * rng.standard_normal(self.lattice.size)
        measures = len(self.root) - len(self.seen)
        shifts[self.seen] = told[measures:]
        return told[:measures], shifts.reshape(self.lattice.shape)


def left_open(table: Population, truth: Factors, trusted: Sequence[str]) -> LeftOpen:
    """What is still open once the trusted surfaces are seen to within `_TOLERANCE` mm.

    Sex, phase of the cycle and where the heart lies in the chest stay as they are.
    """
    deformation, amplitude = own_deformation(truth), truth["deformation_amplitude"]
    scores, controls = _slopes(table, truth, deformation, [key for key in trusted if key in GAPS])
    seen = np.flatnonzero(abs(controls).sum(axis=0))
    slopes = hstack([csr_array(scores), controls[:, seen]], format="csr")
    precision = (slopes.T @ slopes).toarray() / _TOLERANCE**2
    measures = len(table.names)
    precision[:measures, :measures] += np.linalg.inv(table.correlation)
    precision[np.diag_indices(len(precision))] += np.repeat([0.0, amplitude**-2], [measures, len(seen)])
    held = table.indices({theme for key, (theme, _) in DRAWN_ON.items() if key in trusted} | {"body"})
    precision[held, held] += 1e6
    return LeftOpen(cholesky(precision), seen, deformation.lattice, amplitude)


def _slopes(
    table: Population, truth: Factors, deformation: Deformation, keys: Sequence[str]
) -> tuple[np.ndarray, csr_array]:
    """How far (mm, weighted) each probe of the trusted surfaces moves: per standard score [probes, measures] and per mm

    of each displacement of a control point [probes, 3 n³].
    """
    anatomy, scores = Anatomy(truth), table.scores_of(truth)
    by_score, by_control = [np.zeros((0, len(scores)))], [csr_array((0, deformation.lattice.size))]
    others = {}
    for key in keys:
        points = _lattice(*anatomy.solid(key).bounds())
        field = composed_field(anatomy, key, points, {})
        near = np.abs(field) < _BAND
        points, field = points[:, near], field[near]
        weight = np.sqrt(_WEIGHT / field.size)
        slopes = np.zeros((field.size, len(scores)))
        for column, name in enumerate(table.names):
            if not shaped_by(table.theme_of[name], key):
                continue
            if name not in others:
                moved = scores.copy()
                moved[column] += _STEP
                others[name] = Anatomy(replace(truth, measures=table.scaled(table.values(moved), truth.variants)))
            slopes[:, column] = (composed_field(others[name], key, points, {}) - field) / _STEP * weight
        by_score.append(slopes)
        # The probe is where the deformation has carried this point from.
        weights = influence(points - deformation.displacement(points - deformation.displacement(points)))
        by_control.append(
            hstack(
                [
                    diags_array(weight * (composed_field(anatomy, key, points + step, {}) - field) / _SHIFT) @ weights
                    for step in _SHIFT * np.eye(3, dtype=np.float32)[:, :, None]
                ],
                format="csr",
            )
        )
    return np.concatenate(by_score), vstack(by_control, format="csr")


def _lattice(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Points float32 [3, N] of a lattice between two corners."""
    axes = [np.arange(a, b, _LATTICE) for a, b in zip(low, high, strict=True)]
    return np.stack(np.meshgrid(*axes, indexing="ij")).reshape(3, -1).astype(np.float32)
