"""Equally valid completions: hearts that share some structures with a given one and differ in what these leave open.

How far such hearts lie apart is the limit that no completion can beat on this cohort.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from CardiacCompletionLib.errors import CompletionError
from Training.cohort.compose import GAPS
from Training.cohort.deformation import LIMIT as FARTHEST
from Training.cohort.deformation import Deformation
from Training.cohort.factors import LIMIT, Population, population, stream
from Training.cohort.heart import VirtualHeart, heart
from Training.cohort.left_open import DRAWN_ON, left_open

_VARIANTS_OF = {
    "left_atrial_appendage": ("appendage",),
    "pulmonary_veins": ("left_veins", "right_veins"),
    "coronary_arteries": ("dominance",),
}


def conditional(seed: int, trusted: Sequence[str], n: int, spacing: float = 1.5) -> Iterator[VirtualHeart]:
    """`n` hearts that agree with a seed's heart in trusted structures, the rest drawn from what remains likely.

    They lie around the seed's heart as it may lie around the best guess: how far they are from it is what no completion
    can know, how far from each other how different hearts are that share what is trusted (left_open.py).

    Args:
        seed: the given heart's.
        trusted: keys of its known structures, e.g. ["myocardium", "left_ventricle"].
        n: how many hearts.
        spacing: voxel edge, mm.

    Raises:
        CompletionError: when no structure, or one that does not exist, is trusted.
    """
    known = set(GAPS) | set(DRAWN_ON)
    if not trusted or not set(trusted) <= known:
        raise CompletionError(f"Trust at least one of: {', '.join(sorted(known))}.")
    table = population()
    truth = table.draw(seed)
    scores = table.scores_of(truth)
    unknown = left_open(table, truth, trusted)
    farthest = FARTHEST * unknown.amplitude
    for k in range(n):
        rng = stream(seed, f"conditional {k}")
        deviations, shifts = unknown.draw(rng)
        drawn = np.clip(scores + deviations, -LIMIT, LIMIT)
        variants = {**truth.variants, **_redrawn(table, trusted, int(rng.integers(2**31)))}
        measures = table.scaled(table.values(drawn), variants)
        deformation = Deformation(np.clip(unknown.lattice + shifts, -farthest, farthest).astype(np.float32))
        yield heart(seed, replace(truth, measures=measures, variants=variants), spacing, deformation)


def _redrawn(table: Population, trusted: Sequence[str], seed: int) -> dict[str, str]:
    """Variants that no trusted structure shows, drawn anew."""
    shown = {"sex", "phase"} | {name for key in trusted for name in _VARIANTS_OF.get(key, ())}
    return {name: kind for name, kind in table.draw_variants(seed).items() if name not in shown}
