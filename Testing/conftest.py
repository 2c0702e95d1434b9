"""The suite's one fixture with a side effect: the bench, for tests that ask for a Slicer."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parent.parent
if str(_ROOT) not in sys.path:
    sys.path.insert(0, str(_ROOT))

# Tests against MRML, of the bench's own Qt, and of the panel. All others never import slicer.
_SCENE_TESTS, _BENCH_TESTS, _PANEL_TESTS = (_ROOT / "Testing" / name for name in ("mrml", "bench", "Python"))


def pytest_collect_file(file_path: Path) -> None:
    """Start what a file's tests need before it is imported; inside Slicer there is nothing to start."""
    if file_path.suffix != ".py" or file_path.parent not in (_SCENE_TESTS, _BENCH_TESTS, _PANEL_TESTS):
        return
    import slicer

    if not hasattr(slicer, "app"):
        from Testing.bench.headless_slicer import start

        start()
    if file_path.parent == _SCENE_TESTS or slicer.app.moduleManager().module("CardiacCompletion") is not None:
        return
    from Testing.bench import module_stand_ins

    module_stand_ins.install()
    if file_path.parent == _PANEL_TESTS:
        module_stand_ins.load(_ROOT / "CardiacCompletion" / "CardiacCompletion.py")
        # As Slicer's own test runner does with the folder of a test.
        sys.path.insert(0, str(_PANEL_TESTS))


@pytest.fixture(autouse=True)
def nothing_raised_in_slots() -> Iterator[None]:
    """What a slot raises, Qt swallows; here it fails the test in which it happened."""
    yield
    shim = sys.modules.get("Testing.bench.qt_shim")
    if shim is not None:
        raised, shim.raised_in_slots[:] = list(shim.raised_in_slots), []
        assert not raised, f"raised in slots: {raised}"


@pytest.fixture
def scene() -> Iterator[object]:
    """The scene of the running Slicer, empty before and after the test."""
    import slicer

    slicer.mrmlScene.Clear(0)
    yield slicer.mrmlScene
    slicer.mrmlScene.Clear(0)
