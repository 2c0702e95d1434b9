"""Label maps on disk (.nii, .nii.gz, .nrrd, .mha, ...) through SimpleITK, in RAS millimetres."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from CardiacCompletionLib.errors import CompletionError
from CardiacCompletionLib.files.replaced import replaced
from CardiacCompletionLib.geometry.label_map import LabelMap

_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def ras_placement(image: sitk.Image) -> np.ndarray:
    """Voxel index to RAS mm, float64 [4, 4], of a three-dimensional SimpleITK image (which is placed in LPS mm)."""
    lps = np.eye(4)
    lps[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * np.array(image.GetSpacing())
    lps[:3, 3] = image.GetOrigin()
    return _LPS_TO_RAS @ lps


def image_from_label_map(label_map: LabelMap) -> sitk.Image:
    """The SimpleITK image of a label map: same voxels, LPS placement."""
    lps = _LPS_TO_RAS @ label_map.ijk_to_ras
    spacing = label_map.spacing
    image = sitk.GetImageFromArray(label_map.voxels)
    image.SetSpacing(spacing.tolist())
    image.SetDirection((lps[:3, :3] / spacing).ravel().tolist())
    image.SetOrigin(lps[:3, 3].tolist())
    return image


def write_label_map(label_map: LabelMap, path: str | os.PathLike[str]) -> None:
    """Write a label map in the format its extension names.

    Raises:
        CompletionError: if the folder or the format does not allow it.
    """
    write_image(image_from_label_map(label_map), Path(path))


def write_image(image: sitk.Image, path: Path) -> None:
    """Write beside, then rename: an interrupted run leaves no half-written file."""
    try:
        with replaced(path) as partial:
            sitk.WriteImage(image, str(partial), useCompression=True)
    except (RuntimeError, OSError) as error:
        raise CompletionError(f"{path} cannot be written: choose another folder or a known file ending.") from error
