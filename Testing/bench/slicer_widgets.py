"""Stand-ins for the CTK and MRML widgets this project uses: the same properties, signals and habits, plainer looks."""

from __future__ import annotations

import slicer
import vtk
from PySide6 import QtCore, QtGui, QtWidgets

Signal = QtCore.Signal
_HEADER = 26


def _kept(name: str, kind: type | str, default: object) -> QtCore.Property:
    """A property that the panel or the .ui file sets and that has no effect here."""

    def read(self: QtCore.QObject) -> object:
        return self.__dict__.get(f"_{name}", default)

    def write(self: QtCore.QObject, value: object) -> None:
        self.__dict__[f"_{name}"] = value

    return QtCore.Property(kind, read, write)


class qMRMLWidget(QtWidgets.QWidget):
    """A widget that knows the scene and passes it on."""

    mrmlSceneChanged = Signal(object)

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._scene = None

    def setMRMLScene(self, scene: slicer.vtkMRMLScene) -> None:
        if scene is not self._scene:
            self._scene = scene
            self.mrmlSceneChanged.emit(scene)

    def mrmlScene(self) -> slicer.vtkMRMLScene:
        return self._scene


class ctkCollapsibleButton(QtWidgets.QAbstractButton):
    """A titled section; a click on the title hides or shows the rest, but nothing that was hidden before."""

    contentsCollapsed = Signal(bool)

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._hiddenWithIt: list[QtWidgets.QWidget] = []
        self.setCheckable(True)
        self.setChecked(True)
        self.setContentsMargins(4, _HEADER, 4, 4)
        self.setSizePolicy(QtWidgets.QSizePolicy.Policy.Preferred, QtWidgets.QSizePolicy.Policy.Preferred)
        self.toggled.connect(self._onToggled)

    def _setCollapsed(self, collapsed: bool) -> None:
        self.setChecked(not collapsed)

    collapsed = QtCore.Property(bool, lambda self: not self.isChecked(), _setCollapsed)

    def _onToggled(self, open_: bool) -> None:
        self._showContents()
        self.contentsCollapsed.emit(not open_)

    def _showContents(self) -> None:
        if self.isChecked():
            shown, self._hiddenWithIt = self._hiddenWithIt, []
        else:
            children = self.findChildren(QtWidgets.QWidget, options=QtCore.Qt.FindChildOption.FindDirectChildrenOnly)
            shown = [child for child in children if not child.isHidden()]
            self._hiddenWithIt += shown
        for child in shown:
            child.setVisible(self.isChecked())

    def event(self, event: QtCore.QEvent) -> bool:
        # Children are added by the .ui loader after ``collapsed`` was read.
        if event.type() == QtCore.QEvent.Type.Polish:
            self._showContents()
        return super().event(event)

    def sizeHint(self) -> QtCore.QSize:
        if self.isChecked() and self.layout() is not None:
            return self.layout().totalSizeHint()
        return QtCore.QSize(120, _HEADER)

    def minimumSizeHint(self) -> QtCore.QSize:
        return self.sizeHint()

    def hitButton(self, position: QtCore.QPoint) -> bool:
        return position.y() < _HEADER

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        painter = QtGui.QPainter(self)
        option = QtWidgets.QStyleOptionButton()
        option.initFrom(self)
        option.rect = QtCore.QRect(0, 0, QtWidgets.QWidget.width(self), _HEADER - 3)
        option.text = ("▾ " if self.isChecked() else "▸ ") + QtWidgets.QAbstractButton.text(self)
        self.style().drawControl(QtWidgets.QStyle.ControlElement.CE_PushButton, option, painter, self)


class ctkPathLineEdit(QtWidgets.QWidget):
    """A line edit for a path with a browse button."""

    currentPathChanged = Signal(str)

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self._edit = QtWidgets.QLineEdit(self)
        layout.addWidget(self._edit)
        layout.addWidget(QtWidgets.QToolButton(self))
        self._edit.textChanged.connect(self.currentPathChanged)

    currentPath = QtCore.Property(
        str, lambda self: QtWidgets.QLineEdit.text(self._edit), lambda self, path: self._edit.setText(path)
    )
    nameFilters = _kept("nameFilters", "QStringList", [])
    settingKey = _kept("settingKey", str, "")


