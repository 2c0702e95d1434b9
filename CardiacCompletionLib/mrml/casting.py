"""Which segment plays which structure: what the names and codes say, and what the user chose instead."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import slicer

from CardiacCompletionLib.anatomy.identification import Identification, identify
from CardiacCompletionLib.anatomy.vocabulary import Vocabulary
from CardiacCompletionLib.errors import CompletionError
from CardiacCompletionLib.mrml.segmentation_reading import origin_of, segments_of

NOBODY = ""


@dataclass(frozen=True)
class Role:
    """A structure and the segment that plays it.

    Attributes:
        key: of the structure.
        segment_id: the segment; None if none does, or if that cannot be decided.
        reason: why, as a sentence or phrase for the user.
        ambiguous: whether the user has to decide.
        origin: ``trusted`` or ``inferred`` if an earlier completion wrote the segment, else None.
    """

    key: str
    segment_id: str | None
    reason: str
    ambiguous: bool = False
    origin: str | None = None


def cast(
    node: slicer.vtkMRMLSegmentationNode,
    keys: Iterable[str],
    vocabulary: Vocabulary,
    convention: str | None = None,
    chosen: Mapping[str, str] | None = None,
) -> dict[str, Role]:
    """The role of every structure.

    Args:
        convention: what label values mean where names say nothing; None to let the values decide.
        chosen: key -> segment ID (or ``NOBODY``) where the user has decided.

    Raises:
        CompletionError: if label values need a convention and none fits.
    """
    segmentation = node.GetSegmentation()
    found = identify(segments_of(node), vocabulary, convention)
    roles = {}
    for key in keys:
        ID = (chosen or {}).get(key)
        if ID == NOBODY:
            role = Role(key, None, "no segment, as you chose")
        elif ID is not None and segmentation.GetSegment(ID) is not None:
            role = Role(key, ID, "as you chose")
        else:
            role = _found(key, found, vocabulary[key].name)
        if role.segment_id is not None:
            role = Role(**{**vars(role), "origin": origin_of(segmentation.GetSegment(role.segment_id))})
        roles[key] = role
    return roles


def players(roles: Mapping[str, Role], keys: Iterable[str], vocabulary: Vocabulary) -> dict[str, str]:
    """Key -> segment ID of structures the user relies on.

    Raises:
        CompletionError: if one has no segment, or none that is certain, or one segment plays two of them.
    """
    played: dict[str, str] = {}
    for key in keys:
        role = roles.get(key)
        name = vocabulary[key].name
        if role is None:
            raise CompletionError(f"These weights do not know {name}: do not trust it.")
        if role.segment_id is None:
            raise CompletionError(f"{name} cannot be trusted: {role.reason}.")
        if role.segment_id in played.values():
            other = next(k for k, ID in played.items() if role.segment_id == ID)
            raise CompletionError(f"{vocabulary[other].name} and {name} are the same segment: choose another for one.")
        played[key] = role.segment_id
    return played


def _found(key: str, found: list[Identification], name: str) -> Role:
    candidates = [f for f in found if f.key == key]
    if len(candidates) == 1:
        return Role(key, candidates[0].segment.identifier, candidates[0].reason)
    if candidates:
        both = " and ".join(str(f.segment) for f in candidates)
        return Role(key, None, f"{both} could both be it", ambiguous=True)
    for f in found:
        if f.ambiguous and name in f.reason:
            return Role(key, None, f"{f.segment}: {f.reason.rstrip('.')}", ambiguous=True)
    return Role(key, None, "no segment has this name or code")
