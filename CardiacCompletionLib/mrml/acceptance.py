"""Accepting an inferred segment, as it is or as the user has edited it: the next completion relies on it."""

from __future__ import annotations

import slicer

from CardiacCompletionLib.anatomy.terminology import CONTINUED
from CardiacCompletionLib.mrml.plausible_hearts import PlausibleHearts
from CardiacCompletionLib.mrml.result_writing import mark_as_trusted
from CardiacCompletionLib.mrml.segmentation_reading import origin_of, tag_of


def accept(node: slicer.vtkMRMLSegmentationNode, ID: str) -> None:
    """Trust an inferred segment from now on; a continuation becomes part of the structure it continues.

    Plausible hearts leave the scene: they were drawn without what is trusted now.
    """
    PlausibleHearts.detach(node)
    segmentation = node.GetSegmentation()
    segment = segmentation.GetSegment(ID)
    others = [other for other in segmentation.GetSegmentIDs() if other != ID]
    continues = [other for other in others if _terms(segmentation.GetSegment(other)) == _terms(segment)]
    if origin_of(segment) != CONTINUED or not continues:
        mark_as_trusted(node, ID)
        return
    image = slicer.vtkOrientedImageData()
    node.GetBinaryLabelmapRepresentation(ID, image)
    logic = slicer.vtkSlicerSegmentationsModuleLogic
    logic.SetBinaryLabelmapToSegment(image, node, continues[0], logic.MODE_MERGE_MAX)
    segmentation.RemoveSegment(ID)
    mark_as_trusted(node, continues[0])


def _terms(segment: slicer.vtkSegment) -> str:
    return tag_of(segment, slicer.vtkSegment.GetTerminologyEntryTagName()) or segment.GetName()
