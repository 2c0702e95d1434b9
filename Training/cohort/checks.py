"""What must hold for every virtual heart: what is there, what is in one piece, what touches."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from CardiacCompletionLib.anatomy.vocabulary import load_vocabulary
from CardiacCompletionLib.geometry.label_map import LabelMap

_EVERYWHERE = np.ones((3, 3, 3))


def faults(label_map: LabelMap) -> list[str]:
    """Plain sentences on what is wrong with a heart; none when all is well."""
    found = []
    structures = list(load_vocabulary())
    masks = {s.key: label_map.voxels == s.label for s in structures}
    boxes = ndimage.find_objects(label_map.voxels, max_label=max(s.label for s in structures))
    for structure in structures:
        box = boxes[structure.label - 1]
        if box is None:
            found.append(f"{structure.name} is missing.")
            continue
        around = tuple(slice(max(s.start - 1, 0), s.stop + 1) for s in box)
        mask = masks[structure.key][around]
        pieces = ndimage.label(mask, structure=_EVERYWHERE)[1]
        if pieces > structure.pieces:
            found.append(f"{structure.name} is in {pieces} pieces.")
        reach = ndimage.binary_dilation(mask, structure=_EVERYWHERE)
        for key in structure.touches:
            if not np.any(reach & masks[key][around]):
                found.append(f"{structure.name} does not touch the {key.replace('_', ' ')}.")
    return found
