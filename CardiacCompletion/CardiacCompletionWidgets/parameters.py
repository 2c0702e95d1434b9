"""The panel's state, kept in the scene."""

from typing import Annotated

from slicer import vtkMRMLScalarVolumeNode, vtkMRMLSegmentationNode
from slicer.parameterNodeWrapper import Choice, WithinRange, parameterNodeWrapper

from CardiacCompletionLib.mrml.scene_completion import CompletionOptions

_PROPERTY = "SlicerParameterName"  # in the .ui file


@parameterNodeWrapper
class CardiacCompletionParameterNode:
    """What the panel shows, kept in the scene.

    Structures stand by their keys; ``segments`` holds key -> segment ID where the user has decided. ``cut`` names
    those of the trusted that the user says are cut off.
    """

    inputSegmentation: vtkMRMLSegmentationNode
    referenceVolume: vtkMRMLScalarVolumeNode
    outputSegmentation: vtkMRMLSegmentationNode
    resultSegmentation: vtkMRMLSegmentationNode
    trusted: list[str]
    cut: list[str]
    leftOut: list[str]
    segments: dict[str, str]
    warnings: list[str]
    convention: str = ""
    weights: str = ""
    spacing: Annotated[float, WithinRange(0.3, 5.0)] = 1.0
    samples: Annotated[int, WithinRange(0, 64)] = 16
    preview: bool = True
    force: bool = False
    device: Annotated[str, Choice(["auto", "cpu", "cuda", "mps"])] = "auto"


def connectToWidgets(parameters: CardiacCompletionParameterNode, ui: object) -> int:
    """Connect the parameters with the widgets that name one; the tag is for ``disconnectGui``.

    Not by ``connectGui``, which gives back no tag (github.com/Slicer/Slicer/issues/7547), so that nothing could be
    disconnected and every visit of the module would add connections that reset the choice of the device.
    """
    named = [(widget.property(_PROPERTY), widget) for widget in vars(ui).values()]
    return parameters.connectParametersToGui({name: widget for name, widget in named if name})


def completionOptions(parameters: CardiacCompletionParameterNode) -> CompletionOptions:
    """What the panel's parameters mean for the engine."""
    return CompletionOptions(
        spacing=parameters.spacing,
        device=parameters.device,
        weights=parameters.weights or None,
        convention=parameters.convention or None,
        segments=dict(parameters.segments),
        left_out=tuple(parameters.leftOut),
        cut=dict.fromkeys(parameters.cut, True),
        force=parameters.force,
        samples=parameters.samples,
        reference_volume=parameters.referenceVolume,
    )
