"""The package that Slicer would install: complete by its lists, and working where nothing else is."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from Testing.packaging.cmake_lists import LISTS, ROOT, listed, wanted

_OPEN_AND_COMPLETE = """
import sys
from pathlib import Path
package, checkout = map(Path, sys.argv[1:])
sys.path = [str(package), *(path for path in sys.path if Path(path or '.').resolve() != checkout)]
sys.path.append(str(checkout / "Testing" / ".."))  # the bench, and only behind the package
from Testing.bench import module_stand_ins
from Testing.bench.headless_slicer import start
start()
module_stand_ins.install()
module_stand_ins.load(package / "CardiacCompletion.py")
import slicer
widget = slicer.util.getModuleWidget("CardiacCompletion")
import CardiacCompletionLib
assert Path(CardiacCompletionLib.__file__).is_relative_to(package), CardiacCompletionLib.__file__
heavy = {"torch", "safetensors", "scipy"} & sys.modules.keys()
assert not heavy, f"imported at start-up: {heavy}"
widget.ui.sampleButton.click()
assert widget.ui.completeButton.enabled, widget.ui.completeButton.toolTip
heavy = {"torch", "safetensors"} & sys.modules.keys()
assert not heavy, f"imported before a completion: {heavy}"
from CardiacCompletion import CardiacCompletionLogic
logic = CardiacCompletionLogic()
whole = logic.complete(widget._parameterNode.inputSegmentation, ["left_ventricle", "myocardium"], spacing=4.0)
logic.engine.stop()
print("segments:", whole.GetSegmentation().GetNumberOfSegments())
"""


@pytest.mark.parametrize("name", LISTS)
def test_the_cmake_list_names_every_file_and_no_other(name: str) -> None:
    found, expected = set(listed(name)), set(wanted(name))
    assert found == expected, (
        f"{name}: missing {sorted(expected - found)}, too much {sorted(found - expected)}; "
        "run python -m Testing.packaging.cmake_lists"
    )


def test_the_tests_listed_for_slicer_are_the_tests_there_are() -> None:
    text = (ROOT / "Testing" / "Python" / "CMakeLists.txt").read_text(encoding="utf-8")
    names = re.search(r"IN ITEMS ([\w\s]+)\)", text)[1].split()
    assert sorted(names) == sorted(path.stem for path in (ROOT / "Testing" / "Python").glob("*Test.py"))


def test_the_installed_package_opens_and_completes(tmp_path: Path) -> None:
    """A tree made of the lists alone, in a path with a space, as the installer lays it out."""
    package = tmp_path / "qt scripted modules"
    for name, (file, _folder, _pattern) in LISTS.items():
        for entry in listed(name):
            target = package / entry
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / Path(file).parent / entry, target)
    script = tmp_path / "open.py"
    script.write_text(_OPEN_AND_COMPLETE, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-I", str(script), str(package), str(ROOT)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    assert int(re.search(r"segments: (\d+)", done.stdout)[1]) > 2


def test_the_extensions_index_entry_has_what_the_index_asks_for() -> None:
    entry = json.loads((ROOT / "CardiacCompletion.json").read_text(encoding="utf-8"))
    required = {"$schema", "category", "scm_url"}
    optional = {"scm_revision", "scm_type", "build_dependencies", "build_subdirectory", "enabled", "tier"}
    assert required <= entry.keys() <= required | optional
    top = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
    assert re.search(r"project\((\w+)\)", top)[1] == "CardiacCompletion"
    assert entry["category"] == re.search(r'EXTENSION_CATEGORY "(.*)"', top)[1]
    assert entry["build_dependencies"] == re.search(r'EXTENSION_DEPENDS "(.*)"', top)[1].split()
    assert entry["scm_url"] == re.search(r'EXTENSION_HOMEPAGE "(.*)"', top)[1]
    assert Path(entry["scm_url"]).name.startswith("Slicer")
    repository = entry["scm_url"].removeprefix("https://github.com/")
    for name in ("ICONURL", "SCREENSHOTURLS"):
        for url in re.search(rf'EXTENSION_{name} "(.*)"', top)[1].split():
            place, _, path = url.partition(f"/{entry['scm_revision']}/")
            assert place == f"https://raw.githubusercontent.com/{repository}"
            assert (ROOT / path).is_file(), path
