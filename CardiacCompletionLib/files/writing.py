"""Writing completed hearts: Slicer segmentations (.seg.nrrd) or cardiac10 label maps, by file ending."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from CardiacCompletionLib.anatomy.certainty import Certainty
from CardiacCompletionLib.anatomy.heart import Heart
from CardiacCompletionLib.anatomy.terminology import CONTINUED, ORIGIN_TAG, continued_name, entry_of
from CardiacCompletionLib.anatomy.vocabulary import Structure, Vocabulary
from CardiacCompletionLib.errors import CompletionError
from CardiacCompletionLib.files.label_map_file import image_from_label_map, write_image, write_label_map
from CardiacCompletionLib.geometry.label_map import LabelMap
from CardiacCompletionLib.geometry.region import Region

ENDINGS = (".seg.nrrd", ".nii.gz", ".nii", ".nrrd", ".mha")
# Voxel values of continuations in a .seg.nrrd: the structure's label and this.
_CONTINUED_VALUES = 100


def check_output(path: str | os.PathLike[str]) -> Path:
    """The output path, if it can be written to: asked before the work begins.

    Raises:
        CompletionError: if its ending is unknown or its folder missing.
    """
    path = Path(path)
    if not path.name.endswith(ENDINGS):
        raise CompletionError(f"{path.name} has an unknown ending: use one of {', '.join(ENDINGS)}.")
    check_folder(path)
    return path


def check_folder(path: Path) -> None:
    """Raises CompletionError if the folder a file is to be written to is missing."""
    if not path.parent.is_dir():
        raise CompletionError(f"There is no folder {path.parent}: make it, or choose another.")


def write_heart(
    heart: Heart,
    origins: Mapping[str, str],
    vocabulary: Vocabulary,
    path: str | os.PathLike[str],
    continued: Mapping[str, Region] | None = None,
    certainty: Mapping[str, Certainty] | None = None,
) -> None:
    """Write a heart.

    Args:
        origins: key -> ``trusted`` or ``inferred``; stored as a tag of each segment of a .seg.nrrd.
        continued: key -> voxels by which a structure goes on beyond its cut: a segment of its own in a .seg.nrrd, so
            that the structure's own stays as it was; the structure's label in a label map.
        certainty: key -> how sure the completion is of it; stored as tags of a .seg.nrrd's segment.

    Raises:
        CompletionError: if it cannot be written, or if structures overlap and the format has one label per voxel.
    """
    path = check_output(path)
    if path.name.endswith(".seg.nrrd"):
        parts = _parts(heart, origins, continued or {}, certainty or {}, vocabulary)
        write_image(_segmentation_image(parts, heart), path)
        return
    regions = {
        key: region.joined(continued[key]) if continued and key in continued else region
        for key, region in heart.regions.items()
    }
    label_map = Heart(regions, heart.shape, heart.ijk_to_ras).to_label_map(vocabulary)
    voxels = sum(int(region.mask.sum()) for region in regions.values())
    if voxels != int(np.count_nonzero(label_map.voxels)):
        raise CompletionError("Structures of this heart overlap, which a label map cannot hold: write a .seg.nrrd.")
    write_label_map(label_map, path)


@dataclass(frozen=True)
class _Part:
    """A segment to be written."""

    identifier: str
    name: str
    value: int
    structure: Structure
    region: Region
    tags: Mapping[str, str]


def _parts(
    heart: Heart,
    origins: Mapping[str, str],
    continued: Mapping[str, Region],
    certainty: Mapping[str, Certainty],
    vocabulary: Vocabulary,
) -> list[_Part]:
    parts = []
    for key, region in heart.regions.items():
        structure = vocabulary[key]
        tags = {ORIGIN_TAG: origins[key], **(certainty[key].tags if key in certainty else {})}
        parts.append(_Part(key, structure.name, structure.label, structure, region, tags))
    for key, region in continued.items():
        structure = vocabulary[key]
        name, value = continued_name(structure), structure.label + _CONTINUED_VALUES
        parts.append(_Part(f"{key}_continued", name, value, structure, region, {ORIGIN_TAG: CONTINUED}))
    return parts


def _segmentation_image(parts: list[_Part], heart: Heart) -> sitk.Image:
    layers: list[np.ndarray] = []
    header = {
        "Segmentation_ContainedRepresentationNames": "Binary labelmap|",
        "Segmentation_MasterRepresentation": "Binary labelmap",
        "Segmentation_SourceRepresentation": "Binary labelmap",
        "Segmentation_ReferenceImageExtentOffset": "0 0 0",
    }
    for number, part in enumerate(parts):
        region, structure = part.region, part.structure
        layer = next((n for n, used in enumerate(layers) if not used[region.box][region.mask].any()), len(layers))
        if layer == len(layers):
            layers.append(np.zeros(heart.shape, dtype=np.uint8))
        layers[layer][region.box][region.mask] = part.value
        first, size = region.start[::-1], region.mask.shape[::-1]
        extent = " ".join(f"{a} {a + n - 1}" for a, n in zip(first, size, strict=True))
        prefix = f"Segment{number}_"
        tags = {"TerminologyEntry": entry_of(structure), **part.tags}
        header |= {
            f"{prefix}ID": part.identifier,
            f"{prefix}Name": part.name,
            f"{prefix}NameAutoGenerated": "0",
            f"{prefix}Color": " ".join(f"{channel / 255:.6f}" for channel in structure.color),
            f"{prefix}ColorAutoGenerated": "0",
            f"{prefix}LabelValue": str(part.value),
            f"{prefix}Layer": str(layer),
            f"{prefix}Extent": extent,
            f"{prefix}Tags": "".join(f"{name}:{text}|" for name, text in tags.items()),
        }
    images = [image_from_label_map(LabelMap(layer, heart.ijk_to_ras)) for layer in layers]
    image = images[0] if len(images) == 1 else sitk.Compose(images)
    for name, value in header.items():
        image.SetMetaData(name, value)
    return image
