"""The logic without its panel: as in the Python console and in scripts."""

# ruff: noqa: PT027 - inside Slicer there is no pytest

from __future__ import annotations

import unittest

import slicer
import vtk
from panel import COARSE, VENTRICLES, loadHeart, segmentIdOf, segmentNames, waitUntil

from CardiacCompletion import CardiacCompletionLogic
from CardiacCompletionLib.anatomy.vocabulary import load_vocabulary
from CardiacCompletionLib.errors import CompletionError
from CardiacCompletionLib.mrml.certainty import certainty_of
from CardiacCompletionLib.mrml.plausible_hearts import PlausibleHearts
from CardiacCompletionLib.mrml.segmentation_reading import origin_of, volume_ml


class CardiacCompletionLogicTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.logic = CardiacCompletionLogic()

    @classmethod
    def tearDownClass(cls) -> None:
        cls.logic.engine.stop()

    def setUp(self) -> None:
        slicer.mrmlScene.Clear(0)
        self.heart = loadHeart()

    def complete(self, **arguments: object) -> slicer.vtkMRMLSegmentationNode:
        return self.logic.complete(self.heart, trusted=VENTRICLES, spacing=COARSE, **arguments)

    def test_complete_waits_and_returns_a_segmentation_beside_the_input(self) -> None:
        told: list[float] = []
        whole = self.complete(progress=lambda fraction, text: told.append(fraction))
        assert "Left atrium" in segmentNames(whole)
        assert "completed" in whole.GetName()
        assert told == sorted(told)
        assert told[-1] == 1.0

    def test_two_completions_share_one_engine(self) -> None:
        self.complete()
        process = self.logic.engine._process
        self.complete()
        assert self.logic.engine._process is process

    def test_complete_can_run_in_the_background(self) -> None:
        run = self.complete(waitForCompletion=False)
        assert not run.completion.finished
        waitUntil(lambda: run.completion.finished)
        assert "Left atrium" in segmentNames(run.completion.output)

    def test_complete_into_the_input_itself(self) -> None:
        before = segmentNames(self.heart)
        assert self.complete(outputSegmentationNode=self.heart) is self.heart
        assert segmentNames(self.heart) > before

    def test_segments_can_be_named_by_the_caller(self) -> None:
        segment = self.heart.GetSegmentation().GetSegment(segmentIdOf(self.heart, "Myocardium"))
        segment.SetName("wall of something")
        segment.RemoveTag(slicer.vtkSegment.GetTerminologyEntryTagName())
        with self.assertRaisesRegex(CompletionError, "Myocardium cannot be trusted"):
            self.complete()
        whole = self.complete(segments={"myocardium": segmentIdOf(self.heart, "wall of something")})
        wall = whole.GetSegmentation().GetSegment(segmentIdOf(whole, "Myocardium"))
        assert origin_of(wall) == "trusted"

    def test_an_unknown_key_is_refused_with_the_known_ones(self) -> None:
        with self.assertRaisesRegex(CompletionError, "no structure named 'spleen'; choose from: myocardium"):
            self.logic.complete(self.heart, trusted=["spleen"])

    def test_nothing_trusted_is_refused(self) -> None:
        with self.assertRaisesRegex(CompletionError, "No structure is trusted"):
            self.logic.complete(self.heart, trusted=[])

    def test_a_sequence_is_completed_frame_by_frame(self) -> None:
        sequence = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSequenceNode", "Beating")
        sequence.SetIndexName("phase")
        sequence.SetIndexUnit("%")
        browser = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSequenceBrowserNode", "Browser")
        browser.AddSynchronizedSequenceNode(sequence)
        for phase in ("0", "40"):
            sequence.SetDataNodeAtValue(self.heart, phase)
        nodes = len(slicer.util.getNodesByClass("vtkMRMLSegmentationNode"))
        texts: list[str] = []
        whole = self.logic.complete(
            sequence, trusted=VENTRICLES, spacing=COARSE, progress=lambda fraction, text: texts.append(text)
        )
        assert [whole.GetNthIndexValue(index) for index in range(whole.GetNumberOfDataNodes())] == ["0", "40"]
        assert whole.GetIndexName() == "phase"
        for index in range(2):
            assert "Left atrium" in segmentNames(whole.GetNthDataNode(index))
        assert browser.IsSynchronizedSequenceNode(whole)
        assert any(text.startswith("Frame 2 of 2") for text in texts)
        # The browser shows the result through a proxy; nothing else stays behind.
        assert browser.GetProxyNode(whole) is not None
        assert len(slicer.util.getNodesByClass("vtkMRMLSegmentationNode")) == nodes + 1

    def sequenceOf(self, *hearts: slicer.vtkMRMLSegmentationNode) -> slicer.vtkMRMLSequenceNode:
        """A sequence with a browser, and so with a proxy in the scene."""
        sequence = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSequenceNode", "Beating")
        for number, heart in enumerate(hearts):
            sequence.SetDataNodeAtValue(heart, str(number))
        browser = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSequenceBrowserNode", "Browser")
        browser.AddSynchronizedSequenceNode(sequence)
        slicer.modules.sequences.logic().UpdateProxyNodesFromSequences(browser)
        self.browser, self.proxy = browser, browser.GetProxyNode(sequence)
        return sequence

    def test_a_sequence_under_a_transform_is_completed_where_its_proxy_lies(self) -> None:
        sequence = self.sequenceOf(self.heart)
        transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "Scaled")
        matrix = vtk.vtkMatrix4x4()
        for axis in range(3):
            matrix.SetElement(axis, axis, 1.2)
        transform.SetMatrixTransformToParent(matrix)
        self.proxy.SetAndObserveTransformNodeID(transform.GetID())
        whole = self.logic.complete(sequence, trusted=VENTRICLES, spacing=COARSE, samples=2)
        shown = self.browser.GetProxyNode(whole)
        assert shown.GetTransformNodeID() == transform.GetID()
        atrium = segmentIdOf(shown, "Left atrium")
        assert certainty_of(shown.GetSegmentation().GetSegment(atrium)) is not None
        self.heart.SetAndObserveTransformNodeID(transform.GetID())
        alone = self.complete()
        assert volume_ml(shown, atrium) == volume_ml(alone, segmentIdOf(alone, "Left atrium"))
        matrix.SetElement(0, 0, -1.2)
        transform.SetMatrixTransformToParent(matrix)
        with self.assertRaisesRegex(CompletionError, "Frame 1: This heart looks mirrored"):
            self.logic.complete(sequence, trusted=(*VENTRICLES, "left_atrium"), spacing=COARSE)

    def test_a_completed_sequence_is_taken_back_in_one_step(self) -> None:
        sequence = self.sequenceOf(self.heart)
        before = slicer.mrmlScene.GetNumberOfNodes()
        run = self.logic.complete(sequence, trusted=VENTRICLES, spacing=COARSE, waitForCompletion=False)
        waitUntil(lambda: run.completion.finished)
        assert self.browser.IsSynchronizedSequenceNode(run.completion.output)
        run.completion.undo.restore()
        assert slicer.mrmlScene.GetNumberOfNodes() == before

    def test_a_sequence_under_a_bent_transform_is_to_be_hardened(self) -> None:
        sequence = self.sequenceOf(self.heart)
        transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLBSplineTransformNode", "Bent")
        self.proxy.SetAndObserveTransformNodeID(transform.GetID())
        with self.assertRaisesRegex(CompletionError, "under the non-linear transform Bent: harden it first"):
            self.logic.complete(sequence, trusted=VENTRICLES, spacing=COARSE)

    def test_plausible_hearts_are_for_the_console_too(self) -> None:
        whole = self.complete(samples=2)
        hearts = PlausibleHearts.of(whole)
        assert hearts.count == 2
        volume = hearts.probability(load_vocabulary()["left_atrium"])
        assert 0.9 < slicer.util.arrayFromVolume(volume).max() <= 1.0
        assert PlausibleHearts.of(self.complete()) is None

    def test_a_sequence_of_anything_else_is_refused(self) -> None:
        sequence = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSequenceNode", "Images")
        sequence.SetDataNodeAtValue(slicer.vtkMRMLScalarVolumeNode(), "0")
        with self.assertRaisesRegex(CompletionError, "Images is not a sequence of segmentations"):
            self.logic.complete(sequence, trusted=VENTRICLES)

    def test_surfaces_alone_are_enough(self) -> None:
        self.heart.CreateClosedSurfaceRepresentation()
        surfaces = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Surfaces")
        surfaces.SetSourceRepresentationToClosedSurface()
        for segmentId in self.heart.GetSegmentation().GetSegmentIDs():
            surface = vtk.vtkPolyData()
            self.heart.GetClosedSurfaceRepresentation(segmentId, surface)
            name = self.heart.GetSegmentation().GetSegment(segmentId).GetName()
            surfaces.AddSegmentFromClosedSurfaceRepresentation(surface, name, [1, 0, 0], segmentId)
        self.heart = surfaces
        assert "Left atrium" in segmentNames(self.complete())

    def test_what_reload_and_test_runs(self) -> None:
        slicer.selfTests["CardiacCompletion"]()
