"""The panel's state, kept in the scene."""

from typing import Annotated

from slicer import vtkMRMLScalarVolumeNode, vtkMRMLSegmentationNode
from slicer.parameterNodeWrapper import Choice, WithinRange, parameterNodeWrapper


@parameterNodeWrapper
class CardiacCompletionParameterNode:
    """What the panel shows, kept in the scene.

    Structures stand by their keys; ``segments`` holds key -> segment ID where the user has decided.
    """

    inputSegmentation: vtkMRMLSegmentationNode
    referenceVolume: vtkMRMLScalarVolumeNode
    outputSegmentation: vtkMRMLSegmentationNode
    resultSegmentation: vtkMRMLSegmentationNode
    trusted: list[str]
    leftOut: list[str]
    segments: dict[str, str]
    warnings: list[str]
    convention: str = ""
    weights: str = ""
    spacing: Annotated[float, WithinRange(0.3, 5.0)] = 1.0
    device: Annotated[str, Choice(["auto", "cpu", "cuda", "mps"])] = "auto"
