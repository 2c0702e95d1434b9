"""``slicer.parameterNodeWrapper``: typed access to a scripted module node, and its connection to widgets.

Holds the types this project stores; any other type, an unknown annotation and a widget that Slicer could not connect
to a type raise, as they do in Slicer.
"""

from __future__ import annotations

import json
import typing
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import qt
import slicer
import vtk

_PROPERTY = "SlicerParameterName"


@dataclass(frozen=True)
class WithinRange:
    minimum: float
    maximum: float

    def validate(self, value: float) -> None:
        if not self.minimum <= value <= self.maximum:
            raise ValueError(f"Value {value} is not within {self.minimum} and {self.maximum}")


@dataclass(frozen=True)
class Choice:
    choices: list

    def validate(self, value: object) -> None:
        if value not in self.choices:
            raise ValueError(f"Value {value!r} is not one of {self.choices}")


class StoredList(Sequence):
    """A stored list as it is read: like Slicer's, no ``list``, and it cannot be added to. Assign a whole new one."""

    def __init__(self, values: list) -> None:
        self._values = values

    def __getitem__(self, index: int) -> object:
        return self._values[index]

    def __len__(self) -> int:
        return len(self._values)

    def __eq__(self, other: object) -> bool:
        return self._values == (other._values if isinstance(other, StoredList) else other)

    __hash__ = None


class _Parameter:
    """One named value of one type in a vtkMRMLScriptedModuleNode."""

    def __init__(self, name: str, annotated: object, default: object) -> None:
        self.name = name
        self.annotated = annotated
        self.kind, *self.validators = typing.get_args(annotated) if hasattr(annotated, "__metadata__") else (annotated,)
        self.isNode = isinstance(self.kind, type) and issubclass(self.kind, slicer.vtkMRMLNode)
        plain = typing.get_origin(self.kind) or self.kind
        if not self.isNode and plain not in (str, int, float, bool, list, dict):
            raise TypeError(f"No serializer for {name}: {annotated}")
        if typing.get_origin(self.kind) and any(part is not str for part in typing.get_args(self.kind)):
            raise TypeError(f"No serializer for {name}: {annotated}")
        self.default = default if default is not None or self.isNode else plain()
        self._plain = plain

    def isIn(self, node: slicer.vtkMRMLScriptedModuleNode) -> bool:
        return self.isNode or node.GetParameter(self.name) != ""

    def read(self, node: slicer.vtkMRMLScriptedModuleNode) -> object:
        if self.isNode:
            return node.GetNodeReference(self.name)
        value = json.loads(node.GetParameter(self.name)) if self.isIn(node) else self.default
        return {list: StoredList, dict: MappingProxyType}.get(self._plain, lambda plain: plain)(value)

    def write(self, node: slicer.vtkMRMLScriptedModuleNode, value: object) -> None:
        if self.isNode:
            if value is not None and not isinstance(value, self.kind):
                raise TypeError(f"{self.name} takes a {self.kind.__name__}, not {value!r}")
            node.SetNodeReferenceID(self.name, value.GetID() if value else None)
            return
        if isinstance(value, StoredList | MappingProxyType):
            value = self._plain(value)
        if not isinstance(value, self._plain) and not (self._plain is float and isinstance(value, int)):
            raise TypeError(f"{self.name} takes {self._plain.__name__}, not {value!r}")
        for validator in self.validators:
            validator.validate(value)
        node.SetParameter(self.name, json.dumps(value))


def parameterNodeWrapper(wrapped: type) -> type:
    """Class decorator: every annotated member becomes a property kept in the node given to the constructor."""
    hints = typing.get_type_hints(wrapped, include_extras=True)
    parameters = {name: _Parameter(name, kind, getattr(wrapped, name, None)) for name, kind in hints.items()}
    members = {name: _property(parameter) for name, parameter in parameters.items()}
    return type(wrapped.__name__, (_Wrapper,), {"__doc__": wrapped.__doc__, "allParameters": parameters, **members})


def _property(parameter: _Parameter) -> property:
    return property(
        lambda self: parameter.read(self.parameterNode), lambda self, value: parameter.write(self.parameterNode, value)
    )


