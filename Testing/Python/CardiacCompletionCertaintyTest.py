"""How sure a result is, as the panel shows it: in numbers and words, as other plausible hearts, as a volume."""

from __future__ import annotations

import tempfile
import unittest
from pathlib import Path

import numpy as np
import slicer
import vtk
from panel import VENTRICLES, completeByButton, loadHeart, openPanel, segmentIdOf, segmentNames, settle, trust

from CardiacCompletionLib.mrml.certainty import certainty_of
from CardiacCompletionLib.mrml.plausible_hearts import PlausibleHearts
from CardiacCompletionLib.mrml.segmentation_reading import volume_ml

COUNT = 4


def nodeNames() -> set[str]:
    """Of all that a user sees in the Data module."""
    kinds = ("vtkMRMLSegmentationNode", "vtkMRMLScalarVolumeNode", "vtkMRMLSequenceNode", "vtkMRMLSequenceBrowserNode")
    return {f"{kind}: {node.GetName()}" for kind in kinds for node in slicer.util.getNodesByClass(kind)}


class CardiacCompletionCertaintyTest(unittest.TestCase):
    def setUp(self) -> None:
        self.widget = openPanel()
        self.ui = self.widget.ui
        self.heart = loadHeart()
        self.ui.inputSelector.setCurrentNode(self.heart)
        trust(self.widget, VENTRICLES)
        self.ui.samplesSpinBox.value = COUNT
        self.before = nodeNames()

    def complete(self) -> slicer.vtkMRMLSegmentationNode:
        self.result = completeByButton(self.widget)
        return self.result

    def shownSegments(self, node: slicer.vtkMRMLSegmentationNode) -> set[str]:
        """Names of the segments that can be seen."""
        if not node.GetDisplayVisibility():
            return set()
        display, segmentation = node.GetDisplayNode(), node.GetSegmentation()
        seen = [ID for ID in segmentation.GetSegmentIDs() if display.GetSegmentVisibility(ID)]
        return {segmentation.GetSegment(ID).GetName() for ID in seen}

    def proxies(self) -> list[slicer.vtkMRMLSegmentationNode]:
        nodes = slicer.util.getNodesByClass("vtkMRMLSegmentationNode")
        return [node for node in nodes if "plausible" in node.GetName()]

    def select(self, name: str) -> None:
        self.widget.result.table.select(segmentIdOf(self.result, name))

    def test_the_table_says_how_sure_inferred_structures_are(self) -> None:
        self.complete()
        name, origin, volume, interval, confidence = self.widget.result.table.text(
            segmentIdOf(self.result, "Left atrium")
        )
        assert (name, origin) == ("Left atrium", "inferred")
        low, high = map(float, interval.split("–"))
        assert low < high
        assert 0.3 * float(volume) < low < 3 * float(volume)
        word, number = confidence.split(" (")
        said = certainty_of(self.result.GetSegmentation().GetSegment(segmentIdOf(self.result, "Left atrium")))
        assert float(number.rstrip(")")) == round(said.confidence, 2)
        assert word == ("high" if said.confidence >= 0.85 else "fair" if said.confidence >= 0.7 else "low")
        assert self.widget.result.table.text(segmentIdOf(self.result, "Left ventricle"))[3:] == ["", ""]

    def test_without_plausible_hearts_nothing_is_said_and_nothing_offered(self) -> None:
        self.ui.samplesSpinBox.value = 0
        self.complete()
        assert self.widget.result.table.text(segmentIdOf(self.result, "Left atrium"))[3:] == ["", ""]
        assert self.ui.heartsSlider.isHidden()
        self.select("Left atrium")
        assert not self.ui.probabilityButton.enabled
        assert nodeNames() - self.before == {f"vtkMRMLSegmentationNode: {self.result.GetName()}"}

    def test_the_slider_steps_through_hearts_that_differ(self) -> None:
        self.complete()
        assert not self.ui.heartsSlider.isHidden()
        assert (self.ui.heartsSlider.value, self.ui.heartsSlider.maximum) == (0, COUNT)
        assert self.ui.heartShownLabel.text == "the result"
        (proxy,) = self.proxies()
        whole = self.shownSegments(self.result)
        assert "Left atrium" in whole
        assert self.shownSegments(proxy) == set()
        nodes, hearts = nodeNames(), set()
        for number in range(1, COUNT + 1):
            self.ui.heartsSlider.value = number
            assert self.ui.heartShownLabel.text == f"{number} of {COUNT}"
            assert "Left atrium" in self.shownSegments(proxy)
            assert proxy.GetSegmentation().ContainsRepresentation("Closed surface")
            assert not self.shownSegments(self.result) & self.shownSegments(proxy)
            assert "Left ventricle" in self.shownSegments(self.result)
            hearts.add((*proxy.GetSegmentCenterRAS("left_atrium"), volume_ml(proxy, "left_atrium")))
        assert len(hearts) == COUNT
        assert nodeNames() == nodes
        self.ui.heartsSlider.value = 0
        assert self.shownSegments(self.result) == whole
        assert self.shownSegments(proxy) == set()

    def test_the_probability_of_the_selected_structure_is_a_volume_at_its_place(self) -> None:
        transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "Shift")
        matrix = vtk.vtkMatrix4x4()
        matrix.SetElement(0, 3, 300.0)
        transform.SetMatrixTransformToParent(matrix)
        self.heart.SetAndObserveTransformNodeID(transform.GetID())
        self.complete()
        assert not self.ui.probabilityButton.enabled
        self.select("Left ventricle")
        assert not self.ui.probabilityButton.enabled
        self.select("Left atrium")
        self.ui.probabilityButton.click()
        (volume,) = slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")
        assert "Left atrium" in volume.GetName()
        assert volume.GetTransformNodeID() == transform.GetID()
        values = slicer.util.arrayFromVolume(volume)
        assert values.min() == 0.0
        assert 0.9 < values.max() <= 1.0
        ijkToRas = vtk.vtkMatrix4x4()
        volume.GetIJKToRASMatrix(ijkToRas)
        middle = [*np.average(np.argwhere(values > 0), axis=0, weights=values[values > 0])[::-1], 1.0]
        middle = transform.GetMatrixTransformToParent().MultiplyPoint(ijkToRas.MultiplyPoint(middle))[:3]
        centre = self.result.GetSegmentCenterRAS(segmentIdOf(self.result, "Left atrium"))
        assert np.linalg.norm(np.subtract(middle, centre)) < 15.0
        self.ui.probabilityButton.click()
        assert len(slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")) == 1

    def test_all_of_it_survives_saving_and_loading(self) -> None:
        self.complete()
        atrium = segmentIdOf(self.result, "Left atrium")
        row = self.widget.result.table.text(atrium)
        self.ui.heartsSlider.value = 3
        name, names = self.result.GetName(), segmentNames(self.proxies()[0])
        with tempfile.TemporaryDirectory() as folder:
            bundle = str(Path(folder) / "scene.mrb")
            assert slicer.util.saveScene(bundle, {})
            slicer.mrmlScene.Clear(0)
            settle()
            assert self.ui.heartsSlider.isHidden()
            slicer.util.loadScene(bundle, {"clear": True})
        settle()
        self.result = self.widget._parameterNode.resultSegmentation
        assert self.result.GetName() == name
        assert self.widget._parameterNode.samples == COUNT
        assert self.widget.result.table.text(atrium) == row
        assert self.ui.heartsSlider.value == 3
        assert self.proxies()[0].GetSegmentation().ContainsRepresentation("Closed surface")
        assert segmentNames(self.proxies()[0]) == names
        self.ui.heartsSlider.value = 1
        assert "Left atrium" in self.shownSegments(self.proxies()[0])
        self.select("Left atrium")
        self.ui.probabilityButton.click()
        (volume,) = slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")
        assert slicer.util.arrayFromVolume(volume).max() == 1.0

    def test_undo_takes_hearts_and_volumes_along(self) -> None:
        self.complete()
        self.select("Left atrium")
        self.ui.probabilityButton.click()
        self.ui.undoButton.click()
        assert nodeNames() == self.before
        assert self.ui.heartsSlider.isHidden()

    def test_undo_of_a_second_completion_brings_the_hearts_of_the_first_back(self) -> None:
        self.ui.outputSelector.setCurrentNode(self.heart)
        self.complete()
        (proxy,) = self.proxies()
        PlausibleHearts.of(self.heart).show(2)
        centre = proxy.GetSegmentCenterRAS("left_atrium")
        self.ui.samplesSpinBox.value = 2
        self.complete()
        assert self.ui.heartsSlider.maximum == 2
        assert len(self.proxies()) == 1
        self.ui.undoButton.click()
        assert self.ui.heartsSlider.maximum == COUNT
        self.ui.heartsSlider.value = 2
        (proxy,) = self.proxies()
        np.testing.assert_allclose(proxy.GetSegmentCenterRAS("left_atrium"), centre)

    def test_hearts_that_the_user_deletes_are_no_longer_offered(self) -> None:
        self.complete()
        (sequence,) = slicer.util.getNodesByClass("vtkMRMLSequenceNode")
        slicer.mrmlScene.RemoveNode(sequence)
        self.ui.heartsSlider.value = 1
        assert self.ui.heartsSlider.isHidden()
        assert "Left atrium" in self.shownSegments(self.result)

    def test_what_is_accepted_is_no_guess_any_more(self) -> None:
        self.complete()
        atrium = segmentIdOf(self.result, "Left atrium")
        self.ui.heartsSlider.value = 2
        self.widget.result.table.select(atrium)
        self.ui.acceptButton.click()
        assert self.widget.result.table.text(atrium)[3:] == ["", ""]
        assert self.proxies() == []
        assert "Left atrium" in self.shownSegments(self.result)
        assert self.ui.heartsSlider.isHidden()
