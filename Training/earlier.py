"""What a run may start from: an earlier run, or exported weights with their card, such as those that ship."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from CardiacCompletionLib.errors import CompletionError
from CardiacCompletionLib.geometry.frame import Reference
from CardiacCompletionLib.model.heart import HeartAutoEncoder
from CardiacCompletionLib.model.weights import load_model
from Training.run_folder import RunFolder


@dataclass(frozen=True)
class Earlier:
    """What was learnt before.

    Attributes:
        name: the folder or file, for messages.
        network: with averaged weights.
        reference: the frame that it expects.
        recipe: what made it, for the next model card.
    """

    name: str
    network: HeartAutoEncoder
    reference: Reference
    recipe: dict[str, Any]

    @classmethod
    def read(cls, path: Path) -> Earlier:
        """Of a run's folder, or of a ``.safetensors`` file with its card beside it.

        Raises:
            CompletionError: if there is nothing that was trained, or a card that does not say how.
        """
        if path.suffix != ".safetensors":
            return cls(str(path), *RunFolder(path).trained())
        model = load_model(path)
        recipe = model.card.get("recipe")
        if not isinstance(recipe, dict) or not {"data_sets", "init"} <= recipe.keys():
            raise CompletionError(
                f"The card of {path.name} does not say how the weights were made: start from weights that "
                "`python -m Training export` wrote."
            )
        return cls(str(path), model.network, model.reference, recipe)
