"""The table of structures: which segment plays each, and what is to become of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import qt
from slicer.i18n import tr as _

from CardiacCompletionLib.anatomy.identification import Segment
from CardiacCompletionLib.anatomy.vocabulary import Vocabulary
from CardiacCompletionLib.mrml.casting import NOBODY, Role

TRUST, TRUST_CUT, INFER, LEAVE_OUT = "trust", "trustCut", "infer", "leaveOut"
_NAME, _SEGMENT, _USE = range(3)


class StructuresTable:
    """Rows of a QTableWidget, one a structure.

    Args:
        table: the widget; its rows and columns are made here.
        onSegmentChosen: called with key and segment ID (``NOBODY`` for none).
        onUseChosen: called with key and one of TRUST, TRUST_CUT, INFER, LEAVE_OUT.
    """

    def __init__(
        self,
        table: qt.QTableWidget,
        vocabulary: Vocabulary,
        keys: Sequence[str],
        onSegmentChosen: Callable[[str, str], None],
        onUseChosen: Callable[[str, str], None],
    ) -> None:
        self._table = table
        self._vocabulary = vocabulary
        self._onSegmentChosen, self._onUseChosen = onSegmentChosen, onUseChosen
        self._keys: list[str] = []
        self._items: dict[str, qt.QTableWidgetItem] = {}
        self._segments: dict[str, qt.QComboBox] = {}
        self._uses: dict[str, qt.QComboBox] = {}
        table.setColumnCount(3)
        table.setHorizontalHeaderLabels([_("Structure"), _("Segment"), _("Use")])
        header = table.horizontalHeader()
        header.setSectionResizeMode(_NAME, qt.QHeaderView.ResizeToContents)
        header.setSectionResizeMode(_SEGMENT, qt.QHeaderView.Stretch)
        header.setSectionResizeMode(_USE, qt.QHeaderView.ResizeToContents)
        self.setKeys(keys)

    def setKeys(self, keys: Sequence[str]) -> None:
        """Have a row for each of these structures: other weights may know others."""
        if list(keys) == self._keys:
            return
        self._keys = list(keys)
        self._table.setRowCount(0)
        self._table.setRowCount(len(self._keys))
        for row, key in enumerate(self._keys):
            self._addRow(row, key)
        fitHeight(self._table)

    def show(
        self,
        roles: Mapping[str, Role],
        segments: Sequence[Segment],
        trusted: Sequence[str],
        cut: Sequence[str],
        leftOut: Sequence[str],
    ) -> None:
        """Bring all rows up to date without calling anyone back."""
        for key in self._keys:
            role = roles.get(key)
            self._showName(key, role)
            self._showSegments(key, role, segments)
            kept = TRUST_CUT if key in cut else TRUST
            use = kept if key in trusted else LEAVE_OUT if key in leftOut else INFER
            showChoice(self._uses[key], use)

    def setEnabled(self, enabled: bool) -> None:
        """Rows cannot be changed while a completion runs."""
        for combo in (*self._segments.values(), *self._uses.values()):
            combo.setEnabled(enabled)

    def useCombo(self, key: str) -> qt.QComboBox:
        return self._uses[key]

    def segmentCombo(self, key: str) -> qt.QComboBox:
        return self._segments[key]

    def text(self, key: str) -> str:
        """What the row says of its structure."""
        return self._items[key].text()

    def _addRow(self, row: int, key: str) -> None:
        item = qt.QTableWidgetItem()
        item.setIcon(colorIcon(self._vocabulary[key].color))
        item.setFlags(qt.Qt.ItemIsEnabled)
        self._table.setItem(row, _NAME, item)
        segment, use = qt.QComboBox(), qt.QComboBox()
        segment.setSizeAdjustPolicy(qt.QComboBox.AdjustToMinimumContentsLengthWithIcon)
        use.addItem(_("Trust"), TRUST)
        use.addItem(_("Trust, but cut off"), TRUST_CUT)
        use.addItem(_("Infer"), INFER)
        use.addItem(_("Leave out"), LEAVE_OUT)
        use.setToolTip(
            _(
                "Trust: stays voxel for voxel and guides the rest; where the image or a flat face cuts it off is found "
                "out. Trust, but cut off: a cut is there for certain; it stays, too, and is continued beyond the cut. "
                "Infer: is made anew. Leave out: not in the result."
            )
        )
        segment.connect("currentIndexChanged(int)", lambda index: self._onSegmentChosen(key, segment.itemData(index)))
        use.connect("currentIndexChanged(int)", lambda index: self._onUseChosen(key, use.itemData(index)))
        self._table.setCellWidget(row, _SEGMENT, segment)
        self._table.setCellWidget(row, _USE, use)
        self._items[key], self._segments[key], self._uses[key] = item, segment, use

    def _showName(self, key: str, role: Role | None) -> None:
        name = self._vocabulary[key].name
        item = self._items[key]
        doubtful = role is not None and role.ambiguous
        item.setText(_("{name} (unclear)").format(name=name) if doubtful else name)
        item.setToolTip(role.reason if role is not None else "")
        item.setForeground(qt.QBrush(qt.QColor("#c05000") if doubtful else self._table.palette.windowText().color()))

    def _showSegments(self, key: str, role: Role | None, segments: Sequence[Segment]) -> None:
        combo = self._segments[key]
        wasBlocked = combo.blockSignals(True)
        combo.clear()
        combo.addItem(_("choose one") if role is not None and role.ambiguous else "–", NOBODY)
        for segment in segments:
            combo.addItem(str(segment.name or segment.identifier), segment.identifier)
        chosen = role.segment_id if role is not None and role.segment_id is not None else NOBODY
        combo.setCurrentIndex(combo.findData(chosen))
        combo.setToolTip(role.reason if role is not None else "")
        combo.blockSignals(wasBlocked)


def showChoice(combo: qt.QComboBox, data: str) -> None:
    """Show the entry that stands for something without calling anyone back."""
    wasBlocked = combo.blockSignals(True)
    combo.setCurrentIndex(combo.findData(data))
    combo.blockSignals(wasBlocked)


def fitHeight(table: qt.QTableWidget) -> None:
    """Make a table as high as its rows: the panel scrolls, its tables do not."""
    table.resizeRowsToContents()
    rows = sum(table.rowHeight(row) for row in range(table.rowCount))
    table.setFixedHeight(table.horizontalHeader().height + rows + 2 * table.frameWidth)


def colorIcon(color: tuple[int, int, int]) -> qt.QIcon:
    """A small square of a colour, RGB 0 to 255."""
    pixmap = qt.QPixmap(14, 14)
    pixmap.fill(qt.QColor(*color))
    return qt.QIcon(pixmap)
