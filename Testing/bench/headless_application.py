"""The part of ``slicer.app`` and ``slicer.modules`` that has a meaning without windows; anything else raises."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable

import slicer

from Testing.bench.core_io import CoreIOManager


class LogicOnlyModule:
    """A loadable C++ module of which only the logic exists here."""

    def __init__(self, name: str, logic: slicer.vtkMRMLAbstractLogic) -> None:
        self.name = name
        self._logic = logic

    def logic(self) -> slicer.vtkMRMLAbstractLogic:
        return self._logic

    def widgetRepresentation(self) -> None:
        return None


class ModuleManager:
    """Modules by name; each is an attribute of ``slicer.modules`` in lower case, as in Slicer."""

    def __init__(self) -> None:
        self._modules: dict[str, object] = {}

    def add(self, module: object) -> None:
        self._modules[module.name] = module
        setattr(slicer.modules, module.name.lower(), module)

    def module(self, name: str) -> object | None:
        return self._modules.get(name)


class StartupEnvironment:
    """The environment variables Slicer was started with: here, those of this process."""

    def keys(self) -> list[str]:
        return list(os.environ)

    def value(self, name: str) -> str:
        return os.environ[name]


class HeadlessApplication:
    """``slicer.app`` without a window, in testing mode: confirmations are accepted, messages are logged."""

    applicationName = "Slicer"

    def __init__(self, scene: slicer.vtkMRMLScene, applicationLogic: slicer.vtkSlicerApplicationLogic) -> None:
        self._applicationLogic = applicationLogic
        self._coreIOManager = CoreIOManager(scene)
        self._moduleManager = ModuleManager()
        self._onStartup: list[Callable[[], None]] = []
        self._temporaryDirectory = tempfile.TemporaryDirectory(prefix="slicer-")

    @property
    def temporaryPath(self) -> str:
        return self._temporaryDirectory.name

    def applicationLogic(self) -> slicer.vtkSlicerApplicationLogic:
        return self._applicationLogic

    def coreIOManager(self) -> CoreIOManager:
        return self._coreIOManager

    def moduleManager(self) -> ModuleManager:
        return self._moduleManager

    def layoutManager(self) -> None:
        """None, as in Slicer started with ``--no-main-window``."""

    def startupEnvironment(self) -> StartupEnvironment:
        return StartupEnvironment()

    def testingEnabled(self) -> bool:
        return True

    def connect(self, signal: str, slot: Callable[[], None]) -> None:
        """The one signal there is, ``startupCompleted()``."""
        if signal != "startupCompleted()":
            raise ValueError(f"qSlicerApplication has no signal {signal} on this bench")
        self._onStartup.append(slot)

    def completeStartup(self) -> None:
        """What Slicer does once all modules are loaded: tell those who asked for it."""
        waiting, self._onStartup = self._onStartup, []
        for slot in waiting:
            slot()

    def processEvents(self) -> None:
        """Let Qt work off its events, where the bench runs with Qt."""
        if "qt" in sys.modules:
            sys.modules["qt"].QApplication.processEvents()
