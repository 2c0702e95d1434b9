"""Complete Heart: infers the structures that a partial heart segmentation lacks."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

import qt
import slicer
import vtk
from CardiacCompletionWidgets.completion_run import CompletionRun
from CardiacCompletionWidgets.input_notes import notesOn
from CardiacCompletionWidgets.parameters import CardiacCompletionParameterNode, completionOptions, connectToWidgets
from CardiacCompletionWidgets.preview_timer import PreviewTimer
from CardiacCompletionWidgets.result_section import ResultSection
from CardiacCompletionWidgets.sample_data import loadSampleHeart
from CardiacCompletionWidgets.segmentation_watcher import SegmentationWatcher
from CardiacCompletionWidgets.startup import addToOtherModules
from CardiacCompletionWidgets.structures_table import LEAVE_OUT, TRUST, TRUST_CUT, StructuresTable, showChoice
from CardiacCompletionWidgets.torch_installation import ensureTorch, missingPackages
from slicer import vtkMRMLSegmentationNode
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)
from slicer.util import VTKObservationMixin

from CardiacCompletionLib.anatomy.vocabulary import load_vocabulary
from CardiacCompletionLib.errors import CompletionError
from CardiacCompletionLib.mrml.casting import Role, cast, players
from CardiacCompletionLib.mrml.engine_process import EngineProcess
from CardiacCompletionLib.mrml.model_card import known_structures
from CardiacCompletionLib.mrml.preview import CompletionPreview
from CardiacCompletionLib.mrml.scene_completion import CompletionOptions, SceneCompletion
from CardiacCompletionLib.mrml.segmentation_reading import segments_of
from CardiacCompletionLib.mrml.sequence_completion import SequenceCompletion


class CardiacCompletion(ScriptedLoadableModule):
    """The module as Slicer lists it."""

    def __init__(self, parent: slicer.qSlicerScriptedLoadableModule) -> None:
        super().__init__(parent)
        self.parent.title = _("Cardiac Completion")
        self.parent.categories = [translate("qSlicerAbstractCoreModule", "Cardiac")]
        self.parent.dependencies = ["Segmentations", "Sequences", "SubjectHierarchy", "Terminologies"]
        self.parent.contributors = ["The CardiacCompletion developers"]
        self.parent.helpText = _(
            "Infers the structures that a partial heart segmentation lacks from those you trust. "
            "Trusted voxels are never changed. For research use only; not a medical device."
        )
        self.parent.acknowledgementText = _("The network follows VecSetX by Biao Zhang and Peter Wonka (MIT licence).")
        slicer.app.connect("startupCompleted()", addToOtherModules)


class CardiacCompletionWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """The panel."""

    def __init__(self, parent: qt.QWidget | None = None) -> None:
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.logic: CardiacCompletionLogic | None = None
        self.run: CompletionRun | None = None
        self._parameterNode: CardiacCompletionParameterNode | None = None
        self._parameterNodeGuiTag: int | None = None
        self._away = False
        self._castInput: vtkMRMLSegmentationNode | None = None
        self._roles: dict[str, Role] = {}
        self._castProblem = ""
        self._previewed: tuple | None = None

    def setup(self) -> None:
        ScriptedLoadableModuleWidget.setup(self)
        uiWidget = slicer.util.loadUI(self.resourcePath("UI/CardiacCompletion.ui"))
        self.layout.addWidget(uiWidget)
        self.ui = slicer.util.childWidgetVariables(uiWidget)
        uiWidget.setMRMLScene(slicer.mrmlScene)
        self.logic = CardiacCompletionLogic()
        self.vocabulary = load_vocabulary()
        self.structures = StructuresTable(
            self.ui.structuresTable, self.vocabulary, known_structures(), self.onSegmentChosen, self.onUseChosen
        )
        self.result = ResultSection(self.ui, self.vocabulary, self.onAccepted, self.onUndone)
        self.preview = PreviewTimer(
            CompletionPreview(self.logic.engine), lambda sentence: self.showStatus(sentence, isError=True)
        )
        self.ui.conventionComboBox.addItem(_("Decide by the values"), "")
        for name in self.vocabulary.conventions:
            self.ui.conventionComboBox.addItem(name, name)
        self.watcher = SegmentationWatcher(self.updatePanel)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndCloseEvent, self.onSceneEndClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndImportEvent, self.onSceneEndImport)
        self.ui.sampleButton.connect("clicked(bool)", self.onSampleButton)
        self.ui.trustAllButton.connect("clicked(bool)", self.onTrustAllButton)
        self.ui.clearButton.connect("clicked(bool)", self.onClearButton)
        self.ui.completeButton.connect("clicked(bool)", self.onCompleteButton)
        self.ui.conventionComboBox.connect("currentIndexChanged(int)", self.onConventionChosen)
        self.ui.weightsPathLineEdit.connect("currentPathChanged(QString)", self.onWeightsChosen)
        self.initializeParameterNode()

    def cleanup(self) -> None:
        """The panel is about to be destroyed: nothing may call it any more."""
        if self.run is not None:
            self.run.cancel()
        self.exit()
        self.logic.engine.stop()
        self.setParameterNode(None)
        self.removeObservers()

    def enter(self) -> None:
        self._away = False
        self.initializeParameterNode()

    def exit(self) -> None:
        """In another module nothing is previewed, and edits do not wait for our tables; a completion goes on."""
        self._away = True
        self.watcher.stop()
        self.preview.stop()
        self._previewed = None

    def onSceneStartClose(self, caller: object, event: str) -> None:
        if self.run is not None:
            self.run.cancel()
        self.result.undo = None
        self.showStatus("")
        self.setParameterNode(None)

    def onSceneEndClose(self, caller: object, event: str) -> None:
        if not self._away:
            self.initializeParameterNode()

    def onSceneEndImport(self, caller: object, event: str) -> None:
        self.setParameterNode(None)  # the loaded parameters came before the nodes that they name
        self.onSceneEndClose(caller, event)

    def initializeParameterNode(self) -> None:
        """Show the scene's parameters; choose the first segmentation if none is chosen."""
        parameterNode = self.logic.getParameterNode()
        if self._parameterNode is None or self._parameterNode.parameterNode is not parameterNode.parameterNode:
            self.setParameterNode(parameterNode)
        else:
            self.updatePanel()
        if self._parameterNode.inputSegmentation is None:
            nodes = slicer.util.getNodesByClass("vtkMRMLSegmentationNode")
            shown = [node for node in nodes if not node.GetHideFromEditors()]
            self._parameterNode.inputSegmentation = shown[0] if shown else None

    def setParameterNode(self, parameterNode: CardiacCompletionParameterNode | None) -> None:
        """Connect the panel to a parameter node, or to none."""
        if self._parameterNode is not None:
            self._parameterNode.disconnectGui(self._parameterNodeGuiTag)
            self.removeObserver(
                self._parameterNode.parameterNode, vtk.vtkCommand.ModifiedEvent, self.onParametersModified
            )
        self._parameterNode = parameterNode
        # What a loaded scene says of its input is not to be guessed anew.
        self._castInput = parameterNode.inputSegmentation if parameterNode is not None else None
        if parameterNode is not None:
            self._parameterNodeGuiTag = connectToWidgets(parameterNode, self.ui)
            self.addObserver(parameterNode.parameterNode, vtk.vtkCommand.ModifiedEvent, self.onParametersModified)
        self.updatePanel()

    def onParametersModified(self, caller: object, event: str) -> None:
        node = self._parameterNode.inputSegmentation
        if node is not self._castInput:
            self._castInput = node
            self.startWithInput(node)
        self.updatePanel()

    def startWithInput(self, node: vtkMRMLSegmentationNode | None) -> None:
        """Forget what was chosen for another input; of an earlier result, what was trusted is trusted again."""
        with slicer.util.NodeModify(self._parameterNode):
            self._parameterNode.segments = {}
            self._parameterNode.cut = []
            roles = self.castInput() if node is not None else {}
            self._parameterNode.trusted = [key for key, role in roles.items() if role.origin == "trusted"]

    def castInput(self) -> dict[str, Role]:
        """Who plays what in the input; empty if that cannot be said, with a note that says why."""
        parameters, self._castProblem = self._parameterNode, ""
        try:
            keys = known_structures(parameters.weights or None)
            node, convention = parameters.inputSegmentation, parameters.convention or None
            return cast(node, keys, self.vocabulary, convention, parameters.segments)
        except CompletionError as error:
            self._castProblem = str(error)
            return {}

    def updatePanel(self) -> None:
        """Bring tables and buttons in line with the parameters and the scene, if the user can see them."""
        if self._away and self._parameterNode is not None:
            return
        parameters = self._parameterNode
        node = parameters.inputSegmentation if parameters is not None else None
        result = parameters.resultSegmentation if parameters is not None else None
        self.watcher.watch({n.GetSegmentation() for n in (node, result) if n is not None})
        self._roles = self.castInput() if node is not None else {}
        self.structures.setKeys(list(self._roles) or known_structures())
        segments = segments_of(node) if node is not None else []
        uses = [list(getattr(parameters, name, ())) for name in ("trusted", "cut", "leftOut")]
        self.structures.show(self._roles, segments, *uses)
        self.showNotes()
        self.result.show(result, parameters.warnings if result is not None else (), self.run is not None)
        if parameters is not None:
            showChoice(self.ui.conventionComboBox, parameters.convention)
            if self.ui.weightsPathLineEdit.currentPath != parameters.weights:  # else the cursor jumps as the user types
                self.ui.weightsPathLineEdit.currentPath = parameters.weights
        self.updateButtons()
        self.updatePreview()

    def updatePreview(self) -> None:
        """Preview what is chosen now, if it can be completed; after a completion, not before the next choice."""
        if self.run is not None:
            return
        parameters, choice = self._parameterNode, None
        if parameters is not None and parameters.preview and not self.reasonNotToComplete() and not missingPackages():
            choice = (parameters.inputSegmentation, list(parameters.trusted), completionOptions(parameters))
        if choice != self._previewed:
            self._previewed = choice
            self.preview.stop() if choice is None else self.preview.want(*choice)

    def showNotes(self) -> None:
        """Say in words what is unclear about the input, and what is not offered for it."""
        node = self._parameterNode.inputSegmentation if self._parameterNode is not None else None
        notes = notesOn(node, self._roles.values(), self._castProblem, self.vocabulary)
        self.ui.notesLabel.text = "\n".join(notes)
        self.ui.notesLabel.visible = bool(notes)

    def updateButtons(self) -> None:
        """Say with the buttons what can be done now, and with their tooltips why something cannot."""
        running = self.run is not None
        reason = "" if running else self.reasonNotToComplete()
        self.ui.completeButton.text = _("Cancel") if running else _("Complete Heart")
        self.ui.completeButton.enabled = not reason
        self.ui.completeButton.toolTip = reason or (
            _("Stop the completion; nothing is changed.") if running else _("Infer what is not trusted.")
        )
        for widget in (self.ui.inputSelector, self.ui.sampleButton, self.ui.outputSelector, self.ui.clearButton):
            widget.enabled = not running
        self.structures.setEnabled(not running and bool(self._roles))
        self.ui.trustAllButton.enabled = not running and bool(self.foundKeys())

    def reasonNotToComplete(self) -> str:
        """A sentence, or nothing if the heart can be completed."""
        parameters = self._parameterNode
        if parameters is None or parameters.inputSegmentation is None:
            return _("Choose a segmentation of a heart, or load the sample heart.")
        if not parameters.trusted:
            return _("Trust at least one structure.")
        try:
            players(self._roles, parameters.trusted, self.vocabulary)
        except CompletionError as error:
            return str(error)
        if all(key in parameters.trusted or key in parameters.leftOut for key in self._roles):
            return _("There is nothing to infer: every structure is trusted or left out.")
        return ""

    def foundKeys(self) -> list[str]:
        """Structures that have a segment which no completion has inferred."""
        return [key for key, role in self._roles.items() if role.segment_id is not None and role.origin != "inferred"]

    def onSegmentChosen(self, key: str, segmentId: str) -> None:
        self._parameterNode.segments = {**self._parameterNode.segments, key: segmentId}

    def onUseChosen(self, key: str, use: str) -> None:
        parameters = self._parameterNode
        with slicer.util.NodeModify(parameters):
            for name, wanted in (("trusted", (TRUST, TRUST_CUT)), ("cut", (TRUST_CUT,)), ("leftOut", (LEAVE_OUT,))):
                others = [k for k in getattr(parameters, name) if k != key]
                setattr(parameters, name, [*others, key] if use in wanted else others)

    def onConventionChosen(self, index: int) -> None:
        self._parameterNode.convention = self.ui.conventionComboBox.itemData(index)

    def onWeightsChosen(self, path: str) -> None:
        if self._parameterNode is not None and self._parameterNode.weights != path:
            self._parameterNode.weights = path

    def onTrustAllButton(self) -> None:
        with slicer.util.NodeModify(self._parameterNode):
            found = self.foundKeys()
            self._parameterNode.trusted = found
            self._parameterNode.leftOut = [key for key in self._parameterNode.leftOut if key not in found]

    def onClearButton(self) -> None:
        with slicer.util.NodeModify(self._parameterNode):
            self._parameterNode.trusted = []
            self._parameterNode.cut = []
            self._parameterNode.leftOut = []
            self._parameterNode.segments = {}

    def onSampleButton(self) -> None:
        self._parameterNode.inputSegmentation = loadSampleHeart()

    def onCompleteButton(self) -> None:
        if self.run is not None:
            self.run.cancel()
            return
        parameters = self._parameterNode
        self.preview.stop()
        try:
            ensureTorch()
            self.run = self.logic.start(
                parameters.inputSegmentation,
                list(parameters.trusted),
                parameters.outputSegmentation,
                completionOptions(parameters),
                self.onProgress,
                self.onFinished,
            )
        except CompletionError as error:
            self.showProblem(str(error))
            self.updatePreview()
            return
        self.onProgress(0.0, _("Starting"))
        self.ui.progressBar.visible = True
        self.updateButtons()

    def onProgress(self, fraction: float, text: str) -> None:
        self.ui.progressBar.value = round(100 * fraction)
        self.showStatus(text)

    def onFinished(self, completion: SceneCompletion) -> None:
        self.run = None
        self.ui.progressBar.visible = False
        if completion.error is not None:
            self.showProblem(completion.error)
        else:
            self.showResult(completion)
        self.updatePanel()

    def showResult(self, completion: SceneCompletion) -> None:
        """Surfaces in 3D, the input out of the way, the numbers in the table."""
        output = completion.output
        self.result.undo = completion.undo
        output.CreateClosedSurfaceRepresentation()
        if output is not self._parameterNode.inputSegmentation:
            self._parameterNode.inputSegmentation.SetDisplayVisibility(False)
        output.SetDisplayVisibility(True)
        with slicer.util.NodeModify(self._parameterNode):
            self._parameterNode.resultSegmentation = output
            self._parameterNode.warnings = list(completion.warnings)
        self.showStatus(_("Done: {name}.").format(name=output.GetName()))

    def onAccepted(self, result: vtkMRMLSegmentationNode) -> None:
        """The result becomes the next input and output; what was accepted in it is trusted from now on."""
        with slicer.util.NodeModify(self._parameterNode):
            self._parameterNode.inputSegmentation = result
            self._parameterNode.outputSegmentation = result
        self.startWithInput(result)

    def onUndone(self) -> None:
        result = self._parameterNode.resultSegmentation
        if result is not None and result.GetScene() is None:
            self._parameterNode.resultSegmentation = None
        if self._parameterNode.inputSegmentation is not None:
            self._parameterNode.inputSegmentation.SetDisplayVisibility(True)
        self.showStatus(_("The completion was taken back."))
        self.updatePanel()

    def showProblem(self, sentence: str) -> None:
        """Say why there is no result; the preview comes back."""
        self.showStatus(sentence, isError=True)
        self._previewed = None

    def showStatus(self, text: str, isError: bool = False) -> None:
        self.ui.statusLabel.text = text
        self.ui.statusLabel.visible = bool(text)
        self.ui.statusLabel.styleSheet = "color: #c03000" if isError else ""


