"""What the tests of training share: four virtual hearts, prepared, and a run over them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from Training import settings
from Training.__main__ import main

Fit = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four virtual hearts at 3 mm in ``hearts``, prepared in ``prepared``; the last one is kept for tests."""
    folder = tmp_path_factory.mktemp("line")
    assert main(["cohort", "--count", "4", "--spacing", "3", "--out", str(folder / "hearts"), "--workers", "1"]) == 0
    description = folder / "virtual.yaml"
    description.write_text("name: virtual\nfolder: hearts\npattern: 'heart_*.nii.gz'\ntest_fraction: 0.25\n")
    assert main(["prepare", str(description), "--out", str(folder / "prepared"), "--workers", "1"]) == 0
    return folder / "prepared"


@pytest.fixture(scope="session")
def fit() -> Fit:
    """Starts a tiny fit on prepared data as a process of its own, which can be killed."""

    def start(prepared: Path, out: Path, *more: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "Training", "fit", "--preset", "tiny", "--threads", "1", *more]
        return subprocess.Popen(
            [*command, "--data", str(prepared), "--out", str(out)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


@pytest.fixture(scope="session")
def unbroken(prepared: Path, fit: Fit, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that nothing disturbed."""
    out = tmp_path_factory.mktemp("unbroken")
    process = fit(prepared, out)
    process.communicate()
    assert process.returncode == 0
    return out


@pytest.fixture
def changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Adds a preset, the tiny one with other settings, and says its name."""

    def add(**values: float) -> str:
        configs = Path(shutil.copytree(Path(settings.__file__).with_name("configs"), tmp_path / "configs"))
        presets = yaml.safe_load((configs / "presets.yaml").read_text())
        presets["changed"] = {**presets["tiny"], **values}
        (configs / "presets.yaml").write_text(yaml.safe_dump(presets))
        monkeypatch.setattr(settings, "_CONFIGS", configs)
        return "changed"

    return add
