"""The panel's last section: what came out of a completion, and what can be done with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import slicer

from CardiacCompletionLib.anatomy.vocabulary import Vocabulary
from CardiacCompletionLib.mrml.acceptance import accept
from CardiacCompletionLib.mrml.undo import CompletionUndo
from CardiacCompletionWidgets.plausible_hearts_section import PlausibleHeartsSection
from CardiacCompletionWidgets.result_table import ResultTable


class ResultSection:
    """Table, warnings, plausible hearts, 3D button, accepting and undoing.

    Args:
        ui: the widgets of the .ui file.
        onAccepted: called with the result once a structure in it has been accepted as trusted.
        onUndone: called once the last completion has been taken back.
    """

    def __init__(
        self,
        ui: object,
        vocabulary: Vocabulary,
        onAccepted: Callable[[slicer.vtkMRMLSegmentationNode], None],
        onUndone: Callable[[], None],
    ) -> None:
        self._ui = ui
        self._onAccepted, self._onUndone = onAccepted, onUndone
        self._node: slicer.vtkMRMLSegmentationNode | None = None
        self._running = False
        self.table = ResultTable(ui.resultTable)
        self.hearts = PlausibleHeartsSection(ui, self.table, vocabulary)
        self.undo: CompletionUndo | None = None
        ui.resultTable.connect("itemSelectionChanged()", self._updateButtons)
        ui.acceptButton.connect("clicked(bool)", self._onAcceptButton)
        ui.undoButton.connect("clicked(bool)", self._onUndoButton)

    def show(self, node: slicer.vtkMRMLSegmentationNode | None, warnings: Sequence[str], running: bool) -> None:
        """Show a result, or none; while a completion runs nothing can be done with it."""
        if node is not self._node:
            self._ui.resultCollapsibleButton.collapsed = node is None
        self._node, self._running = node, running
        self.table.show(node)
        self._ui.warningsLabel.text = "\n".join(warnings)
        self._ui.warningsLabel.visible = bool(warnings)
        self._ui.show3DButton.setSegmentationNode(node)
        self.hearts.show(node)
        self._updateButtons()

    def _updateButtons(self) -> None:
        self._ui.acceptButton.enabled = not self._running and self.table.selectedSegmentId is not None
        self._ui.undoButton.enabled = not self._running and self.undo is not None and self.undo.possible
        self.hearts.updateButton()

    def _onAcceptButton(self) -> None:
        accept(self._node, self.table.selectedSegmentId)
        # What has been accepted, perhaps edited before, is the user's own work: undoing would take it back too.
        self.undo = None
        self._onAccepted(self._node)

    def _onUndoButton(self) -> None:
        self.undo.restore()
        self.undo = None
        self._onUndone()
