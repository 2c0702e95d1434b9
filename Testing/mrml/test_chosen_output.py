"""A segmentation that the user has chosen as output: what is in it stays, and the result lies in its place."""

from __future__ import annotations

import pytest
import vtk

from CardiacCompletionLib.errors import CompletionError
from CardiacCompletionLib.mrml.result_writing import check_output
from CardiacCompletionLib.mrml.undo import CompletionUndo
from Testing.mrml.completions import complete
from Testing.mrml.phantoms import (
    TURN,
    bent_transform,
    linear_transform,
    partial_heart,
    segment_id,
    segmentation_of,
)


def test_an_output_that_holds_segments_under_another_transform_is_refused(scene):
    masks = partial_heart()
    node, output = segmentation_of(masks), segmentation_of({"scar": masks["aorta"]}, name="Output")
    output.SetAndObserveTransformNodeID(linear_transform(TURN).GetID())
    with pytest.raises(CompletionError, match="Output lies under another transform than Heart: put both under"):
        complete(node, output=output)
    assert output.GetSegmentation().GetNumberOfSegments() == 1
    # Another transform that does the same is no other place.
    node.SetAndObserveTransformNodeID(linear_transform(TURN, "The same").GetID())
    complete(node, output=output)
    assert {segment_id(output, name) for name in ("scar", "Left ventricle", "Left atrium")}.isdisjoint({""})


def test_an_empty_output_comes_under_the_transform_of_the_input_and_undo_takes_it_out(scene):
    node = segmentation_of(partial_heart())
    transform = linear_transform(TURN)
    output = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Output")
    output.SetAndObserveTransformNodeID(bent_transform().GetID())
    node.SetAndObserveTransformNodeID(transform.GetID())
    before = output.GetTransformNodeID()
    undo = CompletionUndo(output, created=False)
    complete(node, output=output)
    assert output.GetTransformNodeID() == transform.GetID()
    undo.restore()
    assert output.GetTransformNodeID() == before
    assert output.GetSegmentation().GetNumberOfSegments() == 0


def test_surfaces_are_no_place_to_add_voxels_to(scene):
    node = segmentation_of(partial_heart())
    surfaces = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Surfaces")
    surfaces.SetSourceRepresentationToClosedSurface()
    sphere = vtk.vtkSphereSource()
    sphere.Update()
    surfaces.AddSegmentFromClosedSurfaceRepresentation(sphere.GetOutput(), "ball", [1, 0, 0], "ball")
    with pytest.raises(CompletionError, match="Surfaces holds surfaces, not voxels"):
        complete(node, output=surfaces)
    with pytest.raises(CompletionError, match="Surfaces holds surfaces, not voxels"):
        check_output(surfaces, surfaces)
    assert surfaces.GetSegmentation().GetNumberOfSegments() == 1
