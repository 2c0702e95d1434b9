"""``qt.QUiLoader`` that makes the stand-ins, and raises for whatever it does not know."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

from PySide6 import QtCore, QtUiTools, QtWidgets

from Testing.bench.slicer_widgets import WIDGET_CLASSES

# Properties that Slicer's wrapper and translations put on any widget.
_FREE_PROPERTIES = {"SlicerParameterName", "SlicerPackParameterName"}


class StrictUiLoader(QtUiTools.QUiLoader):
    """Loads a .ui file as Slicer's loader would."""

    def __init__(self, parent: QtCore.QObject | None = None) -> None:
        super().__init__(parent)
        self._made: list[QtWidgets.QWidget] = []
        self._error: Exception | None = None

    def createWidget(
        self, className: str, parent: QtWidgets.QWidget | None = None, name: str = ""
    ) -> QtWidgets.QWidget | None:
        if className in WIDGET_CLASSES:
            widget = WIDGET_CLASSES[className](parent)
            widget.setObjectName(name)
        elif className.startswith(("ctk", "qMRML", "qSlicer")):
            self._error = self._error or ValueError(f"{className} ({name}) has no stand-in on this bench")
            widget = QtWidgets.QWidget(parent)
        else:
            widget = super().createWidget(className, parent, name)
        self._made.append(widget)
        return widget

    def load(self, device: QtCore.QIODevice, parent: QtWidgets.QWidget | None = None) -> QtWidgets.QWidget:
        root = ElementTree.fromstring(bytes(device.readAll()))
        sceneConnections = self._takeSceneConnections(root)
        buffer = QtCore.QBuffer()
        buffer.setData(ElementTree.tostring(root))
        buffer.open(QtCore.QIODevice.OpenModeFlag.ReadOnly)
        widget = super().load(buffer, parent)
        if self._error is not None:
            raise self._error
        self._checkProperties()
        for sender, receiver in sceneConnections:
            source, target = self._child(widget, sender), self._child(widget, receiver)
            source.connect("mrmlSceneChanged(vtkMRMLScene*)", target.setMRMLScene)
        return widget

    def _takeSceneConnections(self, root: ElementTree.Element) -> list[tuple[str, str]]:
        """Remove the connections that pass the scene on, which PySide cannot make, and return them."""
        connections = root.find("connections")
        found = []
        for connection in list(connections) if connections is not None else []:
            if connection.findtext("signal") == "mrmlSceneChanged(vtkMRMLScene*)":
                if connection.findtext("slot") != "setMRMLScene(vtkMRMLScene*)":
                    raise ValueError(f"unknown slot {connection.findtext('slot')}")
                found.append((connection.findtext("sender"), connection.findtext("receiver")))
                connections.remove(connection)
        return found

    def _child(self, widget: QtWidgets.QWidget, name: str) -> QtWidgets.QWidget:
        if widget.objectName == name:
            return widget
        for made in self._made:
            if made.objectName == name:
                return made
        raise ValueError(f"the .ui file connects {name}, which it does not hold")

    def _checkProperties(self) -> None:
        for widget in self._made:
            dynamic = {bytes(name.data()).decode() for name in widget.dynamicPropertyNames()}
            unknown = {name for name in dynamic - _FREE_PROPERTIES if not name.startswith("_")}
            if unknown:
                raise ValueError(
                    f"{widget.className()} {widget.objectName} has no property {', '.join(sorted(unknown))}"
                )
