"""The table of a result: each structure's origin and volume."""

from __future__ import annotations

import qt
import slicer
from slicer.i18n import tr as _

from CardiacCompletionLib.mrml.segmentation_reading import origin_of, volume_ml
from CardiacCompletionWidgets.structures_table import colorIcon, fitHeight

_NAME, _ORIGIN, _VOLUME = range(3)


class ResultTable:
    """Rows of a QTableWidget, one a segment that a completion wrote or relied on."""

    def __init__(self, table: qt.QTableWidget) -> None:
        self._table = table
        self._segmentIds: list[str] = []
        table.setColumnCount(3)
        table.setHorizontalHeaderLabels([_("Structure"), _("Origin"), _("Volume (ml)")])
        header = table.horizontalHeader()
        header.setSectionResizeMode(_NAME, qt.QHeaderView.Stretch)
        header.setSectionResizeMode(_ORIGIN, qt.QHeaderView.ResizeToContents)
        header.setSectionResizeMode(_VOLUME, qt.QHeaderView.ResizeToContents)

    @property
    def segmentIds(self) -> list[str]:
        """The segments shown, in order."""
        return list(self._segmentIds)

    @property
    def selectedSegmentId(self) -> str | None:
        row = self._table.currentRow()
        return self._segmentIds[row] if 0 <= row < len(self._segmentIds) else None

    def select(self, segmentId: str) -> None:
        self._table.setCurrentCell(self._segmentIds.index(segmentId), _NAME)

    def show(self, node: slicer.vtkMRMLSegmentationNode | None) -> None:
        """Show the result that a segmentation holds, computed from its voxels as they are now."""
        segmentation = node.GetSegmentation() if node is not None else None
        everyId = segmentation.GetSegmentIDs() if segmentation is not None else ()
        kept = [ID for ID in everyId if origin_of(segmentation.GetSegment(ID)) is not None]
        if kept != self._segmentIds:
            self._table.setCurrentCell(-1, -1)
        self._segmentIds = kept
        self._table.setRowCount(len(kept))
        for row, ID in enumerate(kept):
            self._showRow(row, node, ID)
        fitHeight(self._table)

    def _showRow(self, row: int, node: slicer.vtkMRMLSegmentationNode, ID: str) -> None:
        segment = node.GetSegmentation().GetSegment(ID)
        name = qt.QTableWidgetItem(segment.GetName())
        name.setIcon(colorIcon(tuple(round(255 * channel) for channel in segment.GetColor())))
        words = {"trusted": _("trusted"), "inferred": _("inferred"), "continued": _("inferred beyond the cut")}
        origin = qt.QTableWidgetItem(words[origin_of(segment)])
        volume = qt.QTableWidgetItem(f"{volume_ml(node, ID):.1f}")
        volume.setTextAlignment(qt.Qt.AlignRight | qt.Qt.AlignVCenter)
        for column, item in ((_NAME, name), (_ORIGIN, origin), (_VOLUME, volume)):
            item.setFlags(qt.Qt.ItemIsEnabled | qt.Qt.ItemIsSelectable)
            self._table.setItem(row, column, item)
