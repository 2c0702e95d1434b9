"""The suite's one fixture with a side effect: the bench, for tests that ask for a Slicer."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parent.parent
if str(_ROOT) not in sys.path:
    sys.path.insert(0, str(_ROOT))

# Folders whose tests run against MRML. The others never pay for importing slicer.
_SLICER_FOLDERS = (_ROOT / "Testing" / "mrml", _ROOT / "Testing" / "Python")


def pytest_collect_file(file_path: Path) -> None:
    """Start the bench before the first file that imports slicer; inside Slicer there is nothing to start."""
    if not any(folder in file_path.parents for folder in _SLICER_FOLDERS):
        return
    import slicer

    if not hasattr(slicer, "app"):
        from Testing.bench.headless_slicer import start

        start()


@pytest.fixture
def scene() -> Iterator[object]:
    """The scene of the running Slicer, empty before and after the test."""
    import slicer

    slicer.mrmlScene.Clear(0)
    yield slicer.mrmlScene
    slicer.mrmlScene.Clear(0)
