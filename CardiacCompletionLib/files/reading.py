"""Reading segmentations: label maps (.nii, .nii.gz, .nrrd, .mha, ...) and Slicer's .seg.nrrd."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from CardiacCompletionLib.anatomy.identification import Segment
from CardiacCompletionLib.anatomy.terminology import ORIGIN_TAG
from CardiacCompletionLib.errors import CompletionError
from CardiacCompletionLib.files.label_map_file import ras_placement
from CardiacCompletionLib.files.nifti import is_complete
from CardiacCompletionLib.files.segmentation import Segmentation

MAXIMAL_LABELS = 1000


def read_segmentation(path: str | os.PathLike[str]) -> Segmentation:
    """Read any supported file.

    Raises:
        CompletionError: if the file is missing, damaged, an image rather than labels, or not three-dimensional.
    """
    path = Path(path)
    image = _read_image(path)
    layers = _layers(image, path)
    header = {key: image.GetMetaData(key) for key in image.GetMetaDataKeys() if key.startswith("Segment")}
    ijk_to_ras = ras_placement(image)
    if any(re.fullmatch(r"Segment\d+_ID", key) for key in header):
        return _slicer_segmentation(header, layers, ijk_to_ras)
    if len(layers) > 1:
        raise CompletionError(f"{path.name} has several values per voxel: save it as a segmentation (.seg.nrrd).")
    return _labels(layers[0], ijk_to_ras, path)


def _read_image(path: Path) -> sitk.Image:
    if not path.is_file():
        raise CompletionError(f"There is no file {path}: check its name.")
    damaged = f"{path.name} cannot be read: it is damaged or not a label map."
    if path.name.endswith((".nii", ".nii.gz")) and not is_complete(path):
        raise CompletionError(damaged)
    try:
        image = sitk.ReadImage(str(path))
    except RuntimeError as error:
        raise CompletionError(damaged) from error
    if image.GetDimension() != 3:
        raise CompletionError(
            f"{path.name} has {image.GetDimension()} dimensions: save one time frame or volume of it."
        )
    return image


def _layers(image: sitk.Image, path: Path) -> tuple[np.ndarray, ...]:
    array = sitk.GetArrayFromImage(image)
    if array.ndim == 3:
        array = array[..., None]
    if not np.issubdtype(array.dtype, np.integer):
        if not np.isfinite(array).all() or (array != np.round(array)).any():
            raise CompletionError(f"{path.name} holds fractions, so it is an image: open the label map instead.")
        array = array.astype(np.int32)
    return tuple(np.ascontiguousarray(array[..., index]) for index in range(array.shape[-1]))


def _labels(voxels: np.ndarray, ijk_to_ras: np.ndarray, path: Path) -> Segmentation:
    values = [int(value) for value in np.unique(voxels) if value != 0]
    if not values:
        raise CompletionError(f"{path.name} is empty: it holds no label.")
    if len(values) > MAXIMAL_LABELS or values[0] < 0:
        raise CompletionError(f"{path.name} holds {len(values)} values, so it is an image: open the label map instead.")
    segments = tuple(Segment(identifier=str(value), label=value) for value in values)
    return Segmentation(segments, (voxels,), {str(value): (0, value) for value in values}, ijk_to_ras)


def _slicer_segmentation(
    header: dict[str, str], layers: tuple[np.ndarray, ...], ijk_to_ras: np.ndarray
) -> Segmentation:
    segments, places = [], {}
    numbers = sorted(int(match[1]) for key in header if (match := re.fullmatch(r"Segment(\d+)_ID", key)))
    for number in numbers:
        prefix = f"Segment{number}_"
        value = int(header.get(f"{prefix}LabelValue", number + 1))
        tags = dict(tag.split(":", 1) for tag in header.get(f"{prefix}Tags", "").split("|") if ":" in tag)
        segment = Segment(
            identifier=header[f"{prefix}ID"],
            name=header.get(f"{prefix}Name"),
            terminology=tags.get("TerminologyEntry") or tags.get("Segmentation.TerminologyEntry"),
            label=value,
            origin=tags.get(ORIGIN_TAG),
        )
        segments.append(segment)
        places[segment.identifier] = (min(int(header.get(f"{prefix}Layer", 0)), len(layers) - 1), value)
    return Segmentation(tuple(segments), layers, places, ijk_to_ras)
