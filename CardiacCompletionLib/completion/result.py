"""What a completion gives back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from CardiacCompletionLib.anatomy.heart import Heart
from CardiacCompletionLib.anatomy.vocabulary import load_vocabulary
from CardiacCompletionLib.geometry.label_map import LabelMap

REPORT_VERSION = 1


@dataclass(frozen=True)
class CompletionResult:
    """A completed heart.

    Attributes:
        heart: trusted and inferred structures on the input's grid, grown where needed.
        trusted: keys taken over voxel for voxel.
        inferred: keys that the model inferred.
        warnings: sentences for the user.
        timings: stage -> seconds.
    """

    heart: Heart
    trusted: tuple[str, ...]
    inferred: tuple[str, ...]
    warnings: tuple[str, ...]
    timings: dict[str, float]

    @property
    def labels(self) -> LabelMap:
        """cardiac10 labels, uint8 [K, J, I]."""
        return self.heart.to_label_map(load_vocabulary())

    @property
    def volumes_ml(self) -> dict[str, float]:
        """Key -> volume in millilitres."""
        return {key: self.heart.volume_ml(key) for key in self.heart.regions}

    @property
    def origins(self) -> dict[str, str]:
        """Key -> ``trusted`` or ``inferred``."""
        return {key: "trusted" if key in self.trusted else "inferred" for key in self.heart.regions}

    def report(self) -> dict[str, Any]:
        """The report as JSON content; its form is fixed by ``report_version``."""
        return {
            "report_version": REPORT_VERSION,
            "structures": [
                {"key": key, "origin": self.origins[key], "volume_ml": round(volume, 3)}
                for key, volume in self.volumes_ml.items()
            ],
            "warnings": list(self.warnings),
            "timings_s": {stage: round(seconds, 3) for stage, seconds in self.timings.items()},
        }
