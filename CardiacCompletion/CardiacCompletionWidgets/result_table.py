"""The table of a result: each structure's origin and volume, and how sure both are."""

from __future__ import annotations

import qt
import slicer
from slicer.i18n import tr as _

from CardiacCompletionLib.anatomy.certainty import Certainty
from CardiacCompletionLib.mrml.certainty import certainty_of
from CardiacCompletionLib.mrml.segmentation_reading import LABELMAP, origin_of, volume_ml
from CardiacCompletionWidgets.structures_table import colorIcon, fitHeight

_NAME, _ORIGIN, _VOLUME, _INTERVAL, _CONFIDENCE = range(5)


class ResultTable:
    """Rows of a QTableWidget, one a segment that a completion wrote or relied on."""

    def __init__(self, table: qt.QTableWidget) -> None:
        self._table = table
        self._segmentIds: list[str] = []
        self._volumes: dict[str, tuple[tuple[int, int], float]] = {}
        table.setColumnCount(5)
        table.setHorizontalHeaderLabels([_("Structure"), _("Origin"), _("ml"), _("90 % (ml)"), _("Confidence")])
        header = table.horizontalHeader()
        header.setSectionResizeMode(_NAME, qt.QHeaderView.Stretch)
        for column in (_ORIGIN, _VOLUME, _INTERVAL, _CONFIDENCE):
            header.setSectionResizeMode(column, qt.QHeaderView.ResizeToContents)
        for column, text in (
            (_ORIGIN, _("Trusted: as it was. Inferred: made anew. Continued: goes on where a trusted one is cut off.")),
            (_VOLUME, _("Volume in millilitres.")),
            (_INTERVAL, _("Between these volumes, in millilitres, the true one lies nine times out of ten.")),
            (_CONFIDENCE, _("The overlap (Dice) with the true structure to expect, from 0 to 1.")),
        ):
            table.horizontalHeaderItem(column).setToolTip(text)

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

    def text(self, segmentId: str) -> list[str]:
        """What the row of a segment says."""
        row = self._segmentIds.index(segmentId)
        return [self._table.item(row, column).text() for column in range(self._table.columnCount)]

    def show(self, node: slicer.vtkMRMLSegmentationNode | None) -> None:
        """Show the result that a segmentation holds, computed from its voxels as they are now."""
        segmentation = node.GetSegmentation() if node is not None else None
        everyId = segmentation.GetSegmentIDs() if segmentation is not None else ()
        kept = [ID for ID in everyId if origin_of(segmentation.GetSegment(ID)) is not None]
        if kept != self._segmentIds:
            self._table.setCurrentCell(-1, -1)
        self._segmentIds = kept
        self._volumes = {ID: known for ID, known in self._volumes.items() if ID in kept}
        self._table.setRowCount(len(kept))
        for row, ID in enumerate(kept):
            self._showRow(row, node, ID)
        fitHeight(self._table)

    def _showRow(self, row: int, node: slicer.vtkMRMLSegmentationNode, ID: str) -> None:
        segment = node.GetSegmentation().GetSegment(ID)
        certainty = certainty_of(segment)
        name = qt.QTableWidgetItem(segment.GetName())
        name.setIcon(colorIcon(tuple(round(255 * channel) for channel in segment.GetColor())))
        words = {"trusted": _("trusted"), "inferred": _("inferred"), "continued": _("continued")}
        origin = qt.QTableWidgetItem(words[origin_of(segment)])
        volume = qt.QTableWidgetItem(f"{self._volume(node, ID):.1f}")
        interval = qt.QTableWidgetItem(_interval(certainty) if certainty is not None else "")
        confidence = qt.QTableWidgetItem()
        if certainty is not None:
            word, color = confidenceInWords(certainty.confidence)
            confidence.setText(f"{word} ({certainty.confidence:.2f})")
            confidence.setIcon(colorIcon(color))
        for item in (volume, interval):
            item.setTextAlignment(qt.Qt.AlignRight | qt.Qt.AlignVCenter)
        for column, item in enumerate((name, origin, volume, interval, confidence)):
            item.setFlags(qt.Qt.ItemIsEnabled | qt.Qt.ItemIsSelectable)
            self._table.setItem(row, column, item)

    def _volume(self, node: slicer.vtkMRMLSegmentationNode, ID: str) -> float:
        """In ml; counted again only if the voxels, or the transform above them, have changed."""
        image = node.GetSegmentation().GetSegment(ID).GetRepresentation(LABELMAP)
        transform = node.GetParentTransformNode()
        stamp = (
            image.GetMTime() if image is not None else 0,
            transform.GetTransformToWorldMTime() if transform is not None else 0,
        )
        if self._volumes.get(ID, (None,))[0] != stamp:
            self._volumes[ID] = (stamp, volume_ml(node, ID))
        return self._volumes[ID][1]


def confidenceInWords(confidence: float) -> tuple[str, tuple[int, int, int]]:
    """A word, and a colour (RGB, 0 to 255), for the overlap to expect; blue to red, not green: many cannot tell."""
    if confidence >= 0.85:
        return _("high"), (40, 110, 190)
    if confidence >= 0.7:
        return _("fair"), (120, 185, 220)
    if confidence >= 0.5:
        return _("low"), (240, 165, 60)
    return _("a guess"), (205, 45, 40)


def _interval(certainty: Certainty) -> str:
    digits = 0 if certainty.low_ml >= 10 else 1
    return f"{certainty.low_ml:.{digits}f}–{certainty.high_ml:.{digits}f}"
