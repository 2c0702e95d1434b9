"""Weights on disk: ``NAME.safetensors`` beside ``NAME.json``, its model card. Never a pickle.

The card states architecture, vocabulary, the reference frame, what the model was trained on and how well it does, and
the SHA-256 of the weights, which is verified before a single number is read.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from CardiacCompletionLib.errors import CompletionError, lacks_memory
from CardiacCompletionLib.geometry.frame import Reference
from CardiacCompletionLib.model.config import HeartModelConfig
from CardiacCompletionLib.model.heart import HeartAutoEncoder
from CardiacCompletionLib.resources import resource_path

CARD_VERSION = 3
BUNDLED = "cardiac10"
# On disk principal shapes are whole numbers, so many at most, of steps of a power of two, some hundredths of a
# millimetre; what was saved and loaded is saved to the same bytes again.
_PACKED = ("prior.shapes", "prior.fine_shapes")
_STEPS = 127
_STEP = ".step"


@dataclass(frozen=True)
class TrainedModel:
    """A model ready for use, the frame it expects, and its card."""

    network: HeartAutoEncoder
    reference: Reference
    card: dict[str, Any]


def load_model(path: str | Path | None = None, device: str = "cpu") -> TrainedModel:
    """Load weights and card, float32, in evaluation mode.

    Args:
        path: the ``.safetensors`` file, its card beside it; without one, the bundled weights.

    Raises:
        CompletionError: if either file is missing or damaged, or made for another version.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    path = Path(path) if path else resource_path("Weights") / f"{BUNDLED}.safetensors"
    card = _read_card(path.with_suffix(".json"))
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CompletionError(f"The weights {path} cannot be read: check the file name.") from error
    if hashlib.sha256(content).hexdigest() != card["sha256"]:
        raise CompletionError(f"The weights {path.name} do not match their card (SHA-256): fetch both files again.")
    try:
        network = HeartAutoEncoder(HeartModelConfig.from_json(card["architecture"]))
        network.load_state_dict(_unpacked(load(content)))
        reference = Reference.from_json(card["reference"])
    except SafetensorError as error:
        raise CompletionError(f"The weights {path.name} are damaged or not safetensors: fetch them again.") from error
    except (KeyError, TypeError, RuntimeError) as error:
        if lacks_memory(error):
            raise
        raise CompletionError(f"The weights {path.name} were made for another version of CardiacCompletion.") from error
    return TrainedModel(network.to(device).eval(), reference, card)


def save_model(network: HeartAutoEncoder, reference: Reference, facts: Mapping[str, Any], path: str | Path) -> None:
    """Write float16 weights (statistics float32, principal shapes int8) and their card.

    The card takes ``facts`` (recipe, limits) as they are.
    """
    from safetensors.torch import save

    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    halved = {name for name, _ in network.named_parameters()} | {"prior.field"}
    state = {name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()}
    content = save(_packed({name: value.half() if name in halved else value for name, value in state.items()}))
    card = {
        "card_version": CARD_VERSION,
        "sha256": hashlib.sha256(content).hexdigest(),
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "architecture": network.config.to_json(),
        "reference": reference.to_json(),
        **facts,
    }
    path.write_bytes(content)
    path.with_suffix(".json").write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")


def _packed(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Principal shapes as int8, and for each structure what a step is, float32 [C, 1, ...]."""
    packed = dict(state)
    for name in _PACKED:
        shapes = state[name]
        largest = torch.stack([own.abs().max() if own.numel() else own.new_ones(()) for own in shapes])
        step = torch.exp2((largest.clamp(min=1e-6) / _STEPS).log2().ceil())
        packed[name + _STEP] = step.reshape(-1, *[1] * (shapes.dim() - 1))
        packed[name] = (shapes / packed[name + _STEP]).round().to(torch.int8)
    return packed


def _unpacked(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Inverse of :func:`_packed`."""
    shapes = {name: state[name].float() * state[name + _STEP] for name in _PACKED}
    return {name: value for name, value in state.items() if not name.endswith(_STEP)} | shapes


def _read_card(path: Path) -> dict[str, Any]:
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CompletionError(f"The model card {path} is missing or damaged: fetch weights and card again.") from error
    if not isinstance(card, dict) or card.get("card_version") != CARD_VERSION or "sha256" not in card:
        raise CompletionError(f"The model card {path.name} was made for another version of CardiacCompletion.")
    return card


def pick_device(name: str) -> str:
    """``auto`` becomes cuda if it is there, else cpu.

    Never mps, on which no heart has been completed yet: whoever wants to try it asks for it by name.

    Raises:
        CompletionError: if the computer lacks the device asked for.
    """
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return "cuda" if available["cuda"] else "cpu"
    if not available.get(name, False):
        raise CompletionError(f"This computer has no {name} device: choose auto or cpu.")
    return name