class qMRMLNodeComboBox(QtWidgets.QWidget):
    """Chooses a node of the scene; as in Slicer it does not choose one that is added later by itself."""

    currentNodeChanged = Signal(object)
    currentNodeIDChanged = Signal(str)

    addEnabled = _kept("addEnabled", bool, True)
    removeEnabled = _kept("removeEnabled", bool, True)
    renameEnabled = _kept("renameEnabled", bool, False)
    showHidden = _kept("showHidden", bool, False)
    showChildNodeTypes = _kept("showChildNodeTypes", bool, True)
    selectNodeUponCreation = _kept("selectNodeUponCreation", bool, True)
    baseName = _kept("baseName", str, "")

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self._box = QtWidgets.QComboBox(self)
        layout.addWidget(self._box)
        self._scene = None
        self._observers: list[int] = []
        self._nodeTypes: tuple[str, ...] = ()
        self._noneEnabled, self._noneDisplay = False, "None"
        self._currentID = ""
        self._box.activated.connect(lambda index: self.setCurrentNodeID(self._box.itemData(index)))

    def _setNodeTypes(self, nodeTypes: list[str]) -> None:
        self._nodeTypes = tuple(nodeTypes)
        self._refresh()

    def _setNoneEnabled(self, enabled: bool) -> None:
        self._noneEnabled = enabled
        self._refresh()

    def _setNoneDisplay(self, text: str) -> None:
        self._noneDisplay = text
        self._refresh()

    nodeTypes = QtCore.Property("QStringList", lambda self: list(self._nodeTypes), _setNodeTypes)
    noneEnabled = QtCore.Property(bool, lambda self: self._noneEnabled, _setNoneEnabled)
    noneDisplay = QtCore.Property(str, lambda self: self._noneDisplay, _setNoneDisplay)

    def setMRMLScene(self, scene: slicer.vtkMRMLScene) -> None:
        self._scene = scene
        for event in (scene.NodeAddedEvent, scene.NodeRemovedEvent, scene.EndImportEvent, scene.EndCloseEvent):
            self._observers.append(scene.AddObserver(event, self._onSceneChanged))
        self._refresh()

    def nodeCount(self) -> int:
        return len(self._nodes())

    def currentNode(self) -> slicer.vtkMRMLNode | None:
        return self._scene.GetNodeByID(self._currentID) if self._scene and self._currentID else None

    def setCurrentNode(self, node: slicer.vtkMRMLNode | None) -> None:
        self.setCurrentNodeID(node.GetID() if node else "")

    def setCurrentNodeID(self, nodeID: str) -> None:
        if nodeID and all(node.GetID() != nodeID for node in self._nodes()):
            nodeID = ""
        if nodeID != self._currentID:
            self._currentID = nodeID
            self._refresh()
            self.currentNodeChanged.emit(self.currentNode())
            self.currentNodeIDChanged.emit(nodeID)

    currentNodeID = QtCore.Property(str, lambda self: self._currentID, setCurrentNodeID)

    def _nodes(self) -> list[slicer.vtkMRMLNode]:
        found = [node for kind in self._nodeTypes for node in slicer.util.getNodesByClass(kind)] if self._scene else []
        return [node for node in found if not node.GetHideFromEditors()]

    def _onSceneChanged(self, scene: slicer.vtkMRMLScene, event: str) -> None:
        if self._currentID and self.currentNode() is None:
            remaining = self._nodes()
            self.setCurrentNode(None if self._noneEnabled or not remaining else remaining[0])
        self._refresh()

    def _refresh(self) -> None:
        self._box.clear()
        if self._noneEnabled:
            self._box.addItem(self._noneDisplay, "")
        for node in self._nodes():
            self._box.addItem(node.GetName(), node.GetID())
        self._box.setCurrentIndex(self._box.findData(self._currentID))


class qMRMLSegmentationShow3DButton(QtWidgets.QPushButton):
    """Makes or removes the closed surfaces of a segmentation."""

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__("Show 3D", parent)
        self.setCheckable(True)
        self._node = None
        self._observer: int | None = None
        self.clicked.connect(self._onClicked)

    def segmentationNode(self) -> slicer.vtkMRMLSegmentationNode | None:
        return self._node

    def setSegmentationNode(self, node: slicer.vtkMRMLSegmentationNode | None) -> None:
        if self._node is not None:
            self._node.GetSegmentation().RemoveObserver(self._observer)
        self._node = node
        if node is not None:
            self._observer = node.GetSegmentation().AddObserver(vtk.vtkCommand.AnyEvent, self._refresh)
        self.setEnabled(node is not None)
        self._refresh()

    def _refresh(self, *_callerAndEvent: object) -> None:
        self.setChecked(
            self._node is not None and self._node.GetSegmentation().ContainsRepresentation("Closed surface")
        )

    def _onClicked(self, checked: bool) -> None:
        if checked:
            self._node.CreateClosedSurfaceRepresentation()
        else:
            self._node.RemoveClosedSurfaceRepresentation()


WIDGET_CLASSES = {
    widgetClass.__name__: widgetClass
    for widgetClass in (
        ctkCollapsibleButton,
        ctkPathLineEdit,
        qMRMLNodeComboBox,
        qMRMLSegmentationShow3DButton,
        qMRMLWidget,
    )
}
