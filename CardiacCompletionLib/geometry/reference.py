"""Measuring the reference of a cohort: generalised Procrustes analysis (Gower 1975, Psychometrika 40:33)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from CardiacCompletionLib.geometry.frame import HeartFrame, Moments, Reference, TypicalPlace, fit_frame


def measure_reference(
    hearts: Sequence[Mapping[str, Moments]], anchors: frozenset[str], unit: float = 0.45, rounds: int = 6
) -> Reference:
    """The mean place and spread of every structure, hearts being aligned by their anchors.

    Args:
        hearts: per heart, the moments of the structures it has; every heart has all the anchors.
        unit: root mean square extent of the anchors in frame units; it fixes how large a heart is in the frame.
    """
    frames = [_upright_frame(heart, anchors, unit) for heart in hearts]
    for _ in range(rounds):
        reference = _mean_places(hearts, frames, anchors)
        frames = [fit_frame({key: heart[key] for key in anchors}, reference) for heart in hearts]
    return _mean_places(hearts, frames, anchors)


def _upright_frame(heart: Mapping[str, Moments], anchors: frozenset[str], unit: float) -> HeartFrame:
    centroids = np.array([heart[key].centroid for key in sorted(anchors)])
    sizes = np.array([heart[key].size for key in sorted(anchors)])
    origin = centroids.mean(axis=0)
    extent = np.sqrt((((centroids - origin) ** 2).sum(axis=1) + sizes**2).mean())
    return HeartFrame(origin, float(extent / unit))


def _mean_places(
    hearts: Sequence[Mapping[str, Moments]], frames: Sequence[HeartFrame], anchors: frozenset[str]
) -> Reference:
    places = {}
    for key in sorted({key for heart in hearts for key in heart}):
        having = [(heart[key], frame) for heart, frame in zip(hearts, frames, strict=True) if key in heart]
        centroids = np.array([frame.from_ras(moments.centroid) for moments, frame in having])
        spreads = np.array([m.spread / frame.scale for m, frame in having])
        places[key] = TypicalPlace(
            centroid=tuple(centroids.mean(axis=0).tolist()),
            spread=tuple(map(tuple, spreads.mean(axis=0).tolist())),
            centroid_variance=float(centroids.var(axis=0).sum()) + 1e-4,
            spread_variance=float(spreads.var(axis=0).sum()) + 1e-4,
            anchor=key in anchors,
        )
    return Reference(places, float(np.mean([frame.scale for frame in frames])))
