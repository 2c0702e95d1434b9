"""What the weights can do, read from their card: the panel shows it before PyTorch is there."""

from __future__ import annotations

import json
from pathlib import Path

from CardiacCompletionLib.errors import CompletionError
from CardiacCompletionLib.resources import resource_path

_BUNDLED = "cardiac10.json"


def known_structures(weights: str | None = None) -> tuple[str, ...]:
    """Keys of the structures that a weights file (None: the bundled one) knows.

    Raises:
        CompletionError: if the card beside the weights is missing or damaged.
    """
    try:
        path = Path(weights).with_suffix(".json") if weights else resource_path("Weights", _BUNDLED)
        return tuple(json.loads(path.read_text(encoding="utf-8"))["architecture"]["structures"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CompletionError(
            "The model card beside the weights is missing or damaged: fetch weights and card again."
        ) from error
