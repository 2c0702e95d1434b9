"""From a completion to segments in the scene: inferred ones beside the trusted ones, which stay as they are."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import slicer

from CardiacCompletionLib.anatomy.certainty import Certainty
from CardiacCompletionLib.anatomy.terminology import CONTINUED, ORIGIN_TAG, continued_name, entry_of
from CardiacCompletionLib.anatomy.vocabulary import Structure, Vocabulary
from CardiacCompletionLib.completion.result import CompletionResult
from CardiacCompletionLib.errors import CompletionError
from CardiacCompletionLib.geometry.region import Region
from CardiacCompletionLib.mrml.certainty import forget_certainty, write_certainty
from CardiacCompletionLib.mrml.oriented_image import VoxelGrid, labelmap_image, set_reference_grid, text_from_grid
from CardiacCompletionLib.mrml.scene_nodes import place_beside
from CardiacCompletionLib.mrml.segmentation_reading import (
    LABELMAP,
    SEEN_ATTRIBUTE,
    ReadHeart,
    origin_of,
    seen_grid,
    world_from_node,
)

_REFERENCE_ROLE = slicer.vtkMRMLSegmentationNode.GetReferenceImageGeometryReferenceRole()
INFERRED_OPACITY_3D = 0.55
INFERRED_FILL_2D = 0.25


def new_output_beside(node: slicer.vtkMRMLSegmentationNode) -> slicer.vtkMRMLSegmentationNode:
    """An empty segmentation next to the input: same place in the subject hierarchy, same parent transform."""
    scene = node.GetScene()
    output = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", scene.GenerateUniqueName(f"{node.GetName()} completed"))
    output.CreateDefaultDisplayNodes()
    _place_under_transform_of(node, output)
    place_beside(node, output)
    return output


def check_output(output: slicer.vtkMRMLSegmentationNode, node: slicer.vtkMRMLSegmentationNode) -> None:
    """Ask before the work begins whether the result of an input can be added to a segmentation; to an empty one it can.

    Raises:
        CompletionError: if the output holds surfaces where voxels are to be added, or segments under another transform
            than the input's, where the result would lie in another place.
    """
    segmentation = output.GetSegmentation()
    if not segmentation.GetNumberOfSegments():
        return
    if segmentation.GetSourceRepresentationName() != LABELMAP:
        raise CompletionError(f"{output.GetName()} holds surfaces, not voxels: choose a new segmentation as output.")
    if not np.allclose(world_from_node(output), world_from_node(node)):
        raise CompletionError(
            f"{output.GetName()} lies under another transform than {node.GetName()}: put both under the same one in "
            "the Data module, or choose a new segmentation as output."
        )


def write_result(
    result: CompletionResult,
    read: ReadHeart,
    node: slicer.vtkMRMLSegmentationNode,
    output: slicer.vtkMRMLSegmentationNode,
    vocabulary: Vocabulary,
    left_out: Collection[str] = (),
) -> None:
    """Put a result into the scene.

    Into another node than the input: it comes under the input's transform if it is empty; trusted segments are copied
    there, their voxels as they are, and get the structure's name, colour and terminology. Into the input itself: its
    segments stay, only the trusted ones are tagged, and segments that an earlier completion inferred are replaced. How
    a cut structure goes on is a segment of its own: that of the structure stays as it is.

    Args:
        node: the input, from which ``read`` was read.
        output: the node to fill; may be ``node``.
        left_out: keys of inferred structures that are not wanted.

    Raises:
        CompletionError: see :func:`check_output`.
    """
    check_output(output, node)
    segmentation = output.GetSegmentation()
    wasModified = output.StartModify()
    try:
        if output is not node and not segmentation.GetNumberOfSegments():
            _place_under_transform_of(node, output)
        trusted = [read.segment_ids[key] for key in result.trusted]
        _clear_earlier(segmentation, own=output is node, kept=trusted)
        if output is not node:
            trusted = _copy_trusted(result, read, segmentation, vocabulary)
        for ID in trusted:
            mark_as_trusted(output, ID)
        grid = result_grid(result, read)
        for key in result.inferred:
            if key not in left_out:
                segment = add_inferred(output, vocabulary[key], result.heart.regions[key], grid)
                if key in result.confidence:
                    write_certainty(segment, Certainty(result.confidence[key], *result.samples.interval_ml(key)))
        for key, region in result.continued.items():
            add_continued(output, vocabulary[key], region, grid)
        _set_geometry(output, node, grid)
    finally:
        output.EndModify(wasModified)


def _place_under_transform_of(node: slicer.vtkMRMLSegmentationNode, output: slicer.vtkMRMLSegmentationNode) -> None:
    transform = node.GetParentTransformNode()
    output.SetAndObserveTransformNodeID(transform.GetID() if transform is not None else None)


def mark_as_trusted(node: slicer.vtkMRMLSegmentationNode, ID: str) -> None:
    """Tag a segment as trusted, and show it as solid as the others if a completion had inferred it."""
    segment = node.GetSegmentation().GetSegment(ID)
    display = node.GetDisplayNode()
    if origin_of(segment) == "inferred" and display is not None:
        display.SetSegmentOpacity3D(ID, 1.0)
        display.SetSegmentOpacity2DFill(ID, 1.0)
    segment.SetTag(ORIGIN_TAG, "trusted")
    forget_certainty(segment)


def _clear_earlier(segmentation: slicer.vtkSegmentation, own: bool, kept: Collection[str]) -> None:
    """Make room where an earlier completion wrote: never a segment of the user's own, nor one that is trusted now."""
    for ID in list(segmentation.GetSegmentIDs()):
        origin = origin_of(segmentation.GetSegment(ID))
        if own and origin == "trusted" and ID not in kept:
            segmentation.GetSegment(ID).RemoveTag(ORIGIN_TAG)
        elif origin is not None and not (own and (ID in kept or origin == "trusted")):
            segmentation.RemoveSegment(ID)