class _Wrapper:
    """What Slicer's decorator adds to a class."""

    allParameters: typing.ClassVar[dict[str, _Parameter]] = {}

    def __init__(self, parameterNode: slicer.vtkMRMLScriptedModuleNode) -> None:
        self.parameterNode = parameterNode
        self._guis: dict[int, list[_Connector]] = {}
        self._nextTag = 0
        self._updating = False
        for parameter in self.allParameters.values():
            if not parameter.isIn(parameterNode):
                parameter.write(parameterNode, parameter.default)

    def StartModify(self) -> int:
        return self.parameterNode.StartModify()

    def EndModify(self, wasModified: int) -> int:
        return self.parameterNode.EndModify(wasModified)

    def AddObserver(self, event: int, callback: Callable, priority: float = 0.0) -> int:
        return self.parameterNode.AddObserver(event, callback, priority)

    def RemoveObserver(self, tag: int) -> None:
        self.parameterNode.RemoveObserver(tag)

    def connectGui(self, gui: object) -> None:
        """Connect every child whose SlicerParameterName names a parameter; an unknown name raises.

        Gives back no tag, as Slicer does not (github.com/Slicer/Slicer/issues/7547): it cannot be undone.
        """
        widgets = [widget for widget in vars(gui).values() if isinstance(widget, qt.QWidget)]
        self.connectParametersToGui(
            {widget.property(_PROPERTY): widget for widget in widgets if widget.property(_PROPERTY)}
        )

    def connectParametersToGui(self, mapping: dict[str, qt.QWidget]) -> int:
        """Connect widgets by the names of their parameters; the tag is for :meth:`disconnectGui`."""
        unknown = mapping.keys() - self.allParameters.keys()
        if unknown:
            raise ValueError(f"Cannot find a param with the given name: {', '.join(sorted(unknown))}")
        connectors = [_Connector(widget, self.allParameters[name]) for name, widget in mapping.items()]
        tag, self._nextTag = self._nextTag, self._nextTag + 1
        self._guis[tag] = connectors
        for connector in connectors:
            connector.write(connector.parameter.read(self.parameterNode))
            connector.connect(self._callback_for(connector))
        self.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda caller, event: self._updateGui())
        return tag

    def disconnectGui(self, tag: int | None) -> None:
        """Of a tag that is not known nothing is said."""
        for connector in self._guis.pop(tag, []):
            connector.disconnect()

    def _callback_for(self, connector: _Connector) -> Callable[[], None]:
        return lambda: self._onWidgetChanged(connector)

    def _onWidgetChanged(self, connector: _Connector) -> None:
        if not self._updating:
            connector.parameter.write(self.parameterNode, connector.read())

    def _updateGui(self) -> None:
        if self._updating:
            return
        self._updating = True
        try:
            for connectors in self._guis.values():
                for connector in connectors:
                    connector.write(connector.parameter.read(self.parameterNode))
        finally:
            self._updating = False


class _Connector:
    """One widget that shows and changes one parameter."""

    _SIGNALS: typing.ClassVar[dict[str, tuple[str, str]]] = {
        "QCheckBox": ("toggled(bool)", "checked"),
        "QSpinBox": ("valueChanged(int)", "value"),
        "QDoubleSpinBox": ("valueChanged(double)", "value"),
        "QLineEdit": ("textChanged(QString)", "text"),
        "QComboBox": ("currentIndexChanged(int)", "currentIndex"),
        "qMRMLNodeComboBox": ("currentNodeIDChanged(QString)", "currentNode"),
    }
    _TYPES: typing.ClassVar[dict[str, type]] = {
        "QCheckBox": bool,
        "QSpinBox": int,
        "QDoubleSpinBox": float,
        "QLineEdit": str,
        "QComboBox": str,
    }

    def __init__(self, widget: qt.QWidget, parameter: _Parameter) -> None:
        kind = widget.className()
        fits = parameter.isNode if kind == "qMRMLNodeComboBox" else parameter.kind is self._TYPES.get(kind, object)
        if not fits:
            raise RuntimeError(f"Unable to create GUI connector from '{parameter.annotated}' to widget type '{kind}'")
        self._widget, self.parameter = widget, parameter
        self._signal, self._property = self._SIGNALS[kind]
        self._callback: Callable | None = None
        self._prepare(kind)

    def _prepare(self, kind: str) -> None:
        limits = next((v for v in self.parameter.validators if isinstance(v, WithinRange)), None)
        if kind == "QComboBox":
            choice = next((v for v in self.parameter.validators if isinstance(v, Choice)), None)
            if choice is None:
                raise RuntimeError("ComboBoxToStringableConnector requires the Choice annotation to be used.")
            self._choices = choice.choices
            self._widget.clear()
            self._widget.addItems([str(value) for value in choice.choices])
        elif limits is not None:
            self._widget.minimum, self._widget.maximum = limits.minimum, limits.maximum

    def connect(self, callback: Callable) -> None:
        self._callback = callback
        self._widget.connect(self._signal, callback)

    def disconnect(self) -> None:
        self._widget.disconnect(self._signal, self._callback)

    def read(self) -> object:
        value = getattr(self._widget, self._property)
        if self._widget.className() == "QComboBox":
            return self._choices[value]  # an empty combo box stands for the last choice, as in Slicer
        return value() if self.parameter.isNode else value

    def write(self, value: object) -> None:
        if self.parameter.isNode:
            self._widget.setCurrentNode(value)
        elif self._widget.className() == "QComboBox":
            self._widget.currentIndex = self._widget.findText(value)
        else:
            setattr(self._widget, self._property, value)
