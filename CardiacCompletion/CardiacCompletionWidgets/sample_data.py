"""The sample heart: in Slicer's Sample Data module, and straight from disk for the panel."""

from __future__ import annotations

import hashlib
from pathlib import Path

import slicer
from slicer.i18n import tr as _

from CardiacCompletionLib.resources import resource_path

_NAME = "PartialHeart"


def samplePath() -> Path:
    """A virtual heart of which some structures are missing; it comes with the extension."""
    return resource_path("SampleData", f"{_NAME}.seg.nrrd")


def loadSampleHeart() -> slicer.vtkMRMLSegmentationNode:
    """Load the sample heart into the scene and show it in 3D."""
    node = slicer.util.loadSegmentation(str(samplePath()), {"name": _("Sample heart")})
    node.CreateClosedSurfaceRepresentation()
    return node


def registerSampleData() -> None:
    """List the sample heart in the Sample Data module."""
    import SampleData

    path = samplePath()
    icon = Path(__file__).resolve().parent.parent / "Resources" / "Icons" / f"{_NAME}.png"
    SampleData.SampleDataLogic.registerCustomSampleDataSource(
        category="CardiacCompletion",
        sampleName=_NAME,
        thumbnailFileName=str(icon),
        uris=path.as_uri(),
        fileNames=path.name,
        nodeNames=_NAME,
        loadFileTypes="SegmentationFile",
        checksums="SHA256:" + hashlib.sha256(path.read_bytes()).hexdigest(),
    )
