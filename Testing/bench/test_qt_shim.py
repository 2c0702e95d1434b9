"""The Qt half of the bench is strict: what would pass unnoticed in Slicer, or crash it, fails here."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import ctk
import pytest
import qt
import slicer
from slicer.parameterNodeWrapper import Choice, WithinRange, parameterNodeWrapper

from Testing.bench import qt_shim

_UI = """<?xml version="1.0"?>
<ui version="4.0"><widget class="qMRMLWidget" name="Panel"><layout class="QVBoxLayout" name="layout">
<item>{item}</item></layout></widget>{connections}</ui>"""


def _load(tmp_path: Path, item: str, connections: str = "") -> qt.QWidget:
    path = tmp_path / "Panel.ui"
    path.write_text(_UI.format(item=item, connections=connections), encoding="utf-8")
    return slicer.util.loadUI(str(path))


def test_properties_are_attributes_and_not_methods():
    button = qt.QPushButton("Go")
    assert button.text == "Go"
    button.enabled = False
    assert not button.enabled
    with pytest.raises(TypeError, match="not callable"):
        button.text()


def test_signals_are_connected_by_signature_and_slots_get_what_they_take():
    button, heard = qt.QPushButton(), []
    button.checkable = True
    button.connect("clicked(bool)", heard.append)
    button.connect("clicked()", lambda: heard.append("clicked"))
    button.click()
    assert heard == [True, "clicked"]
    assert button.disconnect("clicked(bool)", heard.append)
    button.click()
    assert heard == [True, "clicked", "clicked"]


@pytest.mark.parametrize(
    ("mistake", "error"),
    [
        (lambda: qt.QPushButton().connect("clickd(bool)", print), ValueError),
        (lambda: qt.QPushButton().connect("clicked", print), TypeError),
        (lambda: qt.QPushButton().connect("clicked(bool)", "print"), TypeError),
        (lambda: setattr(qt.QPushButton(), "txt", "Go"), AttributeError),
        (lambda: setattr(qt.QPushButton(), "enabled", [1]), TypeError),
        (lambda: setattr(slicer.qMRMLNodeComboBox(), "nodeType", ""), AttributeError),
        (lambda: qt.Signal, AttributeError),
        (lambda: ctk.ctkSliderWidget, AttributeError),
        (lambda: slicer.app.connect("aboutToQuit()", print), ValueError),
    ],
)
def test_mistakes_that_slicer_forgives_raise(mistake, error):
    with pytest.raises(error):
        mistake()


def test_what_a_slot_raises_is_kept_for_the_test_to_fail_by():
    button = qt.QPushButton()
    button.connect("clicked()", lambda: 1 / 0)
    button.click()
    assert [type(error) for error in qt_shim.raised_in_slots] == [ZeroDivisionError]
    qt_shim.raised_in_slots.clear()


def test_an_unknown_widget_in_a_ui_file_raises(tmp_path):
    with pytest.raises(ValueError, match="ctkRangeWidget"):
        _load(tmp_path, '<widget class="ctkRangeWidget" name="range"/>')


def test_an_unknown_property_in_a_ui_file_raises(tmp_path):
    item = '<widget class="qMRMLNodeComboBox" name="s"><property name="nodeTyp"><string>x</string></property></widget>'
    with pytest.raises(ValueError, match="nodeTyp"):
        _load(tmp_path, item)


def test_a_connection_to_nowhere_in_a_ui_file_raises(tmp_path):
    connection = (
        "<connections><connection><sender>Panel</sender><signal>mrmlSceneChanged(vtkMRMLScene*)</signal>"
        "<receiver>nobody</receiver><slot>setMRMLScene(vtkMRMLScene*)</slot></connection></connections>"
    )
    with pytest.raises(ValueError, match="nobody"):
        _load(tmp_path, '<widget class="QLabel" name="label"/>', connection)


def test_a_section_that_opens_shows_nothing_that_was_hidden_before():
    section = ctk.ctkCollapsibleButton()
    layout = qt.QVBoxLayout(section)
    shown, hidden = qt.QLabel("shown"), qt.QLabel("hidden")
    for label in (shown, hidden):
        layout.addWidget(label)
    section.show()
    hidden.visible = False
    section.collapsed = True
    assert shown.isHidden()
    section.collapsed = False
    assert not shown.isHidden()
    assert hidden.isHidden()


def test_a_node_selector_follows_the_scene_but_chooses_nothing_by_itself(scene):
    selector = slicer.qMRMLNodeComboBox()
    selector.nodeTypes = ["vtkMRMLSegmentationNode"]
    selector.noneEnabled = True
    selector.setMRMLScene(scene)
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Heart")
    assert selector.nodeCount() == 1
    assert selector.currentNode() is None
    selector.setCurrentNode(node)
    scene.RemoveNode(node)
    assert selector.currentNode() is None


@parameterNodeWrapper
class _Parameters:
    """A few of the types a panel stores."""

    heart: slicer.vtkMRMLSegmentationNode
    keys: list[str]
    spacing: Annotated[float, WithinRange(0.5, 5.0)] = 1.0
    device: Annotated[str, Choice(["auto", "cpu"])] = "auto"


def test_parameters_live_in_the_node_and_are_checked(scene):
    node = scene.AddNewNodeByClass("vtkMRMLScriptedModuleNode")
    parameters = _Parameters(node)
    parameters.keys = ["aorta"]
    parameters.spacing = 2.5
    again = _Parameters(node)
    assert (again.keys, again.spacing, again.device, again.heart) == (["aorta"], 2.5, "auto", None)
    with pytest.raises(ValueError, match="not within"):
        parameters.spacing = 9.0
    with pytest.raises(ValueError, match="not one of"):
        parameters.device = "gpu"
    with pytest.raises(TypeError):
        parameters.heart = "Heart"


def test_parameters_and_widgets_follow_each_other(scene):
    parameters = _Parameters(scene.AddNewNodeByClass("vtkMRMLScriptedModuleNode"))
    box = qt.QDoubleSpinBox()
    box.setProperty("SlicerParameterName", "spacing")
    tag = parameters.connectGui(type("Ui", (), {})())
    parameters.disconnectGui(tag)
    ui = type("Ui", (), {})()
    ui.box = box
    parameters.connectGui(ui)
    assert (box.minimum, box.maximum, box.value) == (0.5, 5.0, 1.0)
    box.value = 3.0
    assert parameters.spacing == 3.0
    parameters.spacing = 1.5
    assert box.value == 1.5


def test_a_widget_that_names_no_parameter_raises(scene):
    parameters = _Parameters(scene.AddNewNodeByClass("vtkMRMLScriptedModuleNode"))
    ui = type("Ui", (), {})()
    ui.box = qt.QDoubleSpinBox()
    ui.box.setProperty("SlicerParameterName", "spaceing")
    with pytest.raises(ValueError, match="spaceing"):
        parameters.connectGui(ui)


def test_as_in_slicer_only_what_was_connected_by_name_can_be_disconnected(scene):
    parameters = _Parameters(scene.AddNewNodeByClass("vtkMRMLScriptedModuleNode"))
    box = qt.QDoubleSpinBox()
    box.setProperty("SlicerParameterName", "spacing")
    ui = type("Ui", (), {})()
    ui.box = box
    parameters.disconnectGui(parameters.connectParametersToGui({"spacing": box}))
    box.value = 3.0
    assert parameters.spacing == 1.0
    parameters.disconnectGui(parameters.connectGui(ui))
    box.value = 4.0
    assert parameters.spacing == 4.0
