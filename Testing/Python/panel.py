"""Driving the panel as a user does; the same inside Slicer and on the bench."""

from __future__ import annotations

import time
from collections.abc import Callable

import slicer
import vtk
from CardiacCompletionWidgets.sample_data import samplePath

VENTRICLES = ("left_ventricle", "myocardium", "right_ventricle")
COARSE = 4.0


def openPanel() -> object:
    """The module's panel in an empty scene, as after Slicer's start."""
    slicer.mrmlScene.Clear(0)
    widget = slicer.util.getModuleWidget("CardiacCompletion")
    widget.enter()
    settle()
    widget._parameterNode.spacing = COARSE
    # Where a test is not about them, preview and plausible hearts would only take the engine's time.
    widget._parameterNode.preview = False
    widget._parameterNode.samples = 0
    return widget


def loadHeart(name: str = "Heart") -> slicer.vtkMRMLSegmentationNode:
    """The sample heart as a user's own segmentation: nothing in it says that a completion wrote it."""
    node = slicer.util.loadSegmentation(str(samplePath()), {"name": name})
    segmentation = node.GetSegmentation()
    for segmentId in segmentation.GetSegmentIDs():
        segmentation.GetSegment(segmentId).RemoveTag("CardiacCompletion.Origin")
    return node


def choose(combo: object, data: str) -> None:
    """Choose the entry of a combo box that stands for something."""
    index = combo.findData(data)
    assert index >= 0, f"{data} cannot be chosen"
    combo.setCurrentIndex(index)


def cutAbove(node: slicer.vtkMRMLSegmentationNode, segmentId: str, share: float) -> None:
    """Erase the upper part of a segment, from a share of its height on, as a scan that ends there would."""
    image = slicer.vtkOrientedImageData()
    node.GetBinaryLabelmapRepresentation(segmentId, image)
    extent = list(image.GetExtent())
    extent[5] = extent[4] + int(share * (extent[5] - extent[4]))
    clip = vtk.vtkExtractVOI()
    clip.SetInputData(image)
    clip.SetVOI(*extent)
    clip.Update()
    kept = slicer.vtkOrientedImageData()
    kept.ShallowCopy(clip.GetOutput())
    kept.CopyDirections(image)
    logic = slicer.vtkSlicerSegmentationsModuleLogic
    logic.SetBinaryLabelmapToSegment(kept, node, segmentId, logic.MODE_REPLACE)


def trust(widget: object, keys: tuple[str, ...]) -> None:
    for key in keys:
        choose(widget.structures.useCombo(key), "trust")


def waitUntil(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    """Let Slicer work until something is so."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "this takes too long"
        slicer.app.processEvents()
        time.sleep(0.01)


def settle() -> None:
    """Let pending updates of the panel happen."""
    end = time.monotonic() + 0.25
    while time.monotonic() < end:
        slicer.app.processEvents()
        time.sleep(0.01)


def completeByButton(widget: object) -> slicer.vtkMRMLSegmentationNode:
    """Press Complete Heart and wait for the result."""
    assert widget.ui.completeButton.enabled, widget.ui.completeButton.toolTip
    widget.ui.completeButton.click()
    assert widget.run is not None, widget.ui.statusLabel.text
    waitUntil(lambda: widget.run is None)
    return widget._parameterNode.resultSegmentation


def segmentNames(node: slicer.vtkMRMLSegmentationNode) -> set[str]:
    segmentation = node.GetSegmentation()
    return {segmentation.GetSegment(segmentId).GetName() for segmentId in segmentation.GetSegmentIDs()}


def segmentIdOf(node: slicer.vtkMRMLSegmentationNode, name: str) -> str:
    return node.GetSegmentation().GetSegmentIdBySegmentName(name)
