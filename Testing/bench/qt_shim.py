"""``qt``, ``ctk`` and Slicer's widget classes over PySide6, with PythonQt's manners, and stricter than PythonQt.

As in Slicer: properties are attributes (``button.text``, ``box.enabled = False``), signals are connected by signature
(``button.connect("clicked(bool)", f)``), every class is ``qt.QSomething``.
Stricter: an unknown signal, property, widget class or ``.ui`` property raises, and what a slot raises is kept in
``raised_in_slots`` (Slicer prints it and goes on), so that a test can fail by it.
"""

from __future__ import annotations

import inspect
import os
import re
import sys
import traceback
import types
from collections.abc import Callable

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import shiboken6
import slicer
from PySide6 import QtCore, QtGui, QtUiTools, QtWidgets

raised_in_slots: list[BaseException] = []
_PYTHONQT_NAMES = {"connect", "disconnect", "className", "name", "exec_"}
_properties: dict[type, frozenset[str]] = {}
_connections: dict[tuple[int, str], list[tuple[Callable, Callable]]] = {}
_being_read: set[str] = set()
_getAttribute = QtCore.QObject.__getattribute__


def install() -> None:
    """Make ``import qt`` and ``import ctk`` work and start the application object; calling it twice is harmless."""
    if "qt" in sys.modules:
        return
    from Testing.bench import slicer_widgets, ui_loader

    qt = types.ModuleType("qt")
    for library in (QtCore, QtGui, QtWidgets):
        # PySide makes its classes when they are asked for: dir() knows them all, vars() does not.
        for name in dir(library):
            if name == "Qt" or re.match(r"Q[A-Z]", name):
                setattr(qt, name, getattr(library, name))
    qt.QUiLoader = ui_loader.StrictUiLoader
    ctk = types.ModuleType("ctk")
    for name, widgetClass in slicer_widgets.WIDGET_CLASSES.items():
        setattr(ctk if name.startswith("ctk") else slicer, name, widgetClass)
    sys.modules["qt"], sys.modules["ctk"] = qt, ctk

    QtCore.qInstallMessageHandler(_onQtMessage)
    application = QtWidgets.QApplication.instance() or QtWidgets.QApplication([sys.argv[0]])
    application.setStyle("Fusion")
    qt.bench_application = application
    _give_pythonqt_manners()


def _give_pythonqt_manners() -> None:
    QtCore.QObject.__getattribute__ = _get
    # PySide gives every class its own attribute setter, so each has to learn it.
    for library in (QtCore, QtGui, QtWidgets, QtUiTools):
        for value in (getattr(library, name) for name in dir(library)):
            if inspect.isclass(value) and issubclass(value, QtCore.QObject):
                value.__setattr__ = _set


def _onQtMessage(kind: QtCore.QtMsgType, context: QtCore.QMessageLogContext, text: str) -> None:
    """Qt only warns of a failed connection or a widget it cannot make; here that is an error."""
    sys.stderr.write(f"Qt: {text}\n")
    if kind != QtCore.QtMsgType.QtDebugMsg and not text.startswith("This plugin does not support"):
        raised_in_slots.append(RuntimeError(text))


def _property_names(widget: QtCore.QObject) -> frozenset[str]:
    kind = type(widget)
    if kind not in _properties:
        meta = QtCore.QObject.metaObject(widget)
        _properties[kind] = frozenset(meta.property(index).name() for index in range(meta.propertyCount()))
    return _properties[kind]


def _get(self: QtCore.QObject, name: str) -> object:
    if name in _PYTHONQT_NAMES:
        if name == "name":
            return QtCore.QObject.objectName(self)
        if name == "exec_":
            return _getAttribute(self, "exec")
        return types.MethodType({"connect": _connect, "disconnect": _disconnect, "className": _className}[name], self)
    if name.startswith("_") or name not in _property_names(self) or name in _being_read:
        return _getAttribute(self, name)
    # A property such as sizeHint is read through a virtual method, of which PySide asks for a Python version: the
    # second question for a name within the first is PySide's.
    _being_read.add(name)
    try:
        return QtCore.QObject.property(self, name)
    finally:
        _being_read.discard(name)


