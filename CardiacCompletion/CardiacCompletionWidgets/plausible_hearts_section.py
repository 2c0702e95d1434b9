"""Looking at the plausible hearts of a result: one after the other, or as the probability of a structure."""

from __future__ import annotations

import slicer
from slicer.i18n import tr as _

from CardiacCompletionLib.anatomy.vocabulary import Structure, Vocabulary
from CardiacCompletionLib.mrml.plausible_hearts import PlausibleHearts, structure_of_segment
from CardiacCompletionWidgets.result_table import ResultTable

_OPACITY = 0.6


class PlausibleHeartsSection:
    """A slider, and a button for the structure that is selected in the table of the result.

    Args:
        ui: the widgets of the .ui file.
    """

    def __init__(self, ui: object, table: ResultTable, vocabulary: Vocabulary) -> None:
        self._ui, self._table, self._vocabulary = ui, table, vocabulary
        self._node: slicer.vtkMRMLSegmentationNode | None = None
        self._hearts: PlausibleHearts | None = None
        ui.heartsSlider.connect("valueChanged(int)", self._onSlider)
        ui.probabilityButton.connect("clicked(bool)", self._onProbabilityButton)

    def show(self, node: slicer.vtkMRMLSegmentationNode | None) -> None:
        """Show which of a result's hearts is shown; nothing if it has none."""
        isOther, self._node, self._hearts = node is not self._node, node, PlausibleHearts.of(node)
        for widget in (self._ui.heartsLabel, self._ui.heartsSlider, self._ui.heartShownLabel):
            widget.visible = self._hearts is not None
        if self._hearts is not None:
            if isOther and self._hearts.shown:
                # A loaded scene brings its voxels, not its surfaces.
                self._hearts.show(self._hearts.shown)
            slider = self._ui.heartsSlider
            wasBlocked = slider.blockSignals(True)
            slider.maximum = self._hearts.count
            slider.value = self._hearts.shown
            slider.blockSignals(wasBlocked)
            self._showNumber()
        self.updateButton()

    def updateButton(self) -> None:
        """Bring the button in line with what is selected in the table."""
        structure = self._selected()
        self._ui.probabilityButton.enabled = structure is not None and self._hearts.knows(structure)

    def _showNumber(self) -> None:
        shown, count = self._hearts.shown, self._hearts.count
        text = _("{number} of {count}").format(number=shown, count=count) if shown else _("the result")
        self._ui.heartShownLabel.text = text

    def _selected(self) -> Structure | None:
        segmentId = self._table.selectedSegmentId
        if self._hearts is None or segmentId is None:
            return None
        return structure_of_segment(self._node.GetSegmentation().GetSegment(segmentId), self._vocabulary)

    def _onSlider(self, number: int) -> None:
        if self._areThere():
            self._hearts.show(number)
            self._showNumber()

    def _onProbabilityButton(self) -> None:
        if self._areThere():
            volume = self._hearts.probability(self._selected())
            slicer.util.setSliceViewerLayers(foreground=volume, foregroundOpacity=_OPACITY)

    def _areThere(self) -> bool:
        """Whether the hearts still are in the scene; the user may have deleted them."""
        if PlausibleHearts.of(self._node) is None:
            self.show(self._node)
        return self._hearts is not None
