"""What goes wrong on a bad day, and what the panel makes of it: one sentence, and a scene that is as it was."""

from __future__ import annotations

import tempfile
import unittest
from pathlib import Path

import slicer
import vtk
from panel import (
    VENTRICLES,
    completeByButton,
    loadHeart,
    openPanel,
    segmentIdOf,
    segmentNames,
    settle,
    trust,
    waitUntil,
)

from CardiacCompletionLib.mrml.plausible_hearts import PlausibleHearts
from CardiacCompletionLib.mrml.segmentation_reading import origin_of


def segmentations() -> list[str]:
    return [node.GetName() for node in slicer.util.getNodesByClass("vtkMRMLSegmentationNode")]


class CardiacCompletionMishapsTest(unittest.TestCase):
    def setUp(self) -> None:
        self.widget = openPanel()
        self.ui = self.widget.ui
        self.heart = loadHeart()
        self.ui.inputSelector.setCurrentNode(self.heart)

    def startCompletion(self) -> None:
        trust(self.widget, VENTRICLES)
        self.ui.completeButton.click()
        assert self.widget.run is not None, self.ui.statusLabel.text

    def test_cancel_half_way_kills_the_engine_and_changes_nothing(self) -> None:
        self.widget._parameterNode.spacing = 0.5
        before = segmentNames(self.heart)
        self.startCompletion()
        waitUntil(lambda: self.ui.progressBar.value >= 10)
        assert self.widget.logic.engine.running
        assert self.ui.completeButton.text == "Cancel"
        self.ui.completeButton.click()
        assert self.widget.run is None
        assert not self.widget.logic.engine.running
        assert "cancelled" in self.ui.statusLabel.text
        assert segmentations() == ["Heart"]
        assert segmentNames(self.heart) == before
        assert self.ui.completeButton.text == "Complete Heart"
        assert not self.ui.progressBar.visible

    def test_after_a_cancel_the_next_completion_works(self) -> None:
        self.startCompletion()
        self.ui.completeButton.click()
        assert "Left atrium" in segmentNames(completeByButton(self.widget))

    def test_closing_the_scene_while_running_stops_quietly(self) -> None:
        self.startCompletion()
        slicer.mrmlScene.Clear(0)
        settle()
        assert self.widget.run is None
        assert not self.widget.logic.engine.running
        assert segmentations() == []
        assert self.ui.statusLabel.text == ""
        assert not self.ui.completeButton.enabled

    def test_the_input_deleted_while_running_stops_with_a_sentence(self) -> None:
        self.startCompletion()
        slicer.mrmlScene.RemoveNode(self.heart)
        waitUntil(lambda: self.widget.run is None)
        assert "input segmentation was removed" in self.ui.statusLabel.text
        assert segmentations() == []
        assert not self.widget.logic.engine.running

    def test_the_output_deleted_while_running_changes_nothing_else(self) -> None:
        output = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Output")
        self.ui.outputSelector.setCurrentNode(output)
        self.startCompletion()
        slicer.mrmlScene.RemoveNode(output)
        waitUntil(lambda: self.widget.run is None)
        assert "output segmentation was removed" in self.ui.statusLabel.text
        assert segmentations() == ["Heart"]

    def test_an_engine_that_dies_is_reported_in_a_sentence(self) -> None:
        self.startCompletion()
        self.widget.logic.engine._process.kill()
        waitUntil(lambda: self.widget.run is None)
        assert "stopped unexpectedly" in self.ui.statusLabel.text
        assert segmentations() == ["Heart"]

    def test_nothing_trusted_leaves_the_button_disabled_with_the_reason(self) -> None:
        assert not self.ui.completeButton.enabled
        assert self.ui.completeButton.toolTip == "Trust at least one structure."

    def test_what_the_engine_refuses_is_shown_as_its_own_sentence(self) -> None:
        transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "Mirror")
        transform.SetMatrixTransformToParent(_scaling(-1.0, 1.0, 1.0))
        self.heart.SetAndObserveTransformNodeID(transform.GetID())
        trust(self.widget, ("left_atrium",))
        self.startCompletion()
        waitUntil(lambda: self.widget.run is None)
        assert "mirrored" in self.ui.statusLabel.text
        assert segmentations() == ["Heart"]

    def test_a_bent_transform_is_refused_before_anything_starts(self) -> None:
        transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLBSplineTransformNode", "Bent")
        self.heart.SetAndObserveTransformNodeID(transform.GetID())
        trust(self.widget, VENTRICLES)
        self.ui.completeButton.click()
        assert self.widget.run is None
        assert "harden it first" in self.ui.statusLabel.text

    def chosenOutput(self) -> slicer.vtkMRMLSegmentationNode:
        """A segmentation that the user has drawn something into, and chosen as output."""
        output = loadHeart("Output")
        for name in ("Left ventricle", "Myocardium", "Right ventricle"):
            output.GetSegmentation().RemoveSegment(segmentIdOf(output, name))
        self.ui.outputSelector.setCurrentNode(output)
        return output

    def moveUp(self, node: slicer.vtkMRMLSegmentationNode) -> None:
        transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "Up")
        matrix = _scaling(1.0, 1.0, 1.0)
        matrix.SetElement(2, 3, 50.0)
        transform.SetMatrixTransformToParent(matrix)
        node.SetAndObserveTransformNodeID(transform.GetID())

    def test_an_output_under_another_transform_is_refused_before_anything_starts(self) -> None:
        self.moveUp(self.chosenOutput())
        trust(self.widget, VENTRICLES)
        self.ui.completeButton.click()
        assert self.widget.run is None
        assert "Output lies under another transform than Heart" in self.ui.statusLabel.text

    def test_an_output_that_is_moved_away_meanwhile_keeps_all_it_has(self) -> None:
        output = self.chosenOutput()
        PlausibleHearts.attach(output, [loadHeart("Plausible")])
        self.startCompletion()
        self.moveUp(output)
        waitUntil(lambda: self.widget.run is None)
        assert "Output lies under another transform than Heart" in self.ui.statusLabel.text
        assert segmentNames(output) == {"Left atrium"}
        assert PlausibleHearts.of(output) is not None

    def test_of_a_sequence_the_panel_says_that_it_completes_one_frame(self) -> None:
        heart = loadHeart()
        sequence = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSequenceNode", "Beating")
        for index in range(2):
            sequence.SetDataNodeAtValue(heart, str(index))
        browser = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSequenceBrowserNode", "Browser")
        browser.AddSynchronizedSequenceNode(sequence)
        slicer.modules.sequences.logic().UpdateProxyNodesFromSequences(browser)
        frame = browser.GetProxyNode(sequence)
        self.ui.inputSelector.setCurrentNode(frame)
        settle()
        assert f"{frame.GetName()} is one frame of the sequence Beating" in self.ui.notesLabel.text
        assert "complete() in the Python console" in self.ui.notesLabel.text
        self.ui.inputSelector.setCurrentNode(heart)
        settle()
        assert not self.ui.notesLabel.text

    def test_a_heart_under_a_transform_is_completed_under_it(self) -> None:
        transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "Shift")
        matrix = _scaling(1.0, 1.0, 1.0)
        matrix.SetElement(2, 3, 500.0)
        transform.SetMatrixTransformToParent(matrix)
        self.heart.SetAndObserveTransformNodeID(transform.GetID())
        trust(self.widget, VENTRICLES)
        result = completeByButton(self.widget)
        assert result.GetTransformNodeID() == transform.GetID()
        atrium = result.GetSegmentation().GetSegmentIdBySegmentName("Left atrium")
        ventricle = result.GetSegmentation().GetSegmentIdBySegmentName("Left ventricle")
        distance = sum(
            (a - b) ** 2
            for a, b in zip(result.GetSegmentCenterRAS(atrium), result.GetSegmentCenterRAS(ventricle), strict=True)
        )
        assert distance < 120.0**2

    def test_everything_survives_saving_and_loading_the_scene(self) -> None:
        trust(self.widget, VENTRICLES)
        self.widget._parameterNode.leftOut = ["coronary_arteries"]
        result = completeByButton(self.widget)
        shown = [self.ui.resultTable.item(row, 2).text() for row in range(self.ui.resultTable.rowCount)]
        name, names = result.GetName(), segmentNames(result)
        with tempfile.TemporaryDirectory(prefix="with a space ") as folder:
            bundle = str(Path(folder) / "scène.mrb")
            assert slicer.util.saveScene(bundle, {})
            slicer.mrmlScene.Clear(0)
            settle()
            assert self.ui.resultTable.rowCount == 0
            slicer.util.loadScene(bundle, {"clear": True})
        settle()
        parameters = self.widget._parameterNode
        assert set(parameters.trusted) == set(VENTRICLES)
        assert list(parameters.leftOut) == ["coronary_arteries"]
        assert parameters.spacing == 4.0
        assert parameters.inputSegmentation.GetName() == "Heart"
        assert self.ui.inputSelector.currentNode() is parameters.inputSegmentation
        assert parameters.resultSegmentation.GetName() == name
        assert segmentNames(parameters.resultSegmentation) == names
        loaded = [self.ui.resultTable.item(row, 2).text() for row in range(self.ui.resultTable.rowCount)]
        assert loaded == shown
        assert self.ui.completeButton.enabled
        atrium = parameters.resultSegmentation.GetSegmentation().GetSegmentIdBySegmentName("Left atrium")
        assert origin_of(parameters.resultSegmentation.GetSegmentation().GetSegment(atrium)) == "inferred"


def _scaling(x: float, y: float, z: float) -> vtk.vtkMatrix4x4:
    matrix = vtk.vtkMatrix4x4()
    for axis, factor in enumerate((x, y, z)):
        matrix.SetElement(axis, axis, factor)
    return matrix
