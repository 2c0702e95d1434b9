"""What is in a data set's files: label values mean what the description says, named segments say it themselves.

Slicer numbers segments file by file, and puts those that overlap into different layers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from CardiacCompletionLib.anatomy.heart import Heart
from CardiacCompletionLib.anatomy.identification import Segment, identify, is_generic
from CardiacCompletionLib.anatomy.vocabulary import load_vocabulary
from CardiacCompletionLib.errors import CompletionError
from CardiacCompletionLib.files.reading import read_segmentation
from CardiacCompletionLib.files.segmentation import Segmentation
from CardiacCompletionLib.geometry.region import Region


def read_heart(path: Path, labels: Mapping[int, str]) -> Heart:
    """A case's file as a heart; of a structure with several label values or segments, their union.

    Args:
        labels: label value -> structure key; no other structure is taken.

    Raises:
        CompletionError: if it cannot be read, or a segment's name and terminology contradict each other.
    """
    return heart_of(read_segmentation(path), labels)


def heart_of(segmentation: Segmentation, labels: Mapping[int, str]) -> Heart:
    """As :func:`read_heart`, of what was read."""
    masks: dict[str, np.ndarray] = {}
    wanted = set(labels.values())
    for segment in segmentation.segments:
        key = _meant(segment, labels)
        if key in wanted:
            layer, value = segmentation.places[segment.identifier]
            mask = segmentation.layers[layer] == value
            masks[key] = masks[key] | mask if key in masks else mask
    regions = {key: region for key, mask in masks.items() if (region := Region.of_mask(mask)) is not None}
    return Heart(regions, segmentation.layers[0].shape, segmentation.ijk_to_ras)


def unmentioned(segmentation: Segmentation, labels: Mapping[int, str]) -> tuple[str, ...]:
    """Label values or names of segments that mean none of the structures described."""
    return tuple(
        segment.name or str(segment.label)
        for segment in segmentation.segments
        if _meant(segment, labels) not in labels.values()
    )


def _meant(segment: Segment, labels: Mapping[int, str]) -> str | None:
    # Without its value, which would be read by a convention.
    [found] = identify([replace(segment, label=None)], load_vocabulary())
    if found.ambiguous:
        raise CompletionError(f"{segment}: {found.reason}")
    if found.key is None and is_generic(segment.name):
        return labels.get(segment.label)
    return found.key
