"""Which trusted structures were cut off, and where.

The border of the image cuts whatever leaves it. A flat cap inside the image is a cut only where anatomy does not end
so: a field of view takes away what lies outward, while valves, ostia and the base of the muscle are flat too but face
the middle of the heart or the structure they open into; they seldom lie in a slice of the image. A chamber is only cut
off where everything ends; a vessel may end where whoever segmented it stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from CardiacCompletionLib.anatomy.heart import Heart
from CardiacCompletionLib.anatomy.vocabulary import Vocabulary
from CardiacCompletionLib.completion.seen import SeenStructure
from CardiacCompletionLib.geometry.cut import CutFace, border_cuts, level_ends
from CardiacCompletionLib.geometry.surface import Surface

# Cosines: a cap looks outward, or at a structure.
_OUTWARD = 0.5
_TOWARDS = 0.5
# Beyond the end of a field of view lies no more than this share of all surfaces, farther than so many mm.
_STRAGGLERS = 0.01
_SLACK = 2.0
# The share of a cap that another structure may cover.
_COVERED = 0.3
# A structure that is looked at lies within so many of its own sizes.
_NEAR = 2.5


def find_cuts(
    heart: Heart,
    seen: Mapping[str, SeenStructure],
    said: Mapping[str, bool],
    middle: np.ndarray,
    places: Mapping[str, tuple[np.ndarray, float]],
    vocabulary: Vocabulary,
    check: Callable[[], None],
) -> dict[str, tuple[CutFace, ...]]:
    """The faces of every structure that is cut off; a structure is in the answer if it counts as cut.

    Args:
        heart: the trusted structures.
        seen: of each of them what its voxels say.
        said: key -> cut or whole, where the user has said so; faces are then looked for harder, or not at all.
        middle: RAS mm [3], of the heart.
        places: key -> centroid (RAS mm) and size (mm) of every structure, as seen or as expected.
        check: called often; what it raises ends the work.
    """
    surfaces = {}
    for key, structure in seen.items():
        check()
        surfaces[key] = structure.surface
    cuts = {}
    for key, region in heart.regions.items():
        check()
        if said.get(key) is False:
            continue
        must = said.get(key, False)
        faces = border_cuts(region, heart.shape, heart.ijk_to_ras, flat=not must)
        looked_for = must or not vocabulary[key].open_ended
        caps = seen[key].caps if looked_for else []
        neighbours = [places[other] for other in _opens_into(key, vocabulary) if other in places]
        open_ended = [
            cap
            for cap in caps
            if not any(_looks_at(cap, *place) for place in neighbours) and not _is_covered(cap, key, heart)
        ]
        outward = [cap for cap in open_ended if _looks_outward(cap, middle)]
        if vocabulary[key].anchor:
            outward = [cap for cap in outward if _ends_all(cap, key, surfaces)]
        found = faces + outward
        if must:
            level = level_ends(region, heart.ijk_to_ras)
            found = [replace(face, certain=True) for face in found or level or open_ended or caps]
        if found or must:
            cuts[key] = tuple(found)
    return cuts


def _opens_into(key: str, vocabulary: Vocabulary) -> set[str]:
    """What a structure touches; a wall is open where its cavity opens into something."""
    cavity = vocabulary[key].lines
    return {*vocabulary.neighbours(key), *(vocabulary.neighbours(cavity) if cavity else ())} - {key}


def _is_covered(face: CutFace, key: str, heart: Heart) -> bool:
    """Whether another trusted structure lies right before a face."""
    ahead = face.points + 1.5 * heart.spacing.max() * face.normal
    inverse = np.linalg.inv(heart.ijk_to_ras)
    kji = np.round(ahead @ inverse[:3, :3].T + inverse[:3, 3]).astype(int)[:, ::-1]
    covered = np.zeros(len(kji), dtype=bool)
    for other, region in heart.regions.items():
        if other != key:
            covered |= region.holds(kji)
    return bool(covered.mean() > _COVERED)


def _ends_all(face: CutFace, key: str, surfaces: Mapping[str, Surface]) -> bool:
    """Whether nothing that is trusted goes on beyond the plane of a face, as at the end of a field of view."""
    beyond = [face.height(surface.points) > _SLACK for other, surface in surfaces.items() if other != key]
    return not beyond or np.concatenate(beyond).mean() < _STRAGGLERS


def _looks_outward(face: CutFace, middle: np.ndarray) -> bool:
    offset = face.point - middle
    return bool(offset @ face.normal > _OUTWARD * np.linalg.norm(offset))


def _looks_at(face: CutFace, centroid: np.ndarray, size: float) -> bool:
    offset = centroid - face.point
    distance = float(np.linalg.norm(offset))
    return distance < _NEAR * size and float(offset @ face.normal) > _TOWARDS * distance
