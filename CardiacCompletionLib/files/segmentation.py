"""What a segmentation file holds, before anyone has said which structure is which."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from CardiacCompletionLib.anatomy.heart import Heart
from CardiacCompletionLib.anatomy.identification import Identification, Segment, identify, segment_playing
from CardiacCompletionLib.anatomy.vocabulary import Vocabulary
from CardiacCompletionLib.geometry.region import Region


@dataclass(frozen=True)
class Segmentation:
    """Segments and their voxels.

    Attributes:
        segments: what the file says about each segment or label.
        layers: integer arrays [K, J, I]; segments that overlap lie in different layers.
        places: segment identifier -> (layer, value of its voxels there).
        ijk_to_ras: float64 [4, 4]; voxel-centre index to RAS mm.
    """

    segments: tuple[Segment, ...]
    layers: tuple[np.ndarray, ...]
    places: dict[str, tuple[int, int]]
    ijk_to_ras: np.ndarray

    def identify(self, vocabulary: Vocabulary, convention: str | None = None) -> list[Identification]:
        """Which structure each segment is, and why."""
        return identify(self.segments, vocabulary, convention)

    def region(self, segment: Segment) -> Region | None:
        """The voxels of a segment; None if it has none."""
        layer, value = self.places[segment.identifier]
        return Region.of_mask(self.layers[layer] == value)

    def heart(self, keys: Iterable[str], vocabulary: Vocabulary, convention: str | None = None) -> Heart:
        """The heart made of the structures a user relies on.

        Raises:
            CompletionError: if one of them is missing, ambiguous or played by two segments.
        """
        found = self.identify(vocabulary, convention)
        regions = {key: self.region(segment_playing(key, found, vocabulary)) for key in keys}
        present = {key: region for key, region in regions.items() if region is not None}
        return Heart(present, self.layers[0].shape, self.ijk_to_ras)

    def whole_heart(self, vocabulary: Vocabulary, convention: str | None = None) -> Heart:
        """Every structure that one segment alone plays; what is ambiguous is left out."""
        found = self.identify(vocabulary, convention)
        played = [identification.key for identification in found if identification.key]
        return self.heart([key for key in played if played.count(key) == 1], vocabulary, convention)