def _copy_trusted(
    result: CompletionResult, read: ReadHeart, segmentation: slicer.vtkSegmentation, vocabulary: Vocabulary
) -> list[str]:
    """Copy the trusted segments; the IDs they got, since the user's own segments may have those of the input's."""
    segmentation.SetSourceRepresentationName(LABELMAP)
    IDs = []
    for key in result.trusted:
        segment = slicer.vtkSegment()
        segment.DeepCopy(read.copies.GetSegment(read.segment_ids[key]))
        _describe(segment, vocabulary[key])
        IDs.append(segmentation.GenerateUniqueSegmentID(read.segment_ids[key]))
        segmentation.AddSegment(segment, IDs[-1])
    return IDs


def add_inferred(
    output: slicer.vtkMRMLSegmentationNode, structure: Structure, region: Region, grid: VoxelGrid
) -> slicer.vtkSegment:
    """Add an inferred structure as a segment of its own; ``grid`` is that of the heart the region belongs to."""
    return _add(output, structure, region, grid, structure.name, "inferred")


def add_continued(
    output: slicer.vtkMRMLSegmentationNode, structure: Structure, region: Region, grid: VoxelGrid
) -> slicer.vtkSegment:
    """Add what a cut structure goes on by as a segment of its own."""
    return _add(output, structure, region, grid, continued_name(structure), CONTINUED)


def _add(
    output: slicer.vtkMRMLSegmentationNode,
    structure: Structure,
    region: Region,
    grid: VoxelGrid,
    name: str,
    origin: str,
) -> slicer.vtkSegment:
    segmentation = output.GetSegmentation()
    segment = slicer.vtkSegment()
    box = grid.boxed(region.start[::-1], region.mask.shape)
    segment.AddRepresentation(LABELMAP, labelmap_image(region.mask, box))
    segment.SetLabelValue(1)
    _describe(segment, structure)
    segment.SetName(name)
    segment.SetTag(ORIGIN_TAG, origin)
    ID = segmentation.GenerateUniqueSegmentID(f"{structure.key}_continued" if origin == CONTINUED else structure.key)
    segmentation.AddSegment(segment, ID)
    display = output.GetDisplayNode()
    if display is not None:
        display.SetSegmentOpacity3D(ID, INFERRED_OPACITY_3D)
        display.SetSegmentOpacity2DFill(ID, INFERRED_FILL_2D)
    return segment


def _describe(segment: slicer.vtkSegment, structure: Structure) -> None:
    segment.SetName(structure.name)
    segment.SetNameAutoGenerated(False)
    segment.SetColor(*(channel / 255 for channel in structure.color))
    segment.SetColorAutoGenerated(False)
    segment.SetTag(slicer.vtkSegment.GetTerminologyEntryTagName(), entry_of(structure))


def result_grid(result: CompletionResult, read: ReadHeart) -> VoxelGrid:
    """The result's grid on the input's lattice: the engine grows the grid by whole voxels only."""
    moved = np.linalg.solve(read.heart.ijk_to_ras, result.heart.ijk_to_ras)[:3, 3]
    return read.grid.boxed(np.round(moved).astype(int), result.heart.shape)


def _set_geometry(
    output: slicer.vtkMRMLSegmentationNode, node: slicer.vtkMRMLSegmentationNode, grid: VoxelGrid
) -> None:
    seen = seen_grid(node)
    if seen is not None:
        # A structure that the scan cut off must not look whole to the next completion, just because the grid has grown.
        output.SetAttribute(SEEN_ATTRIBUTE, text_from_grid(seen))
    if output is not node:
        # DICOM export needs to know the image; the geometry itself is larger than the image where the heart is.
        output.SetNodeReferenceID(_REFERENCE_ROLE, node.GetNodeReferenceID(_REFERENCE_ROLE))
    set_reference_grid(output.GetSegmentation(), grid)
