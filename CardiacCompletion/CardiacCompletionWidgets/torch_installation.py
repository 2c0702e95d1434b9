"""PyTorch in Slicer: looked for without importing it, installed through the PyTorch extension after one question."""

from __future__ import annotations

import importlib.util

import slicer
from slicer.i18n import tr as _

from CardiacCompletionLib.errors import CompletionError

# The first that goes with numpy 2, which Slicer brings along.
_VERSION = ">=2.3"


def missingPackages() -> list[str]:
    """Those of torch and safetensors that are not installed; nothing is imported to find out."""
    return [name for name in ("torch", "safetensors") if importlib.util.find_spec(name) is None]


def ensureTorch() -> None:
    """Have torch and safetensors installed; asks once, and only if one is missing.

    Raises:
        CompletionError: if the extension is missing, the user declines, or the installation fails.
    """
    missing = missingPackages()
    if not missing:
        return
    pyTorch = _pyTorchLogic() if "torch" in missing else None
    names = " + ".join(missing)
    question = _("Completing a heart needs {packages}, which will be downloaded (up to 3 GB). Install now?")
    if not slicer.util.confirmOkCancelDisplay(question.format(packages=names)):
        raise CompletionError(_("Without {packages} hearts cannot be completed.").format(packages=names))
    try:
        if pyTorch is not None:
            pyTorch.installTorch(askConfirmation=False, torchVersionRequirement=_VERSION)
        if "safetensors" in missing:
            slicer.util.pip_install("safetensors>=0.4")
    except Exception as error:
        raise CompletionError(
            _("PyTorch could not be installed: open the module PyTorch Util, uninstall it, restart and install again.")
        ) from error


def _pyTorchLogic() -> object:
    try:
        import PyTorchUtils
    except ImportError as error:
        raise CompletionError(
            _(
                "The extension PyTorch is missing: install it in the Extensions Manager, restart Slicer, "
                "then complete the heart again."
            )
        ) from error
    return PyTorchUtils.PyTorchUtilsLogic()