def _set(self: QtCore.QObject, name: str, value: object) -> None:
    if name == "name":
        QtCore.QObject.setObjectName(self, value)
    elif name in _property_names(self):
        index = QtCore.QObject.metaObject(self).indexOfProperty(name)
        if not QtCore.QObject.metaObject(self).property(index).isWritable():
            raise AttributeError(f"{_className(self)}.{name} cannot be written")
        if not QtCore.QObject.setProperty(self, name, value):
            raise TypeError(f"{_className(self)}.{name} does not take {value!r}")
    elif type(self).__module__.startswith("PySide6") or (not name.startswith("_") and _is_stand_in(self)):
        raise AttributeError(f"{_className(self)} has no property {name}")
    else:
        # PySide's own setter refuses to be called for a class that has another one.
        descriptor = inspect.getattr_static(type(self), name, None)
        if hasattr(descriptor, "__set__"):
            descriptor.__set__(self, value)
        else:
            self.__dict__[name] = value


def _is_stand_in(widget: QtCore.QObject) -> bool:
    return type(widget).__module__.startswith("Testing.bench.")


def _className(self: QtCore.QObject) -> str:
    return QtCore.QObject.metaObject(self).className()


def _signal_signature(self: QtCore.QObject, signature: str) -> str:
    """The normalised signature, if such a signal exists: Slicer only prints a warning if none does."""
    if not isinstance(signature, str) or "(" not in signature:
        raise TypeError(f"connect takes a signal with its argument types, such as 'clicked(bool)', not {signature!r}")
    # MRML nodes travel as Python objects through the stand-ins.
    normal = re.sub(r"vtkMRML\w+\s*\*", "PyObject", signature).replace(" ", "")
    if QtCore.QObject.metaObject(self).indexOfSignal(normal) < 0:
        raise ValueError(f"{_className(self)} has no signal {signature}")
    return normal


def _connect(self: QtCore.QObject, signature: str, slot: Callable) -> bool:
    normal = _signal_signature(self, signature)
    if not callable(slot):
        raise TypeError(f"{slot!r} cannot be called")
    accepted = _accepted_arguments(slot)

    def guarded(*arguments: object) -> None:
        try:
            slot(*arguments[:accepted])
        except BaseException as error:
            traceback.print_exc()
            raised_in_slots.append(error)

    key = (_address(self), normal)
    if key not in _connections:
        _connections[key] = []
        # The address may be given to another object afterwards.
        QtCore.QObject.connect(self, QtCore.SIGNAL("destroyed()"), lambda: _connections.pop(key, None))
        QtCore.QObject.connect(self, QtCore.SIGNAL(normal), lambda *arguments: _deliver(key, arguments))
    _connections[key].append((slot, guarded))
    return True


def _deliver(key: tuple[int, str], arguments: tuple[object, ...]) -> None:
    for _slot, guarded in list(_connections.get(key, ())):
        guarded(*arguments)


def _disconnect(self: QtCore.QObject, signature: str, slot: Callable) -> bool:
    connected = _connections.get((_address(self), _signal_signature(self, signature)), [])
    for pair in connected:
        if pair[0] == slot:
            connected.remove(pair)
            return True
    return False


def _address(widget: QtCore.QObject) -> int:
    return shiboken6.getCppPointer(widget)[0]


def _accepted_arguments(slot: Callable) -> int | None:
    """How many arguments PythonQt would pass: as many as the callable takes; None for all."""
    try:
        parameters = inspect.signature(slot).parameters.values()
    except (TypeError, ValueError):
        return None
    if any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters):
        return None
    return sum(
        parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD) for parameter in parameters
    )
