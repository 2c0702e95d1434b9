"""Slicer's base classes for scripted modules, loading a module file, and opening its panel.

install()
load("CardiacCompletion/CardiacCompletion.py")
widget = slicer.util.getModuleWidget("CardiacCompletion")
"""

from __future__ import annotations

import importlib
import logging
import sys
import types
import typing
import unittest
from pathlib import Path

import slicer

from Testing.bench import qt_shim


def install() -> None:
    """Give ``slicer`` the Python packages that its application brings; calling it twice is harmless."""
    qt_shim.install()
    if "slicer.ScriptedLoadableModule" in sys.modules:
        return
    from Testing.bench import parameter_node

    bases = (
        ScriptedLoadableModule,
        ScriptedLoadableModuleWidget,
        ScriptedLoadableModuleLogic,
        ScriptedLoadableModuleTest,
    )
    _provide("ScriptedLoadableModule", **{base.__name__: base for base in bases})
    _provide("i18n", tr=lambda text: text, translate=lambda context, text: text)
    _provide(
        "parameterNodeWrapper",
        parameterNodeWrapper=parameter_node.parameterNodeWrapper,
        WithinRange=parameter_node.WithinRange,
        Choice=parameter_node.Choice,
    )
    slicer.qSlicerScriptedLoadableModuleWidget = _WidgetRepresentation
    sys.modules["SampleData"] = types.ModuleType("SampleData")
    sys.modules["SampleData"].SampleDataLogic = SampleDataLogic


def load(path: Path) -> ModuleProxy:
    """Import a module file, make its module object and tell the module manager, as Slicer's factory does."""
    if slicer.app.moduleManager().module(path.stem) is None:
        if str(path.parent) not in sys.path:
            sys.path.insert(0, str(path.parent))
        slicer.app.moduleManager().add(ModuleProxy(path))
        slicer.app.completeStartup()
    return slicer.app.moduleManager().module(path.stem)


def _provide(name: str, **members: object) -> None:
    module = types.ModuleType(f"slicer.{name}")
    module.__all__ = list(members)
    vars(module).update(members)
    sys.modules[module.__name__] = module
    setattr(slicer, name, module)


class ModuleProxy:
    """The C++ module object that a scripted module fills in: title, help text and so on."""

    def __init__(self, path: Path) -> None:
        self.name, self.path = path.stem, str(path)
        self.title, self.helpText, self.acknowledgementText = "", "", ""
        self.categories: list[str] = []
        self.contributors: list[str] = []
        self.dependencies: list[str] = []
        self.icon = None
        self._startup: list[object] = []
        self._representation: _WidgetRepresentation | None = None
        self._python = importlib.import_module(self.name)
        self.scripted = getattr(self._python, self.name)(self)

    def widgetRepresentation(self) -> _WidgetRepresentation:
        if self._representation is None:
            self._representation = _WidgetRepresentation(getattr(self._python, f"{self.name}Widget"))
        return self._representation


class _WidgetRepresentation:
    """The qSlicerScriptedLoadableModuleWidget: it owns the panel and calls the Python class."""

    def __init__(self, widgetClass: type) -> None:
        self.panel = slicer.qMRMLWidget()
        self.panel.setLayout(sys.modules["qt"].QVBoxLayout())
        self.panel.setMRMLScene(slicer.mrmlScene)
        self._python = widgetClass(self.panel)
        self._python.setup()

    def self(self) -> ScriptedLoadableModuleWidget:
        return self._python


class SampleDataLogic:
    """The Sample Data module's list of sources."""

    sources: typing.ClassVar[list[dict[str, object]]] = []

    @staticmethod
    def registerCustomSampleDataSource(
        category: str,
        sampleName: str,
        thumbnailFileName: str,
        uris: str,
        fileNames: str,
        nodeNames: str,
        loadFileTypes: str,
        checksums: str,
    ) -> None:
        if not Path(thumbnailFileName).is_file():
            raise FileNotFoundError(thumbnailFileName)
        SampleDataLogic.sources.append({"name": sampleName, "category": category, "uri": uris, "checksum": checksums})


class ScriptedLoadableModule:
    def __init__(self, parent: ModuleProxy) -> None:
        self.parent = parent
        self.moduleName = type(self).__name__
        slicer.selfTests = {**getattr(slicer, "selfTests", {}), self.moduleName: self.runTest}

    def runTest(self) -> None:
        """What Reload and Test calls."""
        getattr(sys.modules[type(self).__module__], f"{self.moduleName}Test")().runTest()

    def resourcePath(self, name: str) -> str:
        return str(Path(self.parent.path).parent / "Resources" / name)


class ScriptedLoadableModuleWidget:
    def __init__(self, parent: object) -> None:
        self.moduleName = type(self).__name__.removesuffix("Widget")
        self.parent = parent
        self.layout = parent.layout()

    def setup(self) -> None:
        """The developer section, which is not shown here."""

    def resourcePath(self, name: str) -> str:
        return str(Path(slicer.util.modulePath(self.moduleName)).parent / "Resources" / name)


class ScriptedLoadableModuleLogic:
    def __init__(self) -> None:
        self.moduleName = type(self).__name__.removesuffix("Logic")

    def getParameterNode(self) -> slicer.vtkMRMLScriptedModuleNode:
        """The module's singleton node, made on first use."""
        found = slicer.mrmlScene.GetSingletonNode(self.moduleName, "vtkMRMLScriptedModuleNode")
        if found is not None:
            # Closing the scene resets the attributes of singletons.
            found.SetAttribute("ModuleName", self.moduleName)
            return found
        node = slicer.mrmlScene.CreateNodeByClass("vtkMRMLScriptedModuleNode")
        node.UnRegister(None)
        node.SetSingletonTag(self.moduleName)
        node.SetModuleName(self.moduleName)
        node.SetName(self.moduleName)
        return slicer.mrmlScene.AddNode(node)


class ScriptedLoadableModuleTest(unittest.TestCase):
    def delayDisplay(self, message: str, msec: int = 0) -> None:
        logging.info(message)

    def runTest(self) -> None:
        """What Slicer's Reload and Test button calls; derived classes call their tests here."""
