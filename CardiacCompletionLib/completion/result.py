"""What a completion gives back."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from CardiacCompletionLib.anatomy.heart import Heart
from CardiacCompletionLib.anatomy.vocabulary import load_vocabulary
from CardiacCompletionLib.geometry.label_map import LabelMap
from CardiacCompletionLib.geometry.region import Region

if TYPE_CHECKING:
    from CardiacCompletionLib.completion.samples import Samples
    from CardiacCompletionLib.completion.topology import Topology

REPORT_VERSION = 2


@dataclass(frozen=True)
class CompletionResult:
    """A completed heart.

    Attributes:
        heart: trusted and inferred structures on the input's grid, grown where needed.
        trusted: keys taken over voxel for voxel.
        inferred: keys that the model inferred.
        warnings: sentences for the user; :attr:`concerns` knows what else is wrong with the result.
        timings: stage -> seconds.
        cut: trusted keys that count as cut off.
        continued: key of a cut structure -> the inferred voxels, on the heart's grid, by which it goes on.
        unlikeness: how unusual the trusted structures' places and sizes are; 1 is the limit of the usual. None if
            nothing was compared.
        samples: several plausible hearts, if they were asked for.
    """

    heart: Heart
    trusted: tuple[str, ...]
    inferred: tuple[str, ...]
    warnings: tuple[str, ...]
    timings: dict[str, float]
    cut: tuple[str, ...] = ()
    continued: Mapping[str, Region] = field(default_factory=dict)
    unlikeness: float | None = None
    samples: Samples | None = None

    @property
    def whole(self) -> Heart:
        """The heart with every cut structure joined to its continuation."""
        regions = {key: self._whole_region(key) for key in self.heart.regions}
        return Heart(regions, self.heart.shape, self.heart.ijk_to_ras)

    @property
    def labels(self) -> LabelMap:
        """cardiac10 labels, uint8 [K, J, I]; a continuation has the label of its structure."""
        return self.whole.to_label_map(load_vocabulary())

    @property
    def volumes_ml(self) -> dict[str, float]:
        """Key -> volume in millilitres, continuations included."""
        return {key: self.heart.volume_ml(key) + self.continued_ml(key) for key in self.heart.regions}

    @property
    def origins(self) -> dict[str, str]:
        """Key -> ``trusted`` or ``inferred``."""
        return {key: "trusted" if key in self.trusted else "inferred" for key in self.heart.regions}

    @property
    def topology(self) -> Topology:
        """Pieces and contacts, continuations included; computed anew each time."""
        # Slicer reads results without scipy, whose import would delay its start.
        from CardiacCompletionLib.completion.topology import Topology

        return Topology.of(self.whole.regions, load_vocabulary())

    def concerns(self, left_out: Collection[str] = ()) -> tuple[str, ...]:
        """The warnings, and a sentence for every contact that the completion should have made and did not.

        Args:
            left_out: keys of structures that nobody wants to hear of.
        """
        names = load_vocabulary()
        made = {*self.inferred, *self.continued}
        apart = [
            pair
            for pair, touch in self.topology.contacts.items()
            if not touch and not made.isdisjoint(pair) and not set(left_out) & set(pair)
        ]
        return (
            *self.warnings,
            *(
                f"{names[a].name} and {names[b].name} should touch and do not: look at the result there, and edit it "
                "where it is wrong."
                for a, b in apart
            ),
        )

    def continued_ml(self, key: str) -> float:
        """How much of a structure is continuation, in millilitres."""
        if key not in self.continued:
            return 0.0
        return int(np.count_nonzero(self.continued[key].mask)) * self.heart.voxel_volume_ml

    @property
    def confidence(self) -> dict[str, float]:
        """Inferred key -> the overlap with the truth to expect, 0 to 1; empty without samples."""
        return {} if self.samples is None else dict(self.samples.confidence)

    @property
    def probability(self) -> dict[str, np.ndarray]:
        """Inferred key -> probability of each node of ``samples.lattice``, float32 [k, j, i]; empty without samples."""
        return {} if self.samples is None else dict(self.samples.probability)

    def report(self) -> dict[str, Any]:
        """The report as JSON content; ``Resources/Report/report.schema.json`` says what is in it."""
        topology = self.topology
        return {
            "report_version": REPORT_VERSION,
            "structures": [
                {
                    "key": key,
                    "origin": self.origins[key],
                    "volume_ml": round(volume, 3),
                    "cut": key in self.cut,
                    "continued_ml": round(self.continued_ml(key), 3),
                    "pieces": topology.pieces[key],
                    **self._certainty(key),
                }
                for key, volume in self.volumes_ml.items()
            ],
            "contacts": [{"between": list(pair), "touch": touch} for pair, touch in topology.contacts.items()],
            "unlikeness": None if self.unlikeness is None else round(self.unlikeness, 3),
            "warnings": list(self.concerns()),
            "timings_s": {stage: round(seconds, 3) for stage, seconds in self.timings.items()},
        }

    def _certainty(self, key: str) -> dict[str, Any]:
        if self.samples is None or key not in self.samples.confidence:
            return {}
        low, high = self.samples.interval_ml(key)
        return {
            "confidence": round(self.samples.confidence[key], 3),
            "volume_interval_ml": [round(low, 3), round(high, 3)],
        }

    def _whole_region(self, key: str) -> Region:
        region = self.heart.regions[key]
        return region.joined(self.continued[key]) if key in self.continued else region
