"""A segmentation that the user has chosen as output: what is in it stays, and the result lies in its place."""

from __future__ import annotations

import numpy as np
import pytest
import vtk

from CardiacCompletionLib.errors import CompletionError
from CardiacCompletionLib.mrml.oriented_image import VoxelGrid, labelmap_image
from CardiacCompletionLib.mrml.result_writing import check_output
from CardiacCompletionLib.mrml.segmentation_reading import origin_of
from CardiacCompletionLib.mrml.undo import CompletionUndo
from Testing.mrml.completions import INFERRED, TRUSTED, VOCABULARY, complete
from Testing.mrml.phantoms import (
    OBLIQUE,
    SHAPE,
    TURN,
    bent_transform,
    linear_transform,
    partial_heart,
    segment_id,
    segmentation_of,
    voxels_of,
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


def test_segments_of_the_user_s_own_stay_though_they_have_the_same_ids(scene):
    """As in a copy of the input, and in what an earlier completion wrote and the user has taken over."""
    masks = partial_heart()
    node, output = segmentation_of(masks), scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Output")
    own = [segment_id(node, "left_ventricle"), "left_atrium", "left_ventricle_continued"]
    for identifier in own:
        image = labelmap_image(masks["aorta"], VoxelGrid(OBLIQUE, (0, 0, 0), SHAPE))
        output.AddSegmentFromBinaryLabelmapRepresentation(image, f"my {identifier}", [1, 1, 0], identifier)
    segmentation = output.GetSegmentation()
    for _ in range(2):  # what the first one wrote the second one replaces
        complete(node, output=output)
        assert segmentation.GetNumberOfSegments() == len(own) + len(TRUSTED) + len(INFERRED)
        for identifier in own:
            segment = segmentation.GetSegment(identifier)
            assert (segment.GetName(), origin_of(segment), segment.GetColor()) == (f"my {identifier}", None, (1, 1, 0))
            np.testing.assert_array_equal(voxels_of(output, identifier, SHAPE), masks["aorta"])
        for key in TRUSTED:
            identifier = segment_id(output, VOCABULARY[key].name)
            assert origin_of(segmentation.GetSegment(identifier)) == "trusted"
            np.testing.assert_array_equal(voxels_of(output, identifier, SHAPE), masks[key])
        assert origin_of(segmentation.GetSegment(segment_id(output, "Left atrium"))) == "inferred"


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
