"""Equally valid completions: hearts that share some structures with a given one and differ in what these leave open.

How far such hearts lie apart is the limit that no completion can beat on this cohort.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from CardiacCompletionLib.errors import CompletionError
from Training.cohort.anatomy import Anatomy
from Training.cohort.compose import GAPS, composed_field, shaped_by
from Training.cohort.factors import LIMIT, Factors, Population, population, stream
from Training.cohort.heart import VirtualHeart, heart

_TOLERANCE = 0.5  # mm: how well a trusted surface is known, about what two readers of one scan agree on
_WEIGHT = 120.0  # independent measurements of that tolerance that a structure's surface amounts to
_BAND = 3.0  # mm: a surface is probed this far around itself
_LATTICE = 4.0  # mm between probes
_STEP = 0.2  # of a standard score, for slopes

# Structures that are drawn on the others: to trust them is to trust these measures and variants.
_DRAWN_ON = {
    "coronary_arteries": ("coronaries", "dominance"),
    "coronary_sinus": ("cavae", None),
    "right_ventricle_wall": ("right_ventricle", None),
    "left_atrium_wall": ("left_atrium", None),
}
_VARIANTS_OF = {
    "left_atrial_appendage": ("appendage",),
    "pulmonary_veins": ("left_veins", "right_veins"),
    "coronary_arteries": ("dominance",),
}


def conditional(seed: int, trusted: Sequence[str], n: int, spacing: float = 1.5) -> Iterator[VirtualHeart]:
    """`n` hearts that agree with a seed's heart in trusted structures, the rest drawn from what remains likely.

    The trusted surfaces are held within `_TOLERANCE` mm by a posterior that is linear around the seed's factors; sex,
    phase of the cycle, chest position and the random deformation stay as they are.

    Args:
        seed: the given heart's.
        trusted: keys of its known structures, e.g. ["myocardium", "left_ventricle"].
        n: how many hearts.
        spacing: voxel edge, mm.

    Raises:
        CompletionError: when no structure, or one that does not exist, is trusted.
    """
    known = set(GAPS) | set(_DRAWN_ON)
    if not trusted or not set(trusted) <= known:
        raise CompletionError(f"Trust at least one of: {', '.join(sorted(known))}.")
    table = population()
    truth = table.draw(seed)
    scores = table.scores_of(truth)
    root = np.linalg.cholesky(posterior(table, truth, trusted))
    for k in range(n):
        rng = stream(seed, f"conditional {k}")
        drawn = np.clip(scores + root @ rng.standard_normal(len(scores)), -LIMIT, LIMIT)
        variants = {**truth.variants, **_redrawn(table, trusted, int(rng.integers(2**31)))}
        measures = table.scaled(table.values(drawn), variants)
        yield heart(seed, replace(truth, measures=measures, variants=variants), spacing)


def posterior(table: Population, truth: Factors, trusted: Sequence[str]) -> np.ndarray:
    """Covariance [measures, measures] of the scores once the trusted surfaces are seen."""
    precision = np.linalg.inv(table.correlation)
    slopes = _surface_slopes(table, truth, [key for key in trusted if key in GAPS])
    precision += slopes.T @ slopes / _TOLERANCE**2
    held = {theme for key, (theme, _) in _DRAWN_ON.items() if key in trusted}
    for index in table.indices({*held, "body"}):
        precision[index, index] += 1e6
    covariance = np.linalg.inv(precision)
    return 0.5 * (covariance + covariance.T)


def _redrawn(table: Population, trusted: Sequence[str], seed: int) -> dict[str, str]:
    """Variants that no trusted structure shows, drawn anew."""
    shown = {"sex", "phase"} | {name for key in trusted for name in _VARIANTS_OF.get(key, ())}
    return {name: kind for name, kind in table.draw_variants(seed).items() if name not in shown}


def _surface_slopes(table: Population, truth: Factors, keys: Sequence[str]) -> np.ndarray:
    """How far (mm, weighted) each probe of the trusted surfaces moves per standard score: [probes, measures]."""
    anatomy, scores = Anatomy(truth), table.scores_of(truth)
    probes, here = {}, {}
    for key in keys:
        points = _lattice(*anatomy.solid(key).bounds())
        field = composed_field(anatomy, key, points, {})
        near = np.abs(field) < _BAND
        probes[key], here[key] = points[:, near], field[near]
    count = sum(field.size for field in here.values())
    slopes = np.zeros((count, len(scores)))
    for column, name in enumerate(table.names):
        if not any(shaped_by(table.theme_of[name], key) for key in keys):
            continue
        moved = scores.copy()
        moved[column] += _STEP
        other = Anatomy(replace(truth, measures=table.scaled(table.values(moved), truth.variants)))
        parts = [
            (composed_field(other, key, probes[key], {}) - here[key]) / _STEP * np.sqrt(_WEIGHT / here[key].size)
            for key in keys
        ]
        slopes[:, column] = np.concatenate(parts) if parts else 0.0
    return slopes


def _lattice(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Points float32 [3, N] of a lattice between two corners."""
    axes = [np.arange(a, b, _LATTICE) for a, b in zip(low, high, strict=True)]
    return np.stack(np.meshgrid(*axes, indexing="ij")).reshape(3, -1).astype(np.float32)
