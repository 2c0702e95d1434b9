"""Whether what is called a heart can be one: asked before a completion, answered in a sentence."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from CardiacCompletionLib.anatomy.heart import Heart
from CardiacCompletionLib.anatomy.vocabulary import Vocabulary
from CardiacCompletionLib.errors import CompletionError
from CardiacCompletionLib.geometry.frame import HeartFrame, Moments, Reference

# How far the frame's scale may be from the cohort's mean: a child's heart passes, a wrong unit does not.
_SCALE_RANGE = (0.4, 2.0)
# A structure's own size against the typical one: less is a fragment or a slip of the brush, not a structure.
_SIZE_RANGE = 0.25
_FEW_VOXELS = 100
_FLIPS = {
    "left to right": np.diag([-1.0, 1.0, 1.0]),
    "front to back": np.diag([1.0, -1.0, 1.0]),
    "upside down": np.diag([1.0, 1.0, -1.0]),
    "turned about the body axis": np.diag([-1.0, -1.0, 1.0]),
    "turned about the left-right axis": np.diag([1.0, -1.0, -1.0]),
    "turned about the front-back axis": np.diag([-1.0, 1.0, -1.0]),
}
# A flip is believed when the structures lie this much better in it, and badly enough as they are (frame units).
_FLIP_GAIN = 0.5
_FLIP_MISFIT = 0.2
# Centroids closer together than this say nothing of the heart's attitude: a cavity and its own muscle (frame units).
_TELLING_SPREAD = 0.15


def refuse_implausible(
    heart: Heart, moments: Mapping[str, Moments], frame: HeartFrame, reference: Reference, vocabulary: Vocabulary
) -> None:
    """Refuse what cannot be completed.

    Args:
        moments: of the trusted structures, RAS mm.
        frame: fitted to them.

    Raises:
        CompletionError: for fragments, wrong units, and flipped or turned hearts, naming what looks wrong.
    """
    flip = _likelier_flip(moments, reference)
    if flip is not None:
        raise CompletionError(
            f"This heart looks {'mirrored ' if flip in _MIRRORS else ''}{flip}: check the image orientation and that "
            "left and right structures are not swapped."
        )
    ratio = frame.scale / reference.scale
    for key, moment in moments.items():
        typical = reference.places[key].size * reference.scale
        few = heart.regions[key].mask.sum() < _FEW_VOXELS
        if moment.size < _SIZE_RANGE * typical and (few or ratio > _SCALE_RANGE[0]):
            raise CompletionError(
                f"{vocabulary[key].name} is only {heart.volume_ml(key):.2g} ml, too little to complete a heart from: "
                "check the segment, or do not trust it."
            )
    if not _SCALE_RANGE[0] < ratio < _SCALE_RANGE[1]:
        raise CompletionError(
            f"This heart is {ratio:.2g} times the usual size: check that the voxel spacing is in millimetres."
        )


_MIRRORS = ("left to right", "front to back")


def _likelier_flip(moments: Mapping[str, Moments], reference: Reference) -> str | None:
    keys = [key for key in moments if reference.places[key].anchor]
    if len(keys) < 2:
        return None
    found = np.array([moments[key].centroid for key in keys])
    usual = np.array([reference.places[key].centroid for key in keys])
    if np.sqrt(usual.var(axis=0).sum()) < _TELLING_SPREAD:
        return None
    as_it_is = _misfit(found, usual)
    misfits = {name: _misfit(found @ flip, usual) for name, flip in _FLIPS.items()}
    best = min(misfits, key=misfits.get)
    return best if as_it_is > _FLIP_MISFIT and misfits[best] < _FLIP_GAIN * as_it_is else None


def _misfit(found: np.ndarray, usual: np.ndarray) -> float:
    """Root mean square distance after the best translation and scale, relative to the usual spread."""
    found, usual = found - found.mean(axis=0), usual - usual.mean(axis=0)
    scale = max(float((found * usual).sum()), 0.0) / max(float((found**2).sum()), 1e-12)
    return float(np.sqrt(((scale * found - usual) ** 2).sum() / (usual**2).sum()))
