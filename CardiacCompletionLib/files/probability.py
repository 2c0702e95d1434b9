"""Writing how likely each voxel belongs to an inferred structure: one .nrrd volume a structure."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from CardiacCompletionLib.errors import CompletionError
from CardiacCompletionLib.files.label_map_file import image_from_label_map, write_image
from CardiacCompletionLib.geometry.label_map import LabelMap


def write_probability(probability: Mapping[str, np.ndarray], ijk_to_ras: np.ndarray, folder: Path) -> None:
    """Write ``KEY.nrrd`` for every inferred structure, float32, 0 to 1, into a folder, which is made if need be.

    Args:
        probability: key -> values [k, j, i].
        ijk_to_ras: float64 [4, 4]; index (i, j, k, 1) to RAS mm.

    Raises:
        CompletionError: if it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CompletionError(f"The folder {folder} cannot be made: choose another.") from error
    for key, values in probability.items():
        write_image(image_from_label_map(LabelMap(values, ijk_to_ras)), folder / f"{key}.nrrd")
