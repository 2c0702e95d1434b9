"""Layers import one way, heavy packages come late, and Qt stays in the Slicer module."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LIBRARY = ROOT / "CardiacCompletionLib"

# Each room and the rooms it may import from.
GROUND = {"errors", "resources", "anatomy", "geometry"}
ALLOWED = {
    "errors": set(),
    "resources": set(),
    "geometry": GROUND,
    "anatomy": GROUND,
    "model": GROUND | {"model"},
    "files": GROUND | {"files"},
    "completion": GROUND | {"model", "completion"},
    "command_line": GROUND | {"files", "completion", "command_line"},
    "mrml": GROUND | {"completion", "mrml"},
}
RUN_TIME = {"numpy", "scipy", "vtk", "vtkmodules", "SimpleITK", "torch", "safetensors"}


def imported_names(path: Path) -> set[str]:
    """Every absolute module name a file imports, wherever in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names.add(node.module)
        elif isinstance(node, ast.ImportFrom):
            pytest.fail(f"{path}: relative import hides which room it reaches into")
    return names


def library_files() -> list[Path]:
    return sorted(path for path in LIBRARY.rglob("*.py") if path.parent != LIBRARY or path.stem in ALLOWED)


@pytest.mark.parametrize("path", library_files(), ids=lambda path: str(path.relative_to(LIBRARY)))
def test_a_room_imports_only_the_rooms_below_it(path: Path) -> None:
    parts = path.relative_to(LIBRARY).with_suffix("").parts
    for name in imported_names(path):
        top, *rest = name.split(".")
        assert top not in {"Training", "Testing", "CardiacCompletion", "qt", "ctk", "PySide6"}, name
        if top == "CardiacCompletionLib" and rest:
            assert rest[0] in ALLOWED[parts[0]], f"{'.'.join(parts)} must not import {name}"
        elif top == "slicer":
            assert parts[0] == "mrml", f"{'.'.join(parts)} must not know Slicer"
        elif top != "CardiacCompletionLib":
            assert top in RUN_TIME or top in sys.stdlib_module_names, f"{name} is not there inside Slicer"


def test_torch_is_not_imported_before_a_completion_starts() -> None:
    code = (
        "import sys, CardiacCompletionLib, CardiacCompletionLib.command_line.main as command;"
        "from CardiacCompletionLib import HeartCompleter;"
        "command.main(['classes']);"
        "sys.exit(int('torch' in sys.modules or 'safetensors' in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=False).returncode == 0
