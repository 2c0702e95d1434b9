"""What the engine would give for a phantom, written into the scene."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
import slicer

from CardiacCompletionLib.anatomy.heart import Heart
from CardiacCompletionLib.anatomy.vocabulary import load_vocabulary
from CardiacCompletionLib.completion.composition import compose
from CardiacCompletionLib.completion.field import SampledField
from CardiacCompletionLib.completion.result import CompletionResult
from CardiacCompletionLib.geometry.lattice import Lattice
from CardiacCompletionLib.mrml.result_writing import new_output_beside, write_result
from CardiacCompletionLib.mrml.segmentation_reading import ReadHeart, read_heart
from Testing.mrml.phantoms import (
    segment_id,
)

VOCABULARY = load_vocabulary()
TRUSTED = ("left_ventricle", "myocardium")
# One ball inside the input's grid, one that leaves it at the end of its axes, one before their beginning.
INFERRED = {
    "left_atrium": ((20.0, -45.0, 60.0), 15.0),
    "pulmonary_artery": ((20.0, 10.0, 100.0), 16.0),
    "right_ventricle": ((-30.0, -35.0, 14.0), 14.0),
}


def read_trusted(node: slicer.vtkMRMLSegmentationNode) -> ReadHeart:
    return read_heart(node, {key: segment_id(node, key) for key in TRUSTED})


def balls_around(heart: Heart, inferred: Mapping[str, tuple] = INFERRED) -> CompletionResult:
    """What the engine would give if it inferred balls: the engine's own composition, without a network."""
    fields = {}
    for key, (centre, radius) in inferred.items():
        lattice = Lattice.around(np.array(centre), radius + 6.0, 1.0, heart.ijk_to_ras[:3, :3][:, ::-1])
        distances = np.linalg.norm(lattice.all_points() - centre, axis=1).reshape(lattice.shape) - radius
        fields[key] = SampledField(distances.astype(np.float32), lattice)
    whole = compose(heart, fields, VOCABULARY).heart
    return CompletionResult(whole, tuple(heart.regions), tuple(inferred), (), {})


def complete(
    node: slicer.vtkMRMLSegmentationNode,
    output: slicer.vtkMRMLSegmentationNode | None = None,
    left_out: Collection[str] = (),
) -> tuple[slicer.vtkMRMLSegmentationNode, CompletionResult]:
    """Complete a node in which a segment's name is its key; the output, and what was written into it."""
    read = read_trusted(node)
    result = balls_around(read.heart)
    output = output or new_output_beside(node)
    write_result(result, read, node, output, VOCABULARY, left_out)
    return output, result
