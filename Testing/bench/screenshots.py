"""The pictures of README and tutorial, and one of every scenario: ``python -m Testing.bench.screenshots [FOLDER]``.

Clicks through the module as a user does. The tutorial's pictures lie in the folder, those of what can go wrong, and of
what it looks like then, in ``scenarios`` below it.
"""

from __future__ import annotations

import sys
import tempfile
import types
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

from Testing.bench import module_stand_ins
from Testing.bench.headless_slicer import start

_ROOT = Path(__file__).resolve().parent.parent.parent
_SPACING, _FINE = 1.5, 0.3


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else _ROOT / "Screenshots"
    start()
    module_stand_ins.install()
    module_stand_ins.load(_ROOT / "CardiacCompletion" / "CardiacCompletion.py")
    sys.path.insert(0, str(_ROOT / "Testing" / "Python"))
    import panel

    for scenes in (Tutorial(panel, folder), Scenarios(panel, folder / "scenarios")):
        for step in scenes.steps:
            step()
            print(scenes.photograph(step.__name__))


class _Scenes:
    """The panel, and what is done with it again and again."""

    steps: tuple[Callable[[], None], ...] = ()

    def __init__(self, panel: types.ModuleType, folder: Path) -> None:
        from Testing.bench.camera import Camera

        folder.mkdir(parents=True, exist_ok=True)
        self._panel = panel
        self._open()
        self._camera = Camera(self._widget.parent, folder)

    def photograph(self, name: str) -> Path:
        self._panel.settle()
        return self._camera.photograph(name)

    def _open(self) -> None:
        self._widget = self._panel.openPanel()
        self._ui = self._widget.ui
        parameters = self._widget._parameterNode
        parameters.spacing, parameters.preview, parameters.samples = _SPACING, True, 16

    def _open_own_heart(self) -> object:
        """A heart in which no completion has written, and nothing trusted in it yet."""
        self._open()
        heart = self._panel.loadHeart("CT heart")
        heart.CreateClosedSurfaceRepresentation()
        self._ui.inputSelector.setCurrentNode(heart)
        return heart

    def _trust_ventricles(self) -> None:
        self._panel.trust(self._widget, self._panel.VENTRICLES)
        self._wait_for_preview()

    def _wait_for_preview(self) -> None:
        self._panel.waitUntil(lambda: not self._widget.preview.pending)

    def _complete(self) -> object:
        return self._panel.completeByButton(self._widget)

    def _start_a_long_completion(self) -> None:
        # Fine enough to be caught at it.
        self._widget._parameterNode.spacing = _FINE
        self._ui.completeButton.click()
        self._panel.waitUntil(lambda: self._ui.progressBar.value >= 30 or self._widget.run is None)
        assert self._widget.run is not None, self._ui.statusLabel.text


class Tutorial(_Scenes):
    """The steps of the tutorial, in their order."""

    def __init__(self, panel: types.ModuleType, folder: Path) -> None:
        super().__init__(panel, folder)
        self.steps = (
            self.first_opening,
            self.sample_heart,
            self.running,
            self.result,
            self.plausible_heart,
            self.probability,
            self.preview,
            self.ventricles_only,
            self.unclear,
        )

    def first_opening(self) -> None:
        """Nothing is clicked yet."""

    def sample_heart(self) -> None:
        self._ui.sampleButton.click()
        self._wait_for_preview()

    def running(self) -> None:
        self._start_a_long_completion()

    def result(self) -> None:
        self._ui.completeButton.click()
        self._widget._parameterNode.spacing = _SPACING
        self._complete()

    def plausible_heart(self) -> None:
        self._ui.heartsSlider.value = 5

    def probability(self) -> None:
        self._ui.heartsSlider.value = 0
        result = self._widget._parameterNode.resultSegmentation
        self._widget.result.table.select(self._panel.segmentIdOf(result, "Right atrium"))
        self._ui.probabilityButton.click()

    def preview(self) -> None:
        self._open_own_heart()
        self._trust_ventricles()

    def ventricles_only(self) -> None:
        self._complete()

    def unclear(self) -> None:
        heart = self._open_own_heart()
        segment = heart.GetSegmentation().GetSegment(self._panel.segmentIdOf(heart, "Right ventricle"))
        segment.SetName("Left ventricle")