class CardiacCompletionLogic(ScriptedLoadableModuleLogic):
    """Completes hearts without a panel.

    In the Python console::

        import slicer
        from CardiacCompletion import CardiacCompletionLogic

        heart = slicer.util.loadSegmentation("/path/to/heart.seg.nrrd")
        whole = CardiacCompletionLogic().complete(heart, trusted=["left_ventricle", "myocardium"])

    A folder of cases::

        from pathlib import Path

        logic = CardiacCompletionLogic()
        for path in sorted(Path("/path/to/cases").glob("*.seg.nrrd")):
            heart = slicer.util.loadSegmentation(str(path))
            whole = logic.complete(heart, trusted=["left_ventricle", "myocardium"])
            slicer.util.saveNode(whole, str(path.with_name(f"completed-{path.name}")))
            slicer.mrmlScene.Clear()
    """

    def __init__(self) -> None:
        ScriptedLoadableModuleLogic.__init__(self)
        self.engine = EngineProcess()

    def getParameterNode(self) -> CardiacCompletionParameterNode:
        return CardiacCompletionParameterNode(super().getParameterNode())

    def complete(
        self,
        segmentationNode: vtkMRMLSegmentationNode,
        trusted: Sequence[str],
        outputSegmentationNode: vtkMRMLSegmentationNode | None = None,
        spacing: float = 1.0,
        device: str = "auto",
        waitForCompletion: bool = True,
        progress: Callable[[float, str], None] | None = None,
        segments: Mapping[str, str] | None = None,
        cut: Mapping[str, bool] | None = None,
        force: bool = False,
        samples: int = 0,
    ) -> vtkMRMLSegmentationNode | CompletionRun:
        """Infer every structure that is not trusted.

        Args:
            segmentationNode: the partial heart, at any place, under any linear transform, of any grid; or a sequence
                of them, which gives a new sequence.
            trusted: keys of the structures to rely on, such as ``left_ventricle``.
            outputSegmentationNode: where the result goes; None for a new segmentation beside the input, the input
                itself to add to it.
            spacing: mm at which inferred surfaces are resolved.
            device: ``auto`` (``cuda`` if there is one, else ``cpu``), ``cpu``, ``cuda``, or ``mps``, which is untried.
            waitForCompletion: False to return at once with a run that goes on in the background.
            progress: called with the fraction done, 0 to 1, and what is being done.
            segments: key -> segment ID, where names and terminology do not say which segment is which.
            cut: trusted keys that are cut off (True) or whole (False); for all others that is found out.
            force: complete even what looks wrong.
            samples: how many plausible hearts to draw, which say how sure the result is; 0 for none.

        Returns:
            The output segmentation, or the run: its ``completion`` has ``output`` or ``error`` once it is ``finished``.

        Raises:
            CompletionError: with a sentence that says what to do.
        """
        ensureTorch()
        options = CompletionOptions(
            spacing, device, segments=segments or {}, cut=cut or {}, force=force, samples=samples
        )
        run = self.start(segmentationNode, trusted, outputSegmentationNode, options, progress)
        if not waitForCompletion:
            return run
        while not run.step():
            slicer.app.processEvents()
            time.sleep(0.02)
        if run.completion.error is not None:
            raise CompletionError(run.completion.error)
        return run.completion.output

    def start(
        self,
        node: vtkMRMLSegmentationNode,
        trusted: Sequence[str],
        output: vtkMRMLSegmentationNode | None,
        options: CompletionOptions,
        progress: Callable[[float, str], None] | None = None,
        finished: Callable[[SceneCompletion], None] | None = None,
    ) -> CompletionRun:
        """Begin a completion in the background; see :class:`CompletionRun` for the callbacks.

        Raises:
            CompletionError: if the input cannot be completed.
        """
        if node.IsA("vtkMRMLSequenceNode"):
            completion = SequenceCompletion(self.engine, node, trusted, options)
        else:
            completion = SceneCompletion(self.engine, node, trusted, output, options)
        return CompletionRun(completion, progress, finished)


class CardiacCompletionTest(ScriptedLoadableModuleTest):
    """What Reload and Test and SlicerTesting run; the full suite lies in Testing/Python."""

    def setUp(self) -> None:
        slicer.mrmlScene.Clear()

    def runTest(self) -> None:
        self.setUp()
        self.test_the_sample_heart_is_completed()

    def test_the_sample_heart_is_completed(self) -> None:
        self.delayDisplay(_("Completing the sample heart"))
        heart = loadSampleHeart()
        before = heart.GetSegmentation().GetNumberOfSegments()
        logic = CardiacCompletionLogic()
        try:
            whole = logic.complete(heart, trusted=["left_ventricle", "myocardium"], spacing=3.0)
        finally:
            logic.engine.stop()
        assert whole.GetSegmentation().GetSegmentIdBySegmentName("Left atrium")
        assert whole.GetSegmentation().GetNumberOfSegments() > 2
        assert heart.GetSegmentation().GetNumberOfSegments() == before
