"""How sure a completion is of a segment, kept in the segment's tags: it goes where the segment goes, into files too."""

from __future__ import annotations

from dataclasses import dataclass

import slicer

from CardiacCompletionLib.mrml.segmentation_reading import tag_of

_CONFIDENCE_TAG = "CardiacCompletion.Confidence"
_INTERVAL_TAG = "CardiacCompletion.VolumeInterval"


@dataclass(frozen=True)
class Certainty:
    """What plausible hearts say of one inferred structure.

    Attributes:
        confidence: the overlap (Dice) with the truth to expect, 0 to 1.
        low_ml, high_ml: volumes between which the true one lies nine times out of ten.
    """

    confidence: float
    low_ml: float
    high_ml: float

    def write(self, segment: slicer.vtkSegment) -> None:
        segment.SetTag(_CONFIDENCE_TAG, f"{self.confidence:.3f}")
        segment.SetTag(_INTERVAL_TAG, f"{self.low_ml:.3f} {self.high_ml:.3f}")

    @classmethod
    def of(cls, segment: slicer.vtkSegment) -> Certainty | None:
        """What a segment's tags say; None if they say nothing."""
        confidence, interval = tag_of(segment, _CONFIDENCE_TAG), tag_of(segment, _INTERVAL_TAG)
        if not confidence or not interval:
            return None
        return cls(float(confidence), *(float(volume) for volume in interval.split()))


def forget_certainty(segment: slicer.vtkSegment) -> None:
    """What the user has accepted is no guess any more."""
    for tag in (_CONFIDENCE_TAG, _INTERVAL_TAG):
        segment.RemoveTag(tag)
