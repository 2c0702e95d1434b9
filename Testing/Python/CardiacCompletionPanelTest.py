"""The panel, clicked through: what a clinician does on a good day."""

from __future__ import annotations

import json
import tempfile
import unittest
from pathlib import Path

import numpy as np
import slicer
import vtk
from panel import (
    VENTRICLES,
    choose,
    completeByButton,
    cutAbove,
    loadHeart,
    openPanel,
    segmentIdOf,
    segmentNames,
    settle,
    trust,
    waitUntil,
)

from CardiacCompletionLib.anatomy.vocabulary import load_vocabulary
from CardiacCompletionLib.mrml.segmentation_reading import origin_of, read_heart

VOCABULARY = load_vocabulary()


def maskOf(node: slicer.vtkMRMLSegmentationNode, segmentId: str) -> np.ndarray:
    """RAS mm [N, 3] of a segment's voxels."""
    heart = read_heart(node, {"it": segmentId}).heart
    region = heart.regions["it"]
    kji = np.argwhere(region.mask) + region.start
    return kji[:, ::-1] @ heart.ijk_to_ras[:3, :3].T + heart.ijk_to_ras[:3, 3]


class CardiacCompletionPanelTest(unittest.TestCase):
    def setUp(self) -> None:
        self.widget = openPanel()
        self.ui = self.widget.ui

    def test_the_first_opening_says_what_to_do_and_offers_nothing_else(self) -> None:
        assert not self.ui.completeButton.enabled
        assert "Choose a segmentation" in self.ui.completeButton.toolTip
        assert self.ui.completeButton.text == "Complete Heart"
        assert self.ui.sampleButton.enabled
        for button in (self.ui.trustAllButton, self.ui.acceptButton, self.ui.undoButton):
            assert not button.enabled
        assert self.ui.structuresTable.rowCount == 10
        assert self.ui.resultTable.rowCount == 0
        assert not self.ui.progressBar.visible

    def test_the_sample_heart_is_completed_with_two_clicks(self) -> None:
        self.ui.sampleButton.click()
        assert self.ui.completeButton.enabled, self.ui.completeButton.toolTip
        result = completeByButton(self.widget)
        given = set(self.widget._parameterNode.trusted)
        assert {"left_ventricle", "myocardium"} <= given
        found = {
            name: origin_of(result.GetSegmentation().GetSegment(segmentIdOf(result, name)))
            for name in segmentNames(result)
        }
        assert {name for name, origin in found.items() if origin == "trusted"} == {
            VOCABULARY[key].name for key in given
        }
        assert "inferred" in found.values()
        assert self.ui.resultTable.rowCount == len(found)
        assert result.GetSegmentation().ContainsRepresentation("Closed surface")
        assert self.ui.statusLabel.text.startswith("Done")
        assert result.GetDisplayVisibility()
        assert not self.widget._parameterNode.inputSegmentation.GetDisplayVisibility()

    def test_ventricles_only(self) -> None:
        heart = loadHeart()
        self.ui.inputSelector.setCurrentNode(heart)
        assert not self.ui.completeButton.enabled
        assert self.ui.completeButton.toolTip == "Trust at least one structure."
        trust(self.widget, VENTRICLES)
        result = completeByButton(self.widget)
        for key in VENTRICLES:
            name = VOCABULARY[key].name
            np.testing.assert_allclose(
                maskOf(result, segmentIdOf(result, name)), maskOf(heart, segmentIdOf(heart, name)), atol=1e-9
            )
        atrium = result.GetSegmentation().GetSegment(segmentIdOf(result, "Left atrium"))
        assert origin_of(atrium) == "inferred"

    def test_trust_all_found_and_clear(self) -> None:
        self.ui.inputSelector.setCurrentNode(loadHeart())
        self.ui.trustAllButton.click()
        assert set(self.widget._parameterNode.trusted) == {*VENTRICLES, "left_atrium"}
        assert self.widget.structures.useCombo("left_atrium").currentText == "Trust"
        self.ui.clearButton.click()
        assert list(self.widget._parameterNode.trusted) == []
        assert self.widget.structures.useCombo("left_atrium").currentText == "Infer"

    def test_a_structure_left_out_is_not_in_the_result(self) -> None:
        self.ui.inputSelector.setCurrentNode(loadHeart())
        trust(self.widget, VENTRICLES)
        choose(self.widget.structures.useCombo("left_atrium"), "leaveOut")
        assert "Left atrium" not in segmentNames(completeByButton(self.widget))

    def test_a_structure_that_is_cut_off_is_trusted_and_continued(self) -> None:
        heart = loadHeart()
        ID = segmentIdOf(heart, "Right ventricle")
        cutAbove(heart, ID, share=0.6)
        kept = maskOf(heart, ID)
        self.ui.inputSelector.setCurrentNode(heart)
        trust(self.widget, ("left_ventricle", "myocardium", "left_atrium"))
        choose(self.widget.structures.useCombo("right_ventricle"), "trustCut")
        assert self.widget.structures.useCombo("right_ventricle").currentText == "Trust, but cut off"
        assert "right_ventricle" in self.widget._parameterNode.trusted
        result = completeByButton(self.widget)
        np.testing.assert_allclose(maskOf(result, segmentIdOf(result, "Right ventricle")), kept, atol=1e-9)
        part = result.GetSegmentation().GetSegment(segmentIdOf(result, "Right ventricle (continued)"))
        assert origin_of(part) == "continued"
        rows = [self.ui.resultTable.item(row, 1).text() for row in range(self.ui.resultTable.rowCount)]
        assert rows.count("continued") == 1
        choose(self.widget.structures.useCombo("right_ventricle"), "trust")
        assert list(self.widget._parameterNode.cut) == []

    def test_a_heart_that_looks_wrong_is_refused_unless_the_user_insists(self) -> None:
        heart = loadHeart()
        names = ("Left ventricle", "Right ventricle")
        left, right = (segmentIdOf(heart, name) for name in names)
        self.ui.inputSelector.setCurrentNode(heart)
        choose(self.widget.structures.segmentCombo("left_ventricle"), right)
        choose(self.widget.structures.segmentCombo("right_ventricle"), left)
        trust(self.widget, ("left_ventricle", "right_ventricle", "left_atrium"))
        self.ui.completeButton.click()
        waitUntil(lambda: self.widget.run is None)
        assert "Left ventricle and Right ventricle look swapped" in self.ui.statusLabel.text
        self.ui.forceCheckBox.click()
        assert self.widget._parameterNode.force
        completeByButton(self.widget)
        assert "look swapped" in self.ui.warningsLabel.text

    def test_a_wrong_mapping_is_seen_and_corrected(self) -> None:
        heart = loadHeart()
        atrium = heart.GetSegmentation().GetSegment(segmentIdOf(heart, "Left atrium"))
        atrium.SetName("Chamber A")
        atrium.RemoveTag(slicer.vtkSegment.GetTerminologyEntryTagName())
        self.ui.inputSelector.setCurrentNode(heart)
        combo = self.widget.structures.segmentCombo("left_atrium")
        assert combo.currentData == ""
        trust(self.widget, ("left_atrium",))
        assert not self.ui.completeButton.enabled
        assert "Left atrium cannot be trusted" in self.ui.completeButton.toolTip
        choose(combo, segmentIdOf(heart, "Chamber A"))
        assert self.ui.completeButton.enabled, self.ui.completeButton.toolTip
        choose(self.widget.structures.segmentCombo("left_atrium"), segmentIdOf(heart, "Left ventricle"))
        trust(self.widget, ("left_ventricle",))
        assert "are the same segment" in self.ui.completeButton.toolTip

    def test_what_was_chosen_for_one_heart_is_forgotten_with_the_next(self) -> None:
        first, second = loadHeart("First"), loadHeart("Second")
        self.ui.inputSelector.setCurrentNode(first)
        trust(self.widget, VENTRICLES)
        choose(self.widget.structures.segmentCombo("aorta"), segmentIdOf(first, "Left atrium"))
        self.ui.inputSelector.setCurrentNode(second)
        assert list(self.widget._parameterNode.trusted) == []
        assert self.widget.structures.segmentCombo("aorta").currentData == ""
        assert self.ui.completeButton.toolTip == "Trust at least one structure."

    def test_an_ambiguous_row_says_why(self) -> None:
        heart = loadHeart()
        heart.GetSegmentation().GetSegment(segmentIdOf(heart, "Right ventricle")).SetName("Left ventricle")
        self.ui.inputSelector.setCurrentNode(heart)
        assert "unclear" in self.widget.structures.text("right_ventricle")
        assert self.widget.structures.segmentCombo("right_ventricle").currentText == "choose one"
        note = self.ui.notesLabel.text
        assert note.startswith("Right ventricle: ")
        assert "its terminology says Right ventricle, its name says Left ventricle" in note

    def test_labels_without_names_ask_for_a_convention_that_can_be_chosen(self) -> None:
        labels = np.zeros((8, 8, 8), np.int16)
        labels[1:7:2, 2:6, 2:6] = np.array([205, 420, 999])[:, None, None]
        volume = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "Labels")
        slicer.util.updateVolumeFromArray(volume, labels)
        heart = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Heart")
        slicer.modules.segmentations.logic().ImportLabelmapToSegmentationNode(volume, heart)
        for segmentId in heart.GetSegmentation().GetSegmentIDs():
            segment = heart.GetSegmentation().GetSegment(segmentId)
            segment.SetName(f"Segment_{segment.GetLabelValue()}")
        self.ui.inputSelector.setCurrentNode(heart)
        assert "No known label convention holds the label values" in self.ui.notesLabel.text
        assert not self.ui.trustAllButton.enabled
        choose(self.ui.conventionComboBox, "mmwhs")
        assert self.ui.notesLabel.text == ""
        self.ui.trustAllButton.click()
        assert set(self.widget._parameterNode.trusted) == {"myocardium", "left_atrium"}

    def test_weights_of_one_s_own_say_which_structures_there_are(self) -> None:
        self.ui.inputSelector.setCurrentNode(loadHeart())
        with tempfile.TemporaryDirectory() as folder:
            weights = Path(folder) / "two.safetensors"
            card = {"architecture": {"structures": ["left_ventricle", "superior_vena_cava"]}}
            weights.with_suffix(".json").write_text(json.dumps(card), encoding="utf-8")
            self.ui.weightsPathLineEdit.currentPath = str(weights)
            assert self.ui.structuresTable.rowCount == 2
            assert self.widget.structures.text("superior_vena_cava") == "Superior vena cava"
        self.ui.weightsPathLineEdit.currentPath = str(weights) + "x"
        assert "model card beside the weights is missing" in self.ui.notesLabel.text
        self.ui.weightsPathLineEdit.currentPath = ""
        assert self.ui.structuresTable.rowCount == 10
        assert self.ui.notesLabel.text == ""

    def test_a_second_completion_after_editing_uses_what_was_accepted(self) -> None:
        heart = loadHeart()
        self.ui.inputSelector.setCurrentNode(heart)
        trust(self.widget, VENTRICLES)
        result = completeByButton(self.widget)
        atrium = segmentIdOf(result, "Left atrium")
        # The user's edit: a bite out of the inferred atrium.
        labelmap = result.GetSegmentation().GetSegment(atrium).GetRepresentation("Binary labelmap")
        scalars = labelmap.GetPointData().GetScalars()
        for index in range(scalars.GetNumberOfTuples() // 2):
            scalars.SetTuple1(index, 0)
        labelmap.Modified()
        result.GetSegmentation().GetSegment(atrium).Modified()
        settle()
        edited = maskOf(result, atrium)
        self.widget.result.table.select(atrium)
        assert self.ui.acceptButton.enabled
        self.ui.acceptButton.click()
        assert "left_atrium" in self.widget._parameterNode.trusted
        again = completeByButton(self.widget)
        assert again is result
        np.testing.assert_allclose(maskOf(again, atrium), edited, atol=1e-9)
        assert origin_of(again.GetSegmentation().GetSegment(atrium)) == "trusted"
        names = [again.GetSegmentation().GetSegment(i).GetName() for i in again.GetSegmentation().GetSegmentIDs()]
        assert len(names) == len(set(names))

    def test_the_reference_volume_is_the_one_the_result_refers_to(self) -> None:
        volume = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "CT")
        self.ui.inputSelector.setCurrentNode(loadHeart())
        self.ui.volumeSelector.setCurrentNode(volume)
        trust(self.widget, VENTRICLES)
        result = completeByButton(self.widget)
        role = slicer.vtkMRMLSegmentationNode.GetReferenceImageGeometryReferenceRole()
        assert result.GetNodeReference(role) is volume

    def test_advanced_choices_are_parameters_within_their_limits(self) -> None:
        parameters = self.widget._parameterNode
        self.ui.spacingSpinBox.value = 2.5
        self.ui.deviceComboBox.setCurrentIndex(self.ui.deviceComboBox.findText("cpu"))
        choose(self.ui.conventionComboBox, "mmwhs")
        assert (parameters.spacing, parameters.device, parameters.convention) == (2.5, "cpu", "mmwhs")
        self.ui.spacingSpinBox.value = 0.01
        assert parameters.spacing == 0.3

    def test_what_was_chosen_stays_chosen_when_the_user_comes_back(self) -> None:
        parameters = self.widget._parameterNode.parameterNode
        self.ui.deviceComboBox.setCurrentIndex(self.ui.deviceComboBox.findText("cpu"))
        self.ui.spacingSpinBox.value = 2.5
        for _ in range(2):
            self.widget.exit()
            self.widget.enter()
            assert (self.widget._parameterNode.device, self.widget._parameterNode.spacing) == ("cpu", 2.5)
        # One change of a widget is one change of the scene: nothing of earlier visits is still connected.
        changes: list[object] = []
        tag = parameters.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda *_: changes.append(None))
        self.ui.forceCheckBox.setChecked(True)
        parameters.RemoveObserver(tag)
        assert len(changes) == 1

    def test_a_panel_without_a_scene_changes_no_parameter(self) -> None:
        parameters = self.widget._parameterNode
        self.widget.setParameterNode(None)
        self.ui.forceCheckBox.setChecked(True)
        assert not parameters.force

    def test_undo_is_one_step_for_a_new_segmentation(self) -> None:
        heart = loadHeart()
        self.ui.inputSelector.setCurrentNode(heart)
        trust(self.widget, VENTRICLES)
        result = completeByButton(self.widget)
        self.ui.undoButton.click()
        assert result.GetScene() is None
        assert heart.GetDisplayVisibility()
        assert self.ui.resultTable.rowCount == 0
        assert not self.ui.undoButton.enabled

    def test_undo_is_one_step_when_added_to_the_input(self) -> None:
        heart = loadHeart()
        before = segmentNames(heart)
        self.ui.inputSelector.setCurrentNode(heart)
        trust(self.widget, VENTRICLES)
        self.ui.outputSelector.setCurrentNode(heart)
        assert completeByButton(self.widget) is heart
        assert segmentNames(heart) > before
        self.ui.undoButton.click()
        assert segmentNames(heart) == before

    def test_what_was_accepted_cannot_be_undone_but_the_completion_after_it_can(self) -> None:
        self.ui.inputSelector.setCurrentNode(loadHeart())
        trust(self.widget, VENTRICLES)
        result = completeByButton(self.widget)
        assert self.ui.undoButton.enabled
        atrium = segmentIdOf(result, "Left atrium")
        self.widget.result.table.select(atrium)
        self.ui.acceptButton.click()
        assert not self.ui.undoButton.enabled
        self.ui.undoButton.click()
        assert result.GetScene() is not None
        before = segmentNames(result)
        choose(self.widget.structures.useCombo("aorta"), "leaveOut")
        assert segmentNames(completeByButton(self.widget)) == before - {"Aorta"}
        self.ui.undoButton.click()
        assert segmentNames(result) == before
        assert origin_of(result.GetSegmentation().GetSegment(atrium)) == "trusted"

    def test_progress_is_shown_and_slicer_stays_usable(self) -> None:
        self.ui.inputSelector.setCurrentNode(loadHeart())
        trust(self.widget, VENTRICLES)
        seen = []
        self.ui.progressBar.connect("valueChanged(int)", seen.append)
        self.ui.completeButton.click()
        assert self.ui.completeButton.text == "Cancel"
        assert not self.ui.inputSelector.enabled
        turns = 0

        def turn() -> bool:
            nonlocal turns
            turns += 1
            return self.widget.run is None

        waitUntil(turn)
        self.ui.progressBar.disconnect("valueChanged(int)", seen.append)
        assert turns > 10
        assert seen == sorted(seen)
        assert len(set(seen)) > 3
        assert self.ui.completeButton.text == "Complete Heart"
        assert self.ui.inputSelector.enabled

    def previewNode(self) -> slicer.vtkMRMLSegmentationNode | None:
        return slicer.mrmlScene.GetFirstNodeByName("Completion preview")

    def test_a_choice_updates_a_preview_that_is_no_part_of_the_scene(self) -> None:
        self.ui.inputSelector.setCurrentNode(loadHeart())
        assert self.previewNode() is None
        self.ui.previewCheckBox.click()
        trust(self.widget, VENTRICLES)
        waitUntil(lambda: not self.widget.preview.pending)
        preview = self.previewNode()
        assert "Left atrium" in segmentNames(preview)
        assert preview.GetSegmentation().ContainsRepresentation("Closed surface")
        assert preview.GetHideFromEditors()
        assert not preview.GetSaveWithScene()
        choose(self.widget.structures.useCombo("left_atrium"), "trust")
        waitUntil(lambda: not self.widget.preview.pending)
        assert "Left atrium" not in segmentNames(preview)
        self.ui.previewCheckBox.click()
        assert self.previewNode() is None

    def test_in_another_module_there_is_no_preview_and_the_tables_wait(self) -> None:
        heart = loadHeart()
        self.ui.inputSelector.setCurrentNode(heart)
        self.ui.previewCheckBox.click()
        trust(self.widget, VENTRICLES)
        waitUntil(lambda: self.previewNode() is not None)
        self.widget.exit()
        assert self.previewNode() is None
        heart.GetSegmentation().GetSegment(segmentIdOf(heart, "Left atrium")).SetName("Chamber A")
        settle()
        combo = self.widget.structures.segmentCombo("left_atrium")
        assert combo.currentText == "Left atrium"
        self.widget.enter()
        assert combo.currentText == "Chamber A"
        waitUntil(lambda: self.previewNode() is not None)

    def test_a_completion_goes_on_while_the_user_is_in_another_module(self) -> None:
        self.ui.inputSelector.setCurrentNode(loadHeart())
        trust(self.widget, VENTRICLES)
        self.ui.completeButton.click()
        self.widget.exit()
        waitUntil(lambda: self.widget.run is None)
        assert self.ui.resultTable.rowCount == 0
        self.widget.enter()
        assert "Left atrium" in segmentNames(self.widget._parameterNode.resultSegmentation)
        assert self.ui.resultTable.rowCount > 3

    def test_a_scene_closed_while_the_user_is_in_another_module_is_forgotten(self) -> None:
        self.ui.inputSelector.setCurrentNode(loadHeart())
        trust(self.widget, VENTRICLES)
        completeByButton(self.widget)
        self.widget.exit()
        slicer.mrmlScene.Clear(0)
        settle()
        assert self.ui.resultTable.rowCount == 0
        self.widget.enter()
        assert "Choose a segmentation" in self.ui.completeButton.toolTip

    def test_the_table_follows_edits_and_transforms(self) -> None:
        heart = loadHeart()
        self.ui.inputSelector.setCurrentNode(heart)
        trust(self.widget, VENTRICLES)
        result = completeByButton(self.widget)
        atrium = segmentIdOf(result, "Left atrium")
        volume = float(self.widget.result.table.text(atrium)[2])
        cutAbove(result, atrium, share=0.5)
        settle()
        edited = float(self.widget.result.table.text(atrium)[2])
        assert 0.2 * volume < edited < 0.8 * volume
        transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "Twice as high")
        matrix = vtk.vtkMatrix4x4()
        matrix.SetElement(2, 2, 2.0)
        transform.SetMatrixTransformToParent(matrix)
        result.SetAndObserveTransformNodeID(transform.GetID())
        self.widget.enter()
        assert abs(float(self.widget.result.table.text(atrium)[2]) - 2 * edited) <= 0.15

    def test_a_completion_replaces_the_preview(self) -> None:
        self.ui.inputSelector.setCurrentNode(loadHeart())
        self.ui.previewCheckBox.click()
        trust(self.widget, VENTRICLES)
        waitUntil(lambda: self.previewNode() is not None)
        completeByButton(self.widget)
        settle()
        assert self.previewNode() is None
        assert not self.widget.preview.pending

    def test_after_a_cancelled_completion_the_preview_comes_back(self) -> None:
        self.ui.inputSelector.setCurrentNode(loadHeart())
        self.ui.previewCheckBox.click()
        trust(self.widget, VENTRICLES)
        waitUntil(lambda: self.previewNode() is not None)
        self.ui.completeButton.click()
        assert self.previewNode() is None
        self.ui.completeButton.click()
        assert "cancelled" in self.ui.statusLabel.text
        waitUntil(lambda: self.previewNode() is not None)
        assert "cancelled" in self.ui.statusLabel.text

    def test_a_completion_does_not_wait_for_a_preview_that_is_no_longer_wanted(self) -> None:
        self.ui.inputSelector.setCurrentNode(loadHeart())
        self.ui.previewCheckBox.click()
        trust(self.widget, VENTRICLES)
        waitUntil(lambda: self.widget.preview._preview.running)
        assert "Left atrium" in segmentNames(completeByButton(self.widget))
        assert self.previewNode() is None
