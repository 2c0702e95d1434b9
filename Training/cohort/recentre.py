"""From fits of real hearts to the population's means, spreads and ties: one step of expectation-maximisation.

A real heart pins down some factors and leaves others open. Each fit therefore counts with its posterior covariance: a
factor that no label shows keeps the spread it had (Dempster 1977, for a Gaussian population). Only numbers about
factors come out, no geometry.
"""

from __future__ import annotations

import copy
import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from CardiacCompletionLib.errors import CompletionError
from Training.cohort.factors import Population

_MODES = 18  # further, nameless drivers: the main ways in which real hearts vary together
_SPREAD_CASES = 4.0  # how many hearts the assumed spreads and ties count for
_MEAN_CASES = 0.1  # how many the assumed means count for; they are guesses
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
        measures: its factors in the patient's millimetres and attitude.
        covariance: posterior covariance [measures, measures] of the measures, or of their logarithms on a "log" scale.
    """

    name: str
    weight: float
    measures: Mapping[str, float]
    covariance: np.ndarray


def write_fits(folder: Path, table: Population, hearts: Sequence[FittedHeart]) -> None:
    """fits.csv, a row a heart with its weight and measures, and beside it their covariances."""
    with (folder / "fits.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["case", "weight", *table.names])
        for heart in hearts:
            writer.writerow([heart.name, heart.weight, *[repr(float(heart.measures[name])) for name in table.names]])
    np.savez_compressed(folder / "covariance.npz", **{heart.name: heart.covariance for heart in hearts})


def read_fits(folder: Path, table: Population) -> list[FittedHeart]:
    """What `write_fits` wrote, the measures in a table's order.

    Raises:
        CompletionError: when the folder holds no fits, or fits of other measures than the table's.
    """
    if not (folder / "fits.csv").exists() or not (folder / "covariance.npz").exists():
        raise CompletionError(f"{folder} holds no fits: write them with the cohort-fit command first.")
    hearts = []
    with (folder / "fits.csv").open(newline="", encoding="utf-8") as file, np.load(folder / "covariance.npz") as known:
        for row in csv.DictReader(file):
            names = [name for name in row if name not in ("case", "weight")]
            if not set(table.names) <= set(names):
                raise CompletionError(f"{folder} holds fits of other measures: run cohort-fit again.")
            order = [names.index(name) for name in table.names]
            measures = {name: float(row[name]) for name in table.names}
            covariance = known[row["case"]][np.ix_(order, order)]
            hearts.append(FittedHeart(row["case"], float(row["weight"]), measures, covariance))
    return hearts


def recentred(table: Population, hearts: Sequence[FittedHeart]) -> dict:
    """The population's table with means, spreads and loadings that the fitted hearts make likely.

    Rows that cite a source, or are marked as held, keep mean and spread; of those the hearts tell the ties alone.
    """
    scores = np.array([table.scores(heart.measures) for heart in hearts])
    weights = np.array([heart.weight for heart in hearts])
    mean = weights @ scores / (weights.sum() + _MEAN_CASES)
    away = scores - mean
    units = np.outer(table.spreads, table.spreads)
    second = np.einsum("n,ni,nj->ij", weights, away, away)
    second += np.einsum("n,nij->ij", weights, [heart.covariance / units for heart in hearts])
    covariance = (second + _SPREAD_CASES * table.correlation) / (weights.sum() + _SPREAD_CASES)
    correlation = covariance / np.sqrt(np.outer(np.diag(covariance), np.diag(covariance)))
    fitted = np.array([table.theme_of[name] in _FITTED_THEMES for name in table.names])
    loose = fitted & np.array([_is_loose(table.rows[name]) for name in table.names])
    spread = np.where(loose, np.sqrt(np.diag(covariance)), 1.0)
    return _rewritten(table, np.where(loose, mean, 0.0), spread, _loadings(table, correlation, fitted), fitted, loose)


def _is_loose(row: Mapping) -> bool:
    """Whether fits may move a row's mean and spread."""
    return row["source"] in ("assumed", "fits") and not row.get("held", False)


def _loadings(table: Population, correlation: np.ndarray, fitted: np.ndarray) -> np.ndarray:
    """Loadings [measures, drivers + modes]: of the named drivers first, then of the modes of what they leave over.

    A driver keeps its meaning: it is read off the measures that load on it already, and all measures are then regressed
    on it. The modes hold what real hearts tie beyond that, such as a valve that moves with the chamber it belongs to.
    """
    count = sum(not name.startswith("shape_") for name in table.drivers)
    assumed = table.loadings[:, :count]
    reader = assumed * fitted[:, None]
    reader = reader @ np.linalg.inv(reader.T @ reader + np.eye(count))
    root = np.linalg.cholesky(reader.T @ correlation @ reader)  # earlier drivers keep what they share with later ones
    regressed = correlation @ reader @ np.linalg.inv(root).T
    named = _bounded(np.where(fitted[:, None], regressed, assumed), _EXPLAINED)
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
    table: Population,
    mean: np.ndarray,
    spread: np.ndarray,
    loadings: np.ndarray,
    fitted: np.ndarray,
    loose: np.ndarray,
) -> dict:
    """A copy of the table with new numbers in the rows of fitted measures: mean and spread where they are loose."""
    new = copy.deepcopy(dict(table.table))
    drivers = [name for name in table.drivers if not name.startswith("shape_")]
    modes = [f"shape_{k}" for k in range(_MODES)]
    rows = new["measures"]["drivers"]
    new["measures"]["drivers"] = {name: rows[name] for name in drivers} | {
        mode: {"mean": 0, "sd": 1, "unit": "score", "source": "fits"} for mode in modes
    }
    for i in np.flatnonzero(fitted):
        name = table.names[i]
        row = new["measures"][table.theme_of[name]][name]
        if loose[i]:
            grows = row.get("scale") == "log"
            value = row["mean"] * np.exp(row["sd"] * mean[i]) if grows else row["mean"] + row["sd"] * mean[i]
            row["mean"] = round(float(value), 3)
            row["sd"] = round(float(row["sd"] * spread[i]), 4)
            row["source"] = "fits"
        row["load"] = {
            driver: round(float(weight), 2)
            for driver, weight in zip([*drivers, *modes], loadings[i], strict=True)
            if abs(weight) >= 0.05
        }
    return new
