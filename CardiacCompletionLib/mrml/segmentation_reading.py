"""From a segmentation node to a heart: the voxels as they are, on one grid, placed in world RAS."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import slicer
import vtk

from CardiacCompletionLib.anatomy.heart import Heart
from CardiacCompletionLib.anatomy.identification import Segment
from CardiacCompletionLib.anatomy.terminology import ORIGIN_TAG
from CardiacCompletionLib.errors import CompletionError
from CardiacCompletionLib.geometry.region import Region
from CardiacCompletionLib.mrml.oriented_image import (
    VoxelGrid,
    common_grid,
    grid_around_surfaces,
    grid_from_text,
    mask_on_grid,
    reference_grid,
    set_reference_grid,
)

SEEN_ATTRIBUTE = "CardiacCompletion.SeenGeometry"
LABELMAP = slicer.vtkSegmentationConverter.GetBinaryLabelmapRepresentationName()


@dataclass(frozen=True)
class ReadHeart:
    """A heart that was read from a segmentation node, with what is needed to write a result beside it.

    Attributes:
        heart: the chosen structures in world RAS mm.
        grid: the same grid in the node's own coordinates (before its parent transform).
        copies: copies of the segments that were read, with binary labelmaps; their IDs are those of the node.
        segment_ids: key -> ID of the segment that plays the structure.
    """

    heart: Heart
    grid: VoxelGrid
    copies: slicer.vtkSegmentation
    segment_ids: dict[str, str]


def segments_of(node: slicer.vtkMRMLSegmentationNode) -> list[Segment]:
    """What the node says about each of its segments."""
    segmentation = node.GetSegmentation()
    return [_described(ID, segmentation.GetSegment(ID)) for ID in segmentation.GetSegmentIDs()]


def read_heart(
    node: slicer.vtkMRMLSegmentationNode,
    segment_ids: Mapping[str, str],
    place: slicer.vtkMRMLTransformableNode | None = None,
) -> ReadHeart:
    """Read the segments that play the named structures; the node is not changed.

    The grid is what the scan showed (:func:`seen_grid`) where the segments lie on it, since what is beyond was never
    seen; else their common extent with an empty margin. Segments on another grid are resampled to the first one's,
    nearest neighbour; segments that only have surfaces are voxelised.

    Args:
        segment_ids: structure key -> segment ID.
        place: the node whose parent transform counts; None for ``node`` itself.

    Raises:
        CompletionError: for a non-linear parent transform, or if a segment is no longer there.
    """
    to_world = world_from_node(place or node)
    copies = _labelmap_copies(node, segment_ids.values())
    images = {ID: copies.GetSegment(ID).GetRepresentation(LABELMAP) for ID in segment_ids.values()}
    references = [grid for grid in (seen_grid(node), reference_grid(node.GetSegmentation())) if grid is not None]
    grid = common_grid([image for image in images.values() if image is not None], references)
    regions = {}
    for key, ID in segment_ids.items():
        if images[ID] is not None:
            region = Region.of_mask(mask_on_grid(images[ID], copies.GetSegment(ID).GetLabelValue(), grid))
            if region is not None:
                regions[key] = region
    heart = Heart(regions, grid.shape, to_world @ grid.ijk_to_space)
    return ReadHeart(heart, grid, copies, dict(segment_ids))


def seen_grid(node: slicer.vtkMRMLSegmentationNode) -> VoxelGrid | None:
    """What the scan showed, in the node's own coordinates; None if nothing says so.

    A completion makes a segmentation's reference geometry larger than that, and remembers the scan's own.
    """
    return grid_from_text(node.GetAttribute(SEEN_ATTRIBUTE)) or reference_grid(node.GetSegmentation())


def world_from_node(node: slicer.vtkMRMLTransformableNode) -> np.ndarray:
    """The node's parent transform, float64 [4, 4]: its own coordinates to world RAS.

    Raises:
        CompletionError: if the transform is not linear.
    """
    transform = node.GetParentTransformNode()
    if transform is None:
        return np.eye(4)
    if not transform.IsTransformToWorldLinear():
        raise CompletionError(
            f"{node.GetName()} is under the non-linear transform {transform.GetName()}: harden it first "
            "(right-click the segmentation in the Data module, Harden transform)."
        )
    matrix = vtk.vtkMatrix4x4()
    transform.GetMatrixTransformToWorld(matrix)
    return slicer.util.arrayFromVTKMatrix(matrix)


def origin_of(segment: slicer.vtkSegment) -> str | None:
    """``trusted``, ``inferred`` or ``continued`` if this segment came out of a completion, else None."""
    return tag_of(segment, ORIGIN_TAG)


def tag_of(segment: slicer.vtkSegment, name: str) -> str | None:
    """A segment's tag; None if it has none of this name."""
    value = vtk.reference("")
    return str(value) if segment.GetTag(name, value) else None


def volume_ml(node: slicer.vtkMRMLSegmentationNode, ID: str) -> float:
    """Volume of a segment's voxels in ml, as large as they are under a linear parent transform."""
    segment = node.GetSegmentation().GetSegment(ID)
    image = segment.GetRepresentation(LABELMAP)
    if image is None:
        return 0.0
    grid = VoxelGrid.of_image(image)
    voxels = int(mask_on_grid(image, segment.GetLabelValue(), grid).sum())
    return voxels * float(abs(np.linalg.det((world_from_node(node) @ grid.lattice)[:3, :3]))) / 1000.0


def _described(ID: str, segment: slicer.vtkSegment) -> Segment:
    terminology = tag_of(segment, slicer.vtkSegment.GetTerminologyEntryTagName())
    return Segment(ID, segment.GetName(), terminology, segment.GetLabelValue(), origin_of(segment))


def _labelmap_copies(node: slicer.vtkMRMLSegmentationNode, IDs: list[str]) -> slicer.vtkSegmentation:
    source = node.GetSegmentation()
    copies = slicer.vtkSegmentation()
    copies.SetSourceRepresentationName(source.GetSourceRepresentationName())
    copies.CopyConversionParameters(source)
    for ID in dict.fromkeys(IDs):
        if not copies.CopySegmentFromSegmentation(source, ID):
            raise CompletionError(f"A chosen segment is no longer in {node.GetName()}: choose again.")
    if source.GetSourceRepresentationName() != LABELMAP:
        if reference_grid(copies) is None:
            set_reference_grid(copies, grid_around_surfaces(copies))
        copies.CreateRepresentation(LABELMAP)
        copies.SetSourceRepresentationName(LABELMAP)
    return copies
