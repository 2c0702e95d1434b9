"""How sure a completion is of a structure, in the words of segment tags: in files and in Slicer's scene alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

_CONFIDENCE_TAG = "CardiacCompletion.Confidence"
_INTERVAL_TAG = "CardiacCompletion.VolumeInterval"
CERTAINTY_TAGS = (_CONFIDENCE_TAG, _INTERVAL_TAG)


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

    @property
    def tags(self) -> dict[str, str]:
        """Name -> text of each tag."""
        return {
            _CONFIDENCE_TAG: f"{self.confidence:.3f}",
            _INTERVAL_TAG: f"{self.low_ml:.3f} {self.high_ml:.3f}",
        }

    @classmethod
    def of_tags(cls, tag: Callable[[str], str | None]) -> Certainty | None:
        """What tags say, looked up by name; None if they say nothing."""
        confidence, interval = (tag(name) for name in CERTAINTY_TAGS)
        if not confidence or not interval:
            return None
        return cls(float(confidence), *(float(volume) for volume in interval.split()))
