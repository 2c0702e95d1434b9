"""Where the data that ships with the library lies: beside the package in a checkout, inside it when installed."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def resource_path(*parts: str) -> Path:
    """Path of a shipped file or folder, e.g. ``resource_path("Anatomy", "structures.json")``.

    Raises:
        FileNotFoundError: if neither place holds it, which means a broken installation.
    """
    for root in (_PACKAGE / "Resources", _PACKAGE.parent / "Resources"):
        candidate = root.joinpath(*parts)
        if candidate.exists():
            return candidate
    raise FileNotFoundError(f"CardiacCompletion is not fully installed: {Path(*parts)} is missing from its Resources.")
