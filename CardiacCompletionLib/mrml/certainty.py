"""How sure a completion is of a segment, kept in the segment's tags: it goes where the segment goes."""

from __future__ import annotations

import slicer

from CardiacCompletionLib.anatomy.certainty import CERTAINTY_TAGS, Certainty
from CardiacCompletionLib.mrml.segmentation_reading import tag_of


def write_certainty(segment: slicer.vtkSegment, certainty: Certainty) -> None:
    for name, text in certainty.tags.items():
        segment.SetTag(name, text)


def certainty_of(segment: slicer.vtkSegment) -> Certainty | None:
    """What a segment's tags say; None if they say nothing."""
    return Certainty.of_tags(lambda name: tag_of(segment, name))


def forget_certainty(segment: slicer.vtkSegment) -> None:
    """What the user has accepted is no guess any more."""
    for name in CERTAINTY_TAGS:
        segment.RemoveTag(name)