class Scenarios(_Scenes):
    """What else happens on an ordinary day, and on a bad one."""

    def __init__(self, panel: types.ModuleType, folder: Path) -> None:
        super().__init__(panel, folder)
        self.steps = (
            self.nothing_trusted,
            self.wrong_structure,
            self.wrong_structure_corrected,
            self.no_torch,
            self.cancelled,
            self.input_deleted_while_running,
            self.scene_closed_while_running,
            self.under_a_transform,
            self.saved_and_reloaded,
            self.second_completion_after_editing,
            self.advanced,
        )

    def nothing_trusted(self) -> None:
        self._open_own_heart()

    def wrong_structure(self) -> None:
        """The ventricles are played by each other's segments, which the engine refuses."""
        heart = self._open_own_heart()
        self._ids = [self._panel.segmentIdOf(heart, f"{side} ventricle") for side in ("Left", "Right")]
        self._cast(*reversed(self._ids))
        self._panel.trust(self._widget, (*self._panel.VENTRICLES, "left_atrium"))
        self._ui.completeButton.click()
        self._panel.waitUntil(lambda: self._widget.run is None)

    def wrong_structure_corrected(self) -> None:
        self._cast(*self._ids)
        self._complete()

    def no_torch(self) -> None:
        self._open_own_heart()
        self._trust_ventricles()
        with patch.dict(sys.modules, {"torch": None, "PyTorchUtils": None}):
            self._ui.completeButton.click()

    def cancelled(self) -> None:
        self._start_a_long_completion()
        self._ui.completeButton.click()

    def input_deleted_while_running(self) -> None:
        import slicer

        self._start_a_long_completion()
        slicer.mrmlScene.RemoveNode(self._widget._parameterNode.inputSegmentation)
        self._panel.waitUntil(lambda: self._widget.run is None)

    def scene_closed_while_running(self) -> None:
        import slicer

        self._open_own_heart()
        self._trust_ventricles()
        self._start_a_long_completion()
        slicer.mrmlScene.Clear(0)

    def under_a_transform(self) -> None:
        import slicer
        import vtk

        heart = self._open_own_heart()
        turn = vtk.vtkTransform()
        turn.RotateY(15)
        transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "Turned")
        transform.SetMatrixTransformToParent(turn.GetMatrix())
        heart.SetAndObserveTransformNodeID(transform.GetID())
        self._trust_ventricles()
        self._complete()
        self._ui.heartsSlider.value = 2

    def saved_and_reloaded(self) -> None:
        """With the plausible heart on show that was on show."""
        import slicer

        with tempfile.TemporaryDirectory() as folder:
            bundle = str(Path(folder) / "scene.mrb")
            assert slicer.util.saveScene(bundle, {})
            slicer.mrmlScene.Clear(0)
            slicer.util.loadScene(bundle, {"clear": True})

    def second_completion_after_editing(self) -> None:
        self._open_own_heart()
        self._trust_ventricles()
        result = self._complete()
        atrium = self._panel.segmentIdOf(result, "Right atrium")
        self._panel.cutAbove(result, atrium, share=0.8)
        self._panel.settle()
        self._widget.result.table.select(atrium)
        self._ui.acceptButton.click()
        self._complete()

    def advanced(self) -> None:
        self._open_own_heart()
        self._ui.advancedCollapsibleButton.collapsed = False

    def _cast(self, left: str, right: str) -> None:
        self._panel.choose(self._widget.structures.segmentCombo("left_ventricle"), left)
        self._panel.choose(self._widget.structures.segmentCombo("right_ventricle"), right)


if __name__ == "__main__":
    main()
