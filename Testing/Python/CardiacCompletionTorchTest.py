"""PyTorch that is missing, broken, or too old, and what the panel makes of it: one question, or one sentence."""

from __future__ import annotations

import sys
import tempfile
import types
import unittest
from pathlib import Path
from unittest.mock import patch

import slicer
from panel import (
    VENTRICLES,
    completeByButton,
    loadHeart,
    openPanel,
    segmentNames,
    trust,
    waitUntil,
)


class CardiacCompletionTorchTest(unittest.TestCase):
    def setUp(self) -> None:
        self.widget = openPanel()
        self.ui = self.widget.ui
        self.heart = loadHeart()
        self.ui.inputSelector.setCurrentNode(self.heart)

    def startCompletion(self) -> None:
        trust(self.widget, VENTRICLES)
        self.ui.completeButton.click()
        assert self.widget.run is not None, self.ui.statusLabel.text

    def test_without_torch_the_panel_says_which_extension_to_install(self) -> None:
        trust(self.widget, VENTRICLES)
        # None in sys.modules is Python's own way of saying that a module is not there.
        with patch.dict(sys.modules, {"torch": None, "PyTorchUtils": None}):
            self.ui.completeButton.click()
        assert self.widget.run is None
        assert self.ui.statusLabel.text.startswith("The extension PyTorch is missing: install it")
        assert self.ui.completeButton.enabled

    def test_torch_is_installed_after_one_question_and_then_the_completion_goes_on(self) -> None:
        installed = []

        class PyTorchUtilsLogic:
            """The PyTorch extension, as far as it is asked for something."""

            def installTorch(self, askConfirmation: bool, torchVersionRequirement: str) -> object:
                del sys.modules["torch"]
                installed.append((askConfirmation, torchVersionRequirement))
                return object()

        extension = types.ModuleType("PyTorchUtils")
        extension.PyTorchUtilsLogic = PyTorchUtilsLogic
        trust(self.widget, VENTRICLES)
        with (
            patch.dict(sys.modules, {"torch": None, "PyTorchUtils": extension}),
            patch.object(slicer.util, "confirmOkCancelDisplay", return_value=False) as question,
        ):
            self.ui.completeButton.click()
            assert self.widget.run is None
            assert self.ui.statusLabel.text == "Without torch hearts cannot be completed."
            assert not installed
            question.return_value = True
            assert "Left atrium" in segmentNames(completeByButton(self.widget))
            assert question.call_count == 2
        assert installed == [(False, ">=2.3")]

    def completeWithTorch(self, code: str) -> str:
        """Press Complete Heart where torch is this code; what the panel says then."""
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "torch.py").write_text(code, encoding="utf-8")
            self.widget.logic.engine.stop()
            environment = {**slicer.util.startupEnvironment(), "PYTHONPATH": folder}
            with patch.object(slicer.util, "startupEnvironment", return_value=environment):
                self.startCompletion()
                waitUntil(lambda: self.widget.run is None)
            self.widget.logic.engine.stop()
        return self.ui.statusLabel.text

    def test_a_torch_that_cannot_be_loaded_is_explained(self) -> None:
        said = self.completeWithTorch("raise ImportError('a library is missing')")
        assert "PyTorch cannot be used (a library is missing)" in said

    def test_a_torch_that_is_built_for_another_graphics_card_is_explained(self) -> None:
        """It can be imported, and fails with the first tensor."""
        said = self.completeWithTorch(
            "class cuda:\n    is_available = staticmethod(lambda: True)\n"
            "def set_num_threads(count): pass\n"
            "def ones(count, device): raise RuntimeError(f'no kernel image for {device}')\n"
        )
        assert "PyTorch cannot be used (no kernel image for cuda)" in said

    def test_a_torch_that_does_not_go_with_numpy_is_explained(self) -> None:
        """As 2.2 beside numpy 2: it can be imported and computes, but takes no array."""
        said = self.completeWithTorch(
            "__version__ = '2.2.2'\n"
            "class cuda:\n    is_available = staticmethod(lambda: False)\n"
            "class ones:\n"
            "    def __init__(self, count, device): self.count = count\n"
            "    def sum(self): return self.count\n"
            "def set_num_threads(count): pass\n"
            "def from_numpy(array): raise RuntimeError('Numpy is not available')\n"
        )
        assert said.startswith("PyTorch 2.2.2 does not go with numpy ")
        assert said.endswith("complete the heart again to install PyTorch 2.3 or newer.")

    def test_a_graphics_card_that_is_full_is_not_blamed_on_torch(self) -> None:
        said = self.completeWithTorch(
            "class cuda:\n    is_available = staticmethod(lambda: True)\n"
            "def set_num_threads(count): pass\n"
            "def ones(count, device): raise RuntimeError('CUDA out of memory. Tried to allocate 2.00 MiB.')\n"
        )
        assert "There is not enough memory for this completion" in said
