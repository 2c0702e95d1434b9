"""From fits of real hearts to the population's means, spreads and ties: one step of expectation-maximisation.

A real heart pins down some factors and leaves others open. Each fit therefore counts with its posterior covariance: a
factor that no label shows keeps the spread it had (Dempster 1977, for a Gaussian population). Only numbers about
factors come out, no geometry.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from Training.cohort.factors import Population

_MODES = 6  # further, nameless drivers: the main ways in which real hearts vary together
_PRIOR_CASES = 4.0  # how many hearts the population as it was counts for
_EXPLAINED = 0.92  # at most this part of a measure's variance is explained by drivers
_FITTED_THEMES = (
    "attitude",
    "left_ventricle",
    "right_ventricle",
    "left_atrium",
    "right_atrium",
    "aorta",
    "pulmonary_artery",
    "veins",
    "cavae",
    "appendage",
)


@dataclass(frozen=True)
class FittedHeart:
    """What a fit says about the population.

    Attributes:
        name: the real heart's.
        weight: 1, or less when several label maps show one patient.
        measures: its factors, lengths multiplied by the pose's scale.
        covariance: posterior covariance [measures, measures] of their standard scores.
    """

    name: str
    weight: float
    measures: Mapping[str, float]
    covariance: np.ndarray


def recentred(table: Population, hearts: Sequence[FittedHeart]) -> dict:
    """The population's table with means, spreads and loadings that the fitted hearts make likely."""
    scores = np.array([table.scores(heart.measures) for heart in hearts])
    weights = np.array([heart.weight for heart in hearts])
    total = weights.sum() + _PRIOR_CASES
    mean = weights @ scores / total
    away = scores - mean
    second = np.einsum("n,ni,nj->ij", weights, away, away) + np.einsum(
        "n,nij->ij", weights, [h.covariance for h in hearts]
    )
    covariance = (second + _PRIOR_CASES * (table.correlation + np.outer(mean, mean))) / total
    fitted = np.array([table.theme_of[name] in _FITTED_THEMES for name in table.names])
    spread = np.where(fitted, np.sqrt(np.diag(covariance)), 1.0)
    mean = np.where(fitted, mean, 0.0)
    correlation = covariance / np.sqrt(np.outer(np.diag(covariance), np.diag(covariance)))
    loadings = _loadings(table, correlation, fitted)
    return _rewritten(table, mean, spread, loadings, fitted)


def _loadings(table: Population, correlation: np.ndarray, fitted: np.ndarray) -> np.ndarray:
    """Loadings [measures, drivers + modes]: of the named drivers first, then of the modes of what they leave over.

    A driver keeps its meaning: it is read off the measures that load on it already, and all measures are then regressed
    on it. Half of what was assumed stays, for the hearts are few.
    """
    count = sum(not name.startswith("shape_") for name in table.drivers)
    assumed = table.loadings[:, :count]
    reader = assumed * fitted[:, None]
    reader = reader @ np.linalg.inv(reader.T @ reader + np.eye(count))
    root = np.linalg.cholesky(reader.T @ correlation @ reader)  # earlier drivers keep what they share with later ones
    regressed = correlation @ reader @ np.linalg.inv(root).T
    named = _bounded(np.where(fitted[:, None], 0.5 * (assumed + regressed), assumed), _EXPLAINED)
    rest = (correlation - named @ named.T)[np.ix_(fitted, fitted)]
    np.fill_diagonal(rest, np.maximum(np.diag(rest), 0.0))
    values, vectors = np.linalg.eigh(rest)
    own = 1 - _EXPLAINED  # what is left for each measure by itself also sits in every mode
    strongest = np.argsort(values)[::-1][:_MODES]
    modes = np.zeros((len(named), _MODES))
    modes[fitted] = vectors[:, strongest] * np.sqrt(np.maximum(values[strongest] - own, 0.0))
    return _bounded(np.hstack([named, modes]), _EXPLAINED)


def _bounded(loadings: np.ndarray, most: float) -> np.ndarray:
    """Loadings whose squares sum to at most `most` in every row."""
    explained = np.sum(loadings**2, axis=1, keepdims=True)
    return loadings * np.sqrt(np.minimum(1.0, most / np.maximum(explained, 1e-9)))


def _rewritten(
    table: Population, mean: np.ndarray, spread: np.ndarray, loadings: np.ndarray, fitted: np.ndarray
) -> dict:
    """A copy of the table with new numbers in the rows of fitted measures."""
    new = copy.deepcopy(dict(table.table))
    drivers = [name for name in table.drivers if not name.startswith("shape_")]
    modes = [f"shape_{k}" for k in range(_MODES)]
    rows = new["measures"]["drivers"]
    new["measures"]["drivers"] = {name: rows[name] for name in drivers} | {
        mode: {"mean": 0, "sd": 1, "unit": "score", "source": "fits"} for mode in modes
    }
    for i, name in enumerate(table.names):
        if not fitted[i]:
            continue
        row = new["measures"][table.theme_of[name]][name]
        grows = row.get("scale") == "log"
        value = row["mean"] * np.exp(row["sd"] * mean[i]) if grows else row["mean"] + row["sd"] * mean[i]
        row["mean"] = round(float(value), 3)
        row["sd"] = round(float(row["sd"] * spread[i]), 4)
        row["load"] = {
            driver: round(float(weight), 2)
            for driver, weight in zip([*drivers, *modes], loadings[i], strict=True)
            if abs(weight) >= 0.05
        }
        row["source"] = "fits"
    return new
